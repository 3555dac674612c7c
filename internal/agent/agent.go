// Package agent is the user agent of the command line: accounts, reading,
// writing, filing and watching mail over IMAP, POP3 and SMTP, of any provider.
//
// Invariant: data goes to Env.Out, talk to Env.Err; nothing is asked of a
// person when input is no terminal; a secret is never printed, logged or put
// into an argument of a program. Each verb opens its own connection and closes
// it; no goroutine outlives a verb.
package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Env is where and how a verb runs.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	InTTY    bool // In is a terminal: a person can be asked
	OutTTY   bool
	ErrTTY   bool
	Width    int // columns of Out
	Getenv   func(string) string
	Now      func() time.Time

	Account string // address; "" for the default account
	Folder  string // mailbox of the messages named by ids
	JSON    bool   // one object per line instead of tables
	Lang    string // "en" or "vi"
	Trace   bool   // show the dialogue on Err
	Times   bool   // with timings
}

// printJSON writes one object on a line of its own.
func (e *Env) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // <a@b> stays readable
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := e.Out.Write(escapeControls(b.Bytes()))
	return err
}

// sayf tells a person something beside the data.
func (e *Env) sayf(format string, args ...any) {
	fmt.Fprintln(e.Err, visibleText(fmt.Sprintf(format, args...)))
}

// home is the directory that an XDG variable names, or its default under $HOME.
func (e *Env) home(variable, fallback string) string {
	if dir := e.Getenv(variable); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tem")
	}
	return filepath.Join(e.Getenv("HOME"), fallback, "tem")
}

func (e *Env) configFile() string {
	return filepath.Join(e.home("XDG_CONFIG_HOME", ".config"), "mail.toml")
}
func (e *Env) stateDir() string { return e.home("XDG_STATE_HOME", ".local/state") }
func (e *Env) draftDir() string { return filepath.Join(e.stateDir(), "drafts") }

// Language is the language that the environment asks for: "vi" or "en".
func Language(getenv func(string) string) string {
	for _, v := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if s := getenv(v); s != "" {
			if strings.HasPrefix(strings.ToLower(s), "vi") {
				return "vi"
			}
			return "en"
		}
	}
	return "en"
}

// writeFile replaces a file of the user's own, mode 0600, in one step.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".tem-*") // created with 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}
