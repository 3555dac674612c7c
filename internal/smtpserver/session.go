package smtpserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/delivery"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/message/dsn"
	"tem/internal/trust"
	"tem/internal/wire/smtp"
)

// session is one dialogue.
type session struct {
	*Server
	c   *line.Conn
	log *slog.Logger

	remote    net.Addr // the client's, which a trusted proxy may have told
	visit     *login.Visit
	hello     string // the client's name; "": it has not said it
	extended  bool   // by EHLO
	user      address.Address
	principal string          // who logged in; "": nobody
	pass      *directory.Pass // of that account; nil: nobody
	mail      *transaction
	seen      *trust.Visit      // what is found out about the client; nil: nothing is yet
	leave     func()            // ends that
	dialogue  *journey.Dialogue // what was said since the last message; nil: nobody wants to know

	errors    int // 5xx replies
	idle      int // commands that brought no message on since a recipient was taken
	denials   int // refusals since a message was taken
	authFails int
	ended     bool
}

// transaction is one message under way (RFC 5321 §3.3).
type transaction struct {
	envelope delivery.Envelope
	size     int64   // as MAIL declared it
	lowered  bool    // its priority
	exam     *exam   // what is found out about the message; nil: nothing is
	text     *intake // nil: it has not begun
	lines    lines   // of the chunks
	spoilt   bool    // a chunk failed
}

// verb is one row of the command table.
type verb struct {
	run    func(x *session, ctx context.Context, c *smtp.Command)
	hello  bool // only after HELO or EHLO
	bare   bool // takes no argument
	brings bool // brings a message that was begun on
}

var verbs = map[string]verb{
	"HELO":     {run: (*session).helo},
	"EHLO":     {run: (*session).ehlo},
	"MAIL":     {run: (*session).from, hello: true},
	"RCPT":     {run: (*session).to, hello: true, brings: true},
	"LHLO":     {run: (*session).ehlo},               // by another name (RFC 2033 §4.1)
	"BDAT":     {run: (*session).bdat, brings: true}, // says itself what is missing, when it has read its chunk
	"XCLIENT":  {run: (*session).xclient},
	"DATA":     {run: (*session).data, hello: true, bare: true, brings: true},
	"RSET":     {run: (*session).rset, bare: true},
	"NOOP":     {run: (*session).noop},
	"VRFY":     {run: (*session).vrfy},
	"EXPN":     {run: (*session).expn},
	"HELP":     {run: (*session).help},
	"QUIT":     {run: (*session).quit, bare: true},
	"STARTTLS": {run: (*session).startTLS, bare: true},
	"AUTH":     {run: (*session).auth, hello: true},
}

// known are the commands of the standards that are not implemented (RFC 5321 §4.2.4).
var known = map[string]bool{"TURN": true, "ETRN": true, "SEND": true, "SOML": true, "SAML": true, "ATRN": true, "BURL": true}

func (x *session) run(ctx context.Context) {
	if !x.greet(ctx) {
		return
	}
	for !x.ended {
		l, err := x.c.ReadLine()
		if err == nil && len(l) > maxLine-2 && !isVerb(l, "AUTH") {
			err = line.ErrTooLong
		}
		if ctx.Err() != nil && !x.finishing() { // what is buffered is not begun any more
			err = line.ErrInterrupted
		}
		if err != nil {
			x.unreadable(err)
			x.ended = x.ended || isVerb(l, "BDAT") // and who knows how many octets behind it
			continue
		}
		if x.pass.Over() && !x.finishing() { // the account was disabled or removed, or has another password: somebody else may have had it
			x.bye("4.7.0", "the account has changed, log in again")
			break
		}
		x.linger(ctx)
		x.command(ctx, l)
		if x.idle > maxIdle && !x.ended {
			x.bye("4.7.0", "too many commands without a message")
		}
		if x.errors >= x.o.MaxErrors && !x.ended {
			x.bye("4.7.0", "too many errors")
		}
	}
}

// finishing: the text of a message has begun, and what has begun is ended even
// while the server shuts down, within limits.drain: its client would only send it again (RFC 5321 §3.8, §4.1.1.4).
func (x *session) finishing() bool {
	return x.mail != nil && x.mail.text != nil && !x.mail.spoilt
}

// isVerb reports that a line is a command with an argument.
func isVerb(l []byte, verb string) bool {
	return len(l) > len(verb) && l[len(verb)] == ' ' && strings.EqualFold(string(l[:len(verb)]), verb)
}

// greet says who we are. A client that spoke first is no mail server, and what
// it said may be anything (RFC 5321 §4.3.1).
func (x *session) greet(ctx context.Context) bool {
	if x.o.Mode == Relay && x.o.GreetDelay > 0 && x.early(ctx) {
		x.log.Info("smtp client spoke before the greeting")
		x.reply(554, "5.5.1", x.o.Hostname+" You spoke before the greeting")
		return false
	}
	return x.welcome()
}

// welcome greets a client, or tells one that comes too often to wait.
func (x *session) welcome() bool {
	if r := x.o.Throttle.connection(x); r != nil {
		x.log.Info("smtp client has to wait", "reply", r.Error())
		x.send(r)
		return false
	}
	x.hail()
	return true
}

