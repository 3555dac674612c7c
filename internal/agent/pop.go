package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tem/internal/wire/pop3"
)

// Pop is what `pop` was told.
type Pop struct {
	Mbox, Maildir string // one of them
	Delete        bool   // delete on the server what is safely here
}

// Pop downloads the messages not yet seen over POP3. What was downloaded is
// remembered by UIDL, so a second run gets only what is new (RFC 1939 §7).
func (e *Env) Pop(ctx context.Context, o Pop) error {
	a, err := e.account()
	if err != nil {
		return err
	}
	if o.Mbox == "" && o.Maildir == "" {
		o.Maildir = filepath.Join(e.stateDir(), "pop", safeName(a.Address))
	}
	c, err := e.pop3(ctx, a)
	if err != nil {
		return err
	}
	defer c.Close()
	n, err := e.download(ctx, c, a, o)
	if err != nil {
		return coded(err)
	}
	if err := c.Quit(ctx); err != nil { // deletions happen now
		return coded(err)
	}
	where := or(o.Mbox, o.Maildir)
	if e.JSON {
		return e.printJSON(map[string]any{"downloaded": n, "to": where})
	}
	e.sayf("%d new message(s) in %s.", n, where)
	return nil
}

func (e *Env) download(ctx context.Context, c *pop3.Client, a *Account, o Pop) (n int, err error) {
	all, err := c.UIDL(ctx)
	if err != nil {
		return 0, err
	}
	file := filepath.Join(e.stateDir(), "uidl", safeName(a.Address+" "+or(o.Mbox, o.Maildir))+".json")
	seen := stillThere(loadSeen(file), all)
	for _, m := range all {
		if !seen[m.ID] {
			if err := e.fetchPOP(ctx, c, m, o); err != nil {
				return n, err
			}
			n++
			seen[m.ID] = true
			if err := saveSeen(file, seen); err != nil {
				return n, err
			}
		}
		if o.Delete {
			if err := c.Dele(ctx, m.N); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// stillThere leaves out what the server holds no more.
func stillThere(seen map[string]bool, all []pop3.Unique) map[string]bool {
	kept := map[string]bool{}
	for _, m := range all {
		if seen[m.ID] {
			kept[m.ID] = true
		}
	}
	return kept
}

func loadSeen(file string) map[string]bool {
	seen := map[string]bool{}
	raw, err := os.ReadFile(file)
	var ids []string
	if err == nil && json.Unmarshal(raw, &ids) == nil {
		for _, id := range ids {
			seen[id] = true
		}
	}
	return seen
}

func saveSeen(file string, seen map[string]bool) error {
	ids := make([]string, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	raw, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return writeFile(file, raw)
}

func (e *Env) fetchPOP(ctx context.Context, c *pop3.Client, m pop3.Unique, o Pop) error {
	body, err := c.Retr(ctx, m.N)
	if err != nil {
		return err
	}
	if o.Mbox != "" {
		err = appendMbox(o.Mbox, body, e.Now())
	} else {
		err = deliverMaildir(o.Maildir, fmt.Sprintf("%d.%s.tem", e.Now().UnixNano(), safeName(m.ID)), body)
	}
	if err != nil {
		return fmt.Errorf("message %d: %w", m.N, err)
	}
	return nil
}

// deliverMaildir writes into tmp and renames into new, so that a reader never
// sees half a message.
func deliverMaildir(dir, name string, r io.Reader) error {
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	tmp := filepath.Join(dir, "tmp", name)
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	err = copyLines(f, r, false)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "new", name))
}

// appendMbox adds one message in the mboxrd form; a failure takes it out again.
func appendMbox(name string, r io.Reader, now time.Time) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	start, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "From MAILER-DAEMON %s\n", now.UTC().Format(time.ANSIC))
	if err == nil {
		err = copyLines(f, r, true)
	}
	if err == nil {
		_, err = io.WriteString(f, "\n")
	}
	if err == nil {
		return f.Sync()
	}
	_ = f.Truncate(start)
	return err
}

// copyLines turns CRLF into LF and, for mbox, hides lines that begin with From.
func copyLines(w io.Writer, r io.Reader, mbox bool) error {
	in, out := bufio.NewReader(r), bufio.NewWriter(w)
	for {
		l, err := in.ReadString('\n')
		if s, ok := strings.CutSuffix(l, "\r\n"); ok {
			l = s + "\n"
		}
		if mbox && strings.HasPrefix(strings.TrimLeft(l, ">"), "From ") {
			out.WriteByte('>')
		}
		out.WriteString(l)
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			return err
		}
	}
}
