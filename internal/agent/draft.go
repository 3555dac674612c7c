package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A draft NAME is the file NAME.txt, the text that the editor shows: header
// lines, an empty line, the body. Files that exist only for it, such as a
// letter to be forwarded, lie beside it in NAME.files until it has gone out.

func (e *Env) newDraft() string { return e.Now().Format("20060102-150405.000") }

func (e *Env) draftFile(name string) string {
	return filepath.Join(e.draftDir(), safeName(name)+".txt")
}

func (e *Env) draftFiles(name string) string {
	return filepath.Join(e.draftDir(), safeName(name)+".files")
}

func (e *Env) hasDraft(name string) bool {
	_, err := os.Stat(e.draftFile(name))
	return err == nil
}

func (e *Env) saveDraft(l Letter, name string) error {
	if a, err := e.sender(l); err == nil {
		l.From = a.Address // who wrote it is who sends it, whatever the default will be then
	}
	return writeFile(e.draftFile(name), []byte(template(l)))
}

// forgetDraft removes what is there of a draft.
func (e *Env) forgetDraft(name string) error {
	err := os.Remove(e.draftFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(e.draftFiles(name)))
}

// kept tells where the draft is.
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
	if l.From != "" {
		field("From", l.From)
	}
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
		case "from":
			l.From = value
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

// edit opens the editor on a letter as the draft called name, which stays if
// anything goes wrong.
func (e *Env) edit(ctx context.Context, l *Letter, name string) error {
	err := e.saveDraft(*l, name)
	if err == nil {
		err = e.runEditor(ctx, e.draftFile(name))
	}
	var edited Letter
	if err == nil {
		edited, err = e.loadDraft(name)
	}
	if err != nil {
		e.sayf("The letter is kept as draft %s (%s).", name, e.draftFile(name))
		return err
	}
	edited.Draft = l.Draft
	*l = edited
	return nil
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
			l.Subject = fmt.Sprintf("(%v)", err) // still to be listed, so that it can be mended
		}
		if e.JSON {
			if err := e.printJSON(map[string]any{"draft": name, "from": l.From, "to": slices.Concat([]string{}, l.To), "subject": l.Subject}); err != nil {
				return err
			}
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
		return Letter{}, noDraft(name)
	}
	if err != nil {
		return Letter{}, err
	}
	return parseTemplate(string(raw))
}

// DraftEdit opens a draft in the editor.
func (e *Env) DraftEdit(ctx context.Context, name string) error {
	if !e.hasDraft(name) {
		return noDraft(name)
	}
	if !e.InTTY {
		return failf(Usage, "the editor needs a terminal")
	}
	if err := e.runEditor(ctx, e.draftFile(name)); err != nil {
		return err
	}
	if _, err := e.loadDraft(name); err != nil {
		return err
	}
	return e.kept(name)
}

func noDraft(name string) error { return failf(NoMatch, "no draft %s", name) }

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
		if steers(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
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
