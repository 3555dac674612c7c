package dnsplan

import (
	"fmt"
	"io"
	"strings"

	"tem/internal/explain"
)

// State is how a record stands.
type State string

const (
	OK        State = "ok"
	Missing   State = "missing"
	Different State = "different"
	Harmful   State = "harmful" // there is what should not be there
	Unknown   State = "unknown" // nobody could say: name servers do not answer
	Advice    State = "advice"  // it works; it could be better
)

// Finding is what Check says about one record, or about what is wrong with many.
type Finding struct {
	State   State        `json:"state"`
	Purpose Purpose      `json:"purpose"`
	Name    string       `json:"name"`
	Type    string       `json:"type"`
	Want    string       `json:"want,omitempty"` // the line of a zone file
	Have    []string     `json:"have,omitempty"`
	Problem explain.Text `json:"problem,omitzero"`
	Why     explain.Text `json:"why,omitzero"`
	Move    Move         `json:"move"`
}

// ToDo: somebody has to do something.
func (f Finding) ToDo() bool { return f.State != OK && f.State != Advice }

func (s State) text() explain.Text {
	switch s {
	case OK:
		return say("ok", "ổn")
	case Missing:
		return say("missing", "thiếu")
	case Different:
		return say("different", "khác")
	case Harmful:
		return say("harmful", "có hại")
	case Unknown:
		return say("unknown", "chưa rõ")
	}
	return say("advice", "lời khuyên")
}

// WriteFindings writes findings for people. What others wrote is made harmless
// by clean.
func WriteFindings(w io.Writer, findings []Finding, lang string, clean func(string) string) error {
	var b strings.Builder
	todo := 0
	for _, f := range findings {
		if f.ToDo() {
			todo++
		}
		fmt.Fprintf(&b, "%-10s %-5s %s\n", f.State.text().In(lang), f.Type, clean(f.Name))
		if f.State != OK {
			f.details(&b, lang, clean)
		}
	}
	b.WriteString("\n" + summary(todo, len(findings)).In(lang) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (f Finding) details(b *strings.Builder, lang string, clean func(string) string) {
	const indent = "           "
	line := func(label explain.Text, text string) { // whole, to be copied
		b.WriteString(indent + label.In(lang) + ": " + clean(text) + "\n")
	}
	row := func(label explain.Text, text string) {
		if text != "" {
			explain.Wrap(b, indent, indent, label.In(lang)+": "+clean(text))
		}
	}
	if f.Want != "" {
		line(say("publish", "cần đặt"), f.Want)
	}
	for _, h := range f.Have {
		line(say("found", "hiện có"), h)
	}
	row(say("what", "vấn đề"), f.Problem.In(lang))
	row(say("why", "vì sao"), f.Why.In(lang))
	if f.Move != Nobody {
		row(say("whose move", "đến lượt"), f.Move.Text().In(lang))
	}
}

func summary(todo, all int) explain.Text {
	if todo == 0 {
		return say("%d checked: nothing has to be done.", "Đã kiểm tra %d mục: không có gì phải làm.", all)
	}
	return say("%d checked: %d to do.", "Đã kiểm tra %d mục: còn %d việc phải làm.", all, todo)
}
