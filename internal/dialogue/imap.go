package dialogue

import (
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"tem/internal/wire/imap"
)

// imapVerbs tells a command from a tag in what is typed.
const imapVerbs = `CAPABILITY NOOP LOGOUT STARTTLS AUTHENTICATE LOGIN ENABLE SELECT EXAMINE CREATE DELETE RENAME
 SUBSCRIBE UNSUBSCRIBE LIST LSUB NAMESPACE STATUS APPEND IDLE CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE UID
 CHECK ID SORT THREAD GETQUOTA GETQUOTAROOT SETQUOTA GETACL SETACL MYRIGHTS GETMETADATA SETMETADATA NOTIFY COMPRESS`

// imapTalk counts the tags it gives.
type imapTalk struct{ tags int }

func (*imapTalk) redact(l []byte) []byte { return loosely(imap.Redact, l) }

// command gives the line a tag if it has none.
func (p *imapTalk) command(typed string) command {
	words := strings.Fields(typed)
	if len(words) < 2 || isVerb(words[0]) {
		p.tags++
		words = slices.Insert(words, 0, "a"+strconv.Itoa(p.tags))
		typed = words[0] + " " + strings.TrimLeft(typed, " ")
	}
	verb := strings.ToUpper(words[1])
	return command{line: typed, tag: words[0], verb: verb,
		auth:      verb == "LOGIN" || verb == "AUTHENTICATE",
		startsTLS: verb == "STARTTLS", quits: verb == "LOGOUT"}
}

func isVerb(word string) bool {
	return slices.Contains(strings.Fields(imapVerbs), strings.ToUpper(word))
}

// reply reads up to the tagged line, or to the request for the rest of the
// command (RFC 9051 §7). The greeting has no tag; the result has none either.
func (p *imapTalk) reply(t *talk, cmd command) (string, error) {
	for {
		l, err := p.response(t)
		if err != nil || cmd.tag == "" {
			return l, err
		}
		if status, ok := strings.CutPrefix(l, cmd.tag+" "); ok {
			return status, nil
		}
		if l == "+" || strings.HasPrefix(l, "+ ") {
			return l, nil
		}
		if p.closes(l) && !cmd.quits {
			t.judge(l, command{})
		}
	}
}

func (p *imapTalk) unasked(t *talk) (string, error) {
	l, err := p.response(t)
	if err == nil && !p.closes(l) {
		l = "" // EXISTS, a warning: of no weight for the outcome
	}
	return l, err
}

// response reads one response with the literals in it; the result is its first line.
func (p *imapTalk) response(t *talk) (string, error) {
	first, err := t.readLine()
	l := first
	for err == nil && strings.HasPrefix(first, "* ") {
		size, _ := literalSize(l)
		if size < 0 || isStatus(first) {
			return first, nil
		}
		if _, err = io.CopyN(io.Discard, t.conn, int64(size)); err == nil {
			l, err = t.readLine()
		}
	}
	return first, err
}

// isStatus: what follows OK, NO, BAD, BYE and PREAUTH is text, not literals.
func isStatus(l string) bool {
	words := strings.Fields(l)
	return len(words) > 1 && slices.Contains([]string{"OK", "NO", "BAD", "BYE", "PREAUTH"}, strings.ToUpper(words[1]))
}

func (*imapTalk) literal(typed string) (int, bool) { return literalSize(typed) }

func (*imapTalk) closes(reply string) bool {
	return len(reply) >= 5 && strings.EqualFold(reply[:5], "* BYE")
}

func (*imapTalk) upgrade(net.Addr) []string { return []string{"STARTTLS"} }
