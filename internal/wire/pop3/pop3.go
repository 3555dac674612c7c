// Package pop3 is the language of RFC 1939 and its extensions (RFC 2449
// capabilities, 2595 STLS, 3206 and 2449 response codes, 5034 AUTH, 6856 UTF8
// and LANG): commands parsed for a server, and the client's end of a dialogue.
//
// Invariant: parsing touches no state, and nothing here keeps a goroutine.
package pop3

import (
	"bytes"
	"fmt"
	"strings"
)

// Response codes of an -ERR (RFC 2449 §8, RFC 3206 §4 and 5, RFC 6856 §5).
const (
	CodeInUse     = "IN-USE"      // another session holds the maildrop
	CodeDelay     = "LOGIN-DELAY" // logged in too recently
	CodeTemporary = "SYS/TEMP"    // the server's trouble, for now
	CodePermanent = "SYS/PERM"    // the server's trouble, until somebody mends it
	CodeAuth      = "AUTH"        // the credentials' trouble
	CodeUTF8      = "UTF8"        // the message needs UTF-8 mode
)

// Error is an -ERR response. Code is without brackets, "" for none. Where there
// are Args, Text is a format of package fmt for them.
type Error struct {
	Code, Text string
	Args       []any
}

func (e *Error) Error() string { return e.In(func(text string) string { return text }) }

// In is the response with its text, or the format of it, as translate has it.
func (e *Error) In(translate func(text string) string) string {
	text := translate(e.Text)
	if len(e.Args) > 0 {
		text = fmt.Sprintf(text, e.Args...)
	}
	if e.Code == "" {
		return "-ERR " + text
	}
	return "-ERR [" + e.Code + "] " + text
}

// Temporary says whether the same may succeed later.
func (e *Error) Temporary() bool {
	switch e.Code {
	case CodeInUse, CodeDelay, CodeTemporary:
		return true
	}
	return false
}

// parseError reads what follows "-ERR ".
func parseError(text string) *Error {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if code, text, ok := strings.Cut(rest, "]"); ok {
			return &Error{Code: strings.ToUpper(code), Text: strings.TrimSpace(text)}
		}
	}
	return &Error{Text: text}
}

// Redact hides the secret in one client line, that of PASS and the initial
// response of AUTH, from a tap, also behind blanks that make it no command.
func Redact(line []byte) []byte {
	words := bytes.Fields(line)
	switch {
	case len(words) > 1 && bytes.EqualFold(words[0], []byte("PASS")):
		return fmt.Appendf(nil, "%s ‹secret›", words[0])
	case len(words) > 2 && bytes.EqualFold(words[0], []byte("AUTH")):
		return fmt.Appendf(nil, "%s %s ‹secret›", words[0], words[1])
	}
	return line
}