// hail is the greeting (RFC 5321 §3.1, RFC 2033 §4).
func (x *session) hail() {
	protocol := " ESMTP Tem"
	if x.o.Mode == LMTP {
		protocol = " LMTP Tem"
	}
	x.reply(220, "", x.o.Hostname+protocol)
}

// early reports that something has come, or comes while the greeting is put off.
func (x *session) early(ctx context.Context) bool {
	if x.c.Wait(time.Now().Add(x.o.GreetDelay)) != nil {
		return false
	}
	return ctx.Err() == nil && x.c.Pending()
}

func (x *session) command(ctx context.Context, l []byte) {
	c, err := smtp.Parse(l)
	v, ok := verbs[c.Verb]
	if x.mail == nil || !v.brings {
		x.idle++
	}
	switch {
	case err != nil && c.Verb == "":
		x.refuse(err)
		x.ended = x.ended || isVerb(l, "BDAT")
	case !ok && isHTTP(c.Arg):
		x.bye("4.7.0", "this is SMTP, not HTTP")
	case !ok && known[c.Verb]:
		x.reply(502, "5.5.1", c.Verb+": command not implemented")
	case !ok || !x.o.Mode.greets(c.Verb):
		x.reply(500, "5.5.1", "Command not recognised")
	case v.hello && x.hello == "":
		x.reply(503, "5.5.1", "Say HELO or EHLO first")
	case err != nil:
		x.refuse(err)
	case v.bare && c.Arg != "":
		x.reply(501, "5.5.4", c.Verb+" takes no argument")
	default:
		v.run(x, ctx, &c)
	}
}

// isHTTP reports the argument of an HTTP request. A web page can have its reader's
// browser send one to any port that the reader reaches, with commands for its text.
func isHTTP(arg string) bool {
	_, version, ok := strings.Cut(arg, " ")
	return ok && strings.HasPrefix(version, "HTTP/")
}

// unreadable answers a line that can't be read, or the end of the connection.
func (x *session) unreadable(err error) {
	switch {
	case errors.Is(err, line.ErrTooLong):
		x.reply(500, "5.5.6", "Line too long")
	case errors.Is(err, line.ErrBareNewline):
		x.reply(500, "5.5.2", "Line holds a CR or LF that is not part of CRLF")
	case errors.Is(err, line.ErrInterrupted):
		x.interrupted("4.3.2", "shutting down, try again later")
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.interrupted("4.4.2", "waited too long")
	case errors.Is(err, errSlow):
		x.interrupted("4.4.2", "the message comes too slowly")
	default:
		x.unfinished(dsn.Status{Code: dsn.Code{4, 4, 2}, Text: "connection lost"}) // RFC 3463 §3.5: nobody was told
		x.ended = true
	}
	if x.errors >= x.o.MaxErrors && !x.ended {
		x.bye("4.7.0", "too many errors")
	}
}

// reply is send of a reply of these lines; enhanced may be "".
func (x *session) reply(code int, enhanced string, lines ...string) {
	x.send(smtp.NewReply(code, enhanced, lines...))
}

// send answers, and counts what is refused for good.
func (x *session) send(r *smtp.Reply) {
	if r.Code >= 500 {
		x.errors++
		x.o.Throttle.failed(x)
	}
	x.say(r)
}

// say answers, and counts nothing.
func (x *session) say(r *smtp.Reply) {
	if r.Write(x.c) != nil {
		x.ended = true
	}
}

// refuse answers with an error that is a reply, or with one for what we can't help.
func (x *session) refuse(err error) {
	var r *smtp.Reply
	if errors.As(err, &r) {
		x.send(r)
		return
	}
	x.log.Error("smtp command failed", "err", err)
	x.reply(451, "4.3.0", "Internal error, session "+x.c.Session())
}

// bye says 421 and ends the session (RFC 5321 §3.8).
func (x *session) bye(enhanced, why string) {
	x.send(x.goodbye(enhanced, why))
	x.ended = true
}

// interrupted says goodbye, perhaps in the middle of a text.
func (x *session) interrupted(enhanced, why string) {
	r := x.goodbye(enhanced, why)
	x.unfinished(r.Status(""))
	x.send(r)
	x.ended = true
}

func (x *session) goodbye(enhanced, why string) *smtp.Reply {
	return smtp.NewReply(421, enhanced, x.o.Hostname+" closing connection: "+why)
}

// drop forgets the transaction.
func (x *session) drop() {
	if x.mail == nil {
		return
	}
	if x.mail.text != nil {
		x.mail.text.abort()
	}
	x.mail.exam.end()
	x.mail = nil
	x.c.Finishing(false)
	x.dialogue.Mark()
}

func (x *session) rset(context.Context, *smtp.Command) {
	x.drop()
	x.reply(250, "2.0.0", "OK")
}

func (x *session) noop(context.Context, *smtp.Command) { x.reply(250, "2.0.0", "OK") }

func (x *session) quit(context.Context, *smtp.Command) {
	x.reply(221, "2.0.0", x.o.Hostname+" closing connection")
	x.ended = true
}
