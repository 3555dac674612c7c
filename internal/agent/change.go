package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tem/internal/message"
	"tem/internal/wire/imap/imapclient"
)

// change opens the folder for writing and does something to the messages named.
func (e *Env) change(ctx context.Context, ids []string, verb string, do func(b *inbox, set string) error) error {
	b, err := e.folder(ctx, false)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	uids, err := b.resolve(ctx, ids)
	if err != nil {
		return err
	}
	set := imapclient.FormatSet(uids)
	if err := do(b, set); err != nil {
		return coded(fmt.Errorf("%s %s: %w", verb, set, err))
	}
	if e.JSON {
		return e.printJSON(map[string]any{"done": verb, "folder": b.Selected(), "ids": uids})
	}
	e.sayf("%s: %d message(s).", verb, len(uids))
	return nil
}

// Move files messages in another folder.
func (e *Env) Move(ctx context.Context, ids []string, to string) error {
	return e.change(ctx, ids, "move", func(b *inbox, set string) error { return b.Move(ctx, set, to) })
}

// Delete moves messages to the trash; for ever, or from the trash itself, it removes them.
func (e *Env) Delete(ctx context.Context, ids []string, forever bool) error {
	return e.change(ctx, ids, "delete", func(b *inbox, set string) error {
		if forever {
			return b.Remove(ctx, set)
		}
		trash, err := special(ctx, b.Client, `\Trash`, "Trash")
		if err != nil {
			return err
		}
		if trash == b.Selected() {
			return b.Remove(ctx, set)
		}
		return b.Move(ctx, set, trash)
	})
}

// Flag sets (+seen) and clears (-seen) flags.
func (e *Env) Flag(ctx context.Context, ids, changes []string) error {
	if len(changes) == 0 {
		return failf(Usage, "no flag change is given: +seen, -flagged …")
	}
	for _, c := range changes {
		if len(c) < 2 || c[0] != '+' && c[0] != '-' || c[1] == '-' || strings.ContainsAny(c[1:], " ()\"\\{%*\r\n") {
			return failf(Usage, "%q is no flag change: +seen, -flagged, +answered, +$Later …", c)
		}
	}
	return e.change(ctx, ids, "flag", func(b *inbox, set string) error {
		for _, c := range changes {
			if err := b.Store(ctx, set, c[:1], []string{wireFlag(c[1:])}); err != nil {
				return err
			}
		}
		return nil
	})
}

// wireFlag gives system flags their backslash; others are keywords.
func wireFlag(name string) string {
	switch strings.ToLower(name) {
	case "seen", "flagged", "answered", "deleted", "draft":
		return `\` + strings.ToUpper(name[:1]) + strings.ToLower(name[1:])
	}
	return name
}

// Save writes a message's attachments (or only one, part > 0) into dir and
// never over another file.
func (e *Env) Save(ctx context.Context, ids []string, dir string, part int) error {
	b, err := e.folder(ctx, true)
	if err != nil {
		return err
	}
	defer b.close(ctx)
	saved := 0
	bar := e.progress("receiving")
	b.Progress = bar.at
	err = b.each(ctx, ids, imapclient.Whole, func(m *imapclient.Message) error {
		l, err := openLetter(m.Body)
		if err != nil {
			return err
		}
		n, err := e.saveFiles(l, dir, part)
		saved += n
		return err
	})
	bar.done()
	if err == nil && saved == 0 {
		return failf(NoMatch, "no such attachment")
	}
	return err
}

func (e *Env) saveFiles(l *letter, dir string, part int) (n int, err error) {
	for _, f := range l.files() {
		if part != 0 && f.Part != part {
			continue
		}
		name, err := createNew(dir, or(f.Name, fmt.Sprintf("part-%d", f.Part)))
		if err != nil {
			return n, err
		}
		size, err := name.ReadFrom(message.Content(strings.NewReader(l.raw), f.part))
		if cerr := name.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return n, err
		}
		n++
		if e.JSON {
			err = e.printJSON(map[string]any{"file": name.Name(), "type": f.Type, "size": size})
		} else {
			_, err = fmt.Fprintf(e.Out, "%s\t%s\n", name.Name(), sizeText(size))
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// createNew makes a file that did not exist: name, name-1, name-2 …
func createNew(dir, name string) (*os.File, error) {
	name = safeName(name)
	ext := filepath.Ext(name)
	base := strings.TrimSuffix(name, ext)
	for i := range 1000 {
		try := name
		if i > 0 {
			try = fmt.Sprintf("%s-%d%s", base, i, ext)
		}
		f, err := os.OpenFile(filepath.Join(dir, try), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if !os.IsExist(err) {
			return f, err
		}
	}
	return nil, fmt.Errorf("save %s: a thousand files have that name", name)
}
