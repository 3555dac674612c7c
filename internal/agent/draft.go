package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Drafts are kept as the text that the editor shows: header lines, an empty
// line, the body.

func (e *Env) draftFile(name string) string {
	return filepath.Join(e.draftDir(), safeName(name)+".txt")
}

func (e *Env) saveDraft(l Letter, name string) (string, error) {
	if name == "" {
		name = e.Now().Format("20060102-150405.000")
	}
	return name, writeFile(e.draftFile(name), []byte(template(l)))
}

func (e *Env) kept(name string) error {
	if e.JSON {
		return e.printJSON(map[string]string{"draft": name, "file": e.draftFile(name)})
	}
	e.sayf("Kept as draft %s (%s).", name, e.draftFile(name))
	return nil
}

// template is a letter as text for the editor.
func template(l Letter) string {
	var b strings.Builder
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\n", name, oneLine(value)) }
	field("To", strings.Join(l.To, ", "))
	field("Cc", strings.Join(l.Cc, ", "))
	field("Bcc", strings.Join(l.Bcc, ", "))
	field("Subject", l.Subject)
	for _, a := range l.Attach {
		field("Attach", a)
	}
	for _, id := range l.InReplyTo {
		field("In-Reply-To", id)
	}
	if len(l.References) > 0 {
		field("References", strings.Join(l.References, " "))
	}
	b.WriteString("\n" + l.Body)
	return b.String()
}

func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// parseTemplate reads what the editor left.
func parseTemplate(text string) (Letter, error) {
	var l Letter
	head, body, _ := strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n")
	l.Body = body
	for line := range strings.SplitSeq(strings.TrimRight(head, "\n"), "\n") {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok {
			return l, failf(Usage, "draft: %q is no header line such as \"Subject: …\"", line)
		}
		if value == "" {
			continue
		}
		switch strings.ToLower(name) {
		case "to":
			l.To = append(l.To, value)
		case "cc":
			l.Cc = append(l.Cc, value)
		case "bcc":
			l.Bcc = append(l.Bcc, value)
		case "subject":
			l.Subject = value
		case "attach":
			l.Attach = append(l.Attach, value)
		case "in-reply-to":
			l.InReplyTo = append(l.InReplyTo, value)
		case "references":
			l.References = strings.Fields(value)
		default:
			return l, failf(Usage, "draft: header %q is not known here", name)
		}
	}
	return l, nil
}

// edit opens the editor on a letter.
func (e *Env) edit(ctx context.Context, l *Letter) error {
	f, err := os.CreateTemp("", "tem-*.txt")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(template(*l))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := e.runEditor(ctx, f.Name()); err != nil {
		return err
	}
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	draft := l.Draft
	*l, err = parseTemplate(string(raw))
	l.Draft = draft
	return err
}

func (e *Env) runEditor(ctx context.Context, name string) error {
	editor := or(e.Getenv("VISUAL"), or(e.Getenv("EDITOR"), "vi"))
	c := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", name)
	c.Stdin, c.Stdout, c.Stderr = e.In, e.Out, e.Err
	if err := c.Run(); err != nil {
		return failf(Failure, "editor %s: %w", editor, err)
	}
	return nil
}

// DraftList shows the drafts kept on this machine.
func (e *Env) DraftList() error {
	names, err := filepath.Glob(filepath.Join(e.draftDir(), "*.txt"))
	if err != nil || len(names) == 0 {
		return errors.Join(err, failf(NoMatch, "no drafts"))
	}
	t := table{head: []string{"DRAFT", "TO", "SUBJECT"}, wide: 2}
	for _, file := range names {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		l, err := e.loadDraft(name)
		if err != nil {
			return err
		}
		if e.JSON {
			err = e.printJSON(map[string]any{"draft": name, "to": l.To, "subject": l.Subject})
		}
		if err != nil {
			return err
		}
		t.add(name, strings.Join(l.To, ", "), l.Subject)
	}
	if e.JSON {
		return nil
	}
	return t.print(e)
}

func (e *Env) loadDraft(name string) (Letter, error) {
	raw, err := os.ReadFile(e.draftFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return Letter{}, failf(NoMatch, "no draft %s", name)
	}
	if err != nil {
		return Letter{}, err
	}
	return parseTemplate(string(raw))
}

// DraftEdit opens a draft in the editor.
func (e *Env) DraftEdit(ctx context.Context, name string) error {
	l, err := e.loadDraft(name)
	if err != nil {
		return err
	}
	if !e.InTTY {
		return failf(Usage, "the editor needs a terminal")
	}
	if err := e.edit(ctx, &l); err != nil {
		return err
	}
	_, err = e.saveDraft(l, name)
	return err
}

// DraftSend sends a draft and forgets it.
func (e *Env) DraftSend(ctx context.Context, name string) error {
	l, err := e.loadDraft(name)
	if err != nil {
		return err
	}
	return e.dispatch(ctx, l, name)
}

// safeName is a file name that can't leave its directory.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, s)
	s = strings.TrimLeft(s, ".")
	if s = strings.TrimSpace(s); s == "" {
		return "unnamed"
	}
	for len(s) > 200 { // leaves room for a number
		s = s[:len(s)-1]
	}
	return strings.ToValidUTF8(s, "")
}
