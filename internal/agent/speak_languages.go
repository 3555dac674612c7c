package agent

import (
	"io"
	"strconv"
	"strings"

	"tem/internal/line"
	"tem/internal/wire/imap/imapclient"
	"tem/internal/wire/pop3"
	"tem/internal/wire/smtp"
)

// smtpTalk is SMTP: a reply ends with the line whose code is not followed by
// "-" (RFC 5321 §4.2.1).
type smtpTalk struct{}

func (smtpTalk) prepare(typed string) string { return typed }
func (smtpTalk) startTLS() string            { return "STARTTLS" }
func (smtpTalk) redact(l []byte) []byte      { return smtp.Redact(l) }

func (smtpTalk) answer(c *line.Conn, sent string) (step, int, error) {
	for {
		l, err := lenient(c)
		if err != nil {
			return over, 0, err
		}
		if len(l) > 3 && l[3] == '-' {
			continue
		}
		code, _ := strconv.Atoi(l[:min(3, len(l))])
		return smtpStep(code, sent), errorCode(code), nil
	}
}

func smtpStep(code int, sent string) step {
	switch {
	case code == 334:
		return secret
	case code == 354:
		return content
	case code == 220 && verb(sent) == "STARTTLS":
		return upgrade
	case code == 221, code == 421:
		return over
	}
	return command
}

func errorCode(reply int) int {
	if reply < 400 {
		return 0
	}
	return replyCode(reply)
}

// popTalk is POP3: the answers to some commands go on to a lone dot
// (RFC 1939 §3).
type popTalk struct{}

func (popTalk) prepare(typed string) string { return typed }
func (popTalk) startTLS() string            { return "STLS" }
func (popTalk) redact(l []byte) []byte      { return pop3.Redact(l) }

func (popTalk) answer(c *line.Conn, sent string) (step, int, error) {
	l, err := lenient(c)
	switch {
	case err != nil:
		return over, 0, err
	case l == "+" || strings.HasPrefix(l, "+ "):
		return secret, 0, nil
	case strings.HasPrefix(strings.ToUpper(l), "-ERR"):
		return popStep(sent, false), popReply(l), nil
	}
	if hasMore(sent) {
		if _, err := io.Copy(io.Discard, c.DotReader(false)); err != nil {
			return over, 0, err
		}
	}
	return popStep(sent, true), 0, nil
}

// hasMore reports whether +OK to a command is followed by lines.
func hasMore(sent string) bool {
	f := strings.Fields(sent)
	switch verb(sent) {
	case "RETR", "TOP", "CAPA":
		return true
	case "LIST", "UIDL", "LANG", "AUTH":
		return len(f) == 1
	}
	return false
}

func popStep(sent string, ok bool) step {
	switch {
	case verb(sent) == "QUIT":
		return over
	case ok && verb(sent) == "STLS":
		return upgrade
	}
	return command
}

func popReply(l string) int {
	_, rest, _ := strings.Cut(l, "[")
	code, _, _ := strings.Cut(rest, "]")
	return popCode(&pop3.Error{Code: strings.ToUpper(code)})
}

// imapTalk is IMAP: a reply ends with the line that bears the command's tag,
// or with a continuation request (RFC 9051 §2.2).
type imapTalk struct {
	n    int
	tag  string
	sent string // the command under way
}

func (*imapTalk) startTLS() string       { return "STARTTLS" }
func (*imapTalk) redact(l []byte) []byte { return imapclient.Redact(l) }

// prepare adds a tag to a line that begins with a command.
func (t *imapTalk) prepare(typed string) string {
	first, rest, _ := strings.Cut(typed, " ")
	if isIMAPCommand(first) && !isIMAPCommand(verb(rest)) || rest == "" {
		t.n++
		first, typed, rest = "a"+strconv.Itoa(t.n), "a"+strconv.Itoa(t.n)+" "+typed, typed
	}
	t.tag, t.sent = first, verb(rest)
	return typed
}

func isIMAPCommand(word string) bool {
	const all = " APPEND AUTHENTICATE CAPABILITY CHECK CLOSE COPY CREATE DELETE ENABLE EXAMINE EXPUNGE FETCH GETQUOTA GETQUOTAROOT ID IDLE LIST LOGIN LOGOUT LSUB MOVE NAMESPACE NOOP RENAME SEARCH SELECT SORT STARTTLS STATUS STORE SUBSCRIBE THREAD UID UNSELECT UNSUBSCRIBE "
	return word != "" && strings.Contains(all, " "+strings.ToUpper(word)+" ")
}

func (t *imapTalk) answer(c *line.Conn, sent string) (step, int, error) {
	for {
		l, err := lenient(c)
		if err != nil {
			return over, 0, err
		}
		if err := skipLiterals(c, &l); err != nil {
			return over, 0, err
		}
		switch {
		case sent == "": // the greeting
			return greetingStep(l), 0, nil
		case l == "+" || strings.HasPrefix(l, "+ "):
			if t.sent == "AUTHENTICATE" {
				return secret, 0, nil
			}
			return more, 0, nil
		case strings.HasPrefix(l, t.tag+" "):
			return t.finished(l)
		}
	}
}

func greetingStep(l string) step {
	if strings.HasPrefix(strings.ToUpper(l), "* BYE") {
		return over
	}
	return command
}

func (t *imapTalk) finished(l string) (step, int, error) {
	f := strings.Fields(l)
	kind := ""
	if len(f) > 1 {
		kind = strings.ToUpper(f[1])
	}
	switch {
	case t.sent == "LOGOUT":
		return over, 0, nil
	case kind == "OK" && t.sent == "STARTTLS":
		return upgrade, 0, nil
	case kind == "OK":
		return command, 0, nil
	}
	st := &imapclient.Status{Kind: kind}
	if len(f) > 2 {
		st.Code = strings.ToUpper(strings.Trim(f[2], "[]"))
	}
	return command, statusCode(st), nil
}

// skipLiterals reads the octets of each literal that the server sends and the
// line behind it.
func skipLiterals(c *line.Conn, l *string) error {
	for strings.HasSuffix(*l, "}") {
		i := strings.LastIndexByte(*l, '{')
		if i < 0 {
			return nil
		}
		n, err := strconv.ParseInt((*l)[i+1:len(*l)-1], 10, 64)
		if err != nil {
			return nil // it was only text
		}
		if _, err := io.CopyN(io.Discard, c, n); err != nil {
			return err
		}
		if *l, err = lenient(c); err != nil {
			return err
		}
		*l = " " + *l // never a tagged line
	}
	return nil
}
