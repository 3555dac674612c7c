package smtpserver

import (
	"context"
	"crypto/tls"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tem/internal/line"
	"tem/internal/message/dsn"
	"tem/internal/sasl"
	"tem/internal/wire/smtp"
)

// ask says lines to a session with these options and returns the reply to the last one.
func ask(t *testing.T, nc net.Conn, lines ...string) string {
	t.Helper()
	r := textproto.NewConn(nc)
	_, _, err := r.ReadResponse(220)
	check(t, err)
	return asking(t, r, lines...)
}

func asking(t *testing.T, r *textproto.Conn, lines ...string) (text string) {
	t.Helper()
	for _, l := range lines {
		check(t, r.PrintfLine("%s", l))
		code, said, err := r.ReadResponse(0)
		if code == 0 {
			t.Fatal(err)
		}
		text = said
	}
	return text
}

const loginAn = "AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0"

// words are the extensions in each state of each port, in order.
func words(t *testing.T) map[string]string {
	t.Helper()
	states := map[string]string{}
	for mode, name := range map[Mode]string{Relay: "smtp", Submission: "submission", LMTP: "lmtp"} {
		o := newWorld(t).Options
		o.Mode, o.TLS, o.InsecureAuth = mode, testTLS(t), nil
		o.Auth = withTokens{o.Auth}
		o.Trusted = func(net.Addr) bool { return mode == Relay }
		hello := "EHLO a"
		if mode == LMTP {
			hello, o.Auth = "LHLO a", nil
		} else {
			r := secured(t, dialled(t, o))
			states[name+" tls"] = asking(t, r, hello)
			states[name+" tls login"] = asking(t, r, loginAn, hello)
		}
		states[name] = ask(t, dialled(t, o), hello)
	}
	for state, text := range states {
		_, text, _ = strings.Cut(text, "\n")
		states[state] = text
	}
	return states
}

// secured is a session inside TLS.
func secured(t *testing.T, nc net.Conn) *textproto.Conn {
	t.Helper()
	ask(t, nc, "EHLO a", "STARTTLS")
	return inTLS(t, nc)
}

func inTLS(t *testing.T, nc net.Conn) *textproto.Conn {
	t.Helper()
	tc := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	check(t, tc.Handshake())
	return textproto.NewConn(tc)
}

// TestMechanisms: every mechanism logs in.
func TestMechanisms(t *testing.T) {
	t.Parallel()
	for _, m := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"} {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			o := newWorld(t).Options
			o.Mode, o.TLS, o.InsecureAuth, o.Auth = Submission, testTLS(t), nil, withTokens{o.Auth}
			ctx := t.Context()
			c, err := smtp.NewClient(ctx, line.NewConn(dialled(t, o), line.Client, line.Options{}))
			check(t, err)
			check(t, c.Hello(ctx, "a"))
			check(t, c.StartTLS(ctx, &tls.Config{InsecureSkipVerify: true}))
			who := sasl.Credentials{Login: "an@hanoi.example", Password: "secret"}
			if strings.HasSuffix(m, "-PLUS") { // who could bind and does not takes the server for another's
				who.Channel = sasl.Under(c.Conn())
			}
			if strings.Contains(m, "OAUTH") {
				who.Password, who.Token = "", "sesame"
			}
			client, err := sasl.NewClient([]string{m}, who)
			check(t, err)
			if client.Mechanism() != m {
				t.Fatal(client.Mechanism())
			}
			check(t, c.Auth(ctx, client))
			check(t, c.Quit(ctx))
		})
	}
}

// TestOffer pins what is offered to whom.
func TestOffer(t *testing.T) {
	t.Parallel()
	const always = "PIPELINING|SIZE 100000|8BITMIME|CHUNKING|BINARYMIME|ENHANCEDSTATUSCODES|SMTPUTF8|DSN|LIMITS RCPTMAX=3"
	const (
		queue = "|DELIVERBY|MT-PRIORITY"
		hold  = "|FUTURERELEASE 2592000 2020-12-31T04:27:32Z"
		mech  = "|AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN"
		proxy = "|XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
	)
	got := words(t)
	for state, want := range map[string]string{
		"smtp":                 always + queue + "|RRVS|STARTTLS" + proxy,
		"smtp tls":             always + queue + "|RRVS|REQUIRETLS" + mech + proxy,
		"smtp tls login":       always + queue + hold + "|RRVS|REQUIRETLS" + proxy,
		"submission":           always + queue + hold + "|STARTTLS",
		"submission tls":       always + queue + hold + "|REQUIRETLS" + mech,
		"submission tls login": always + queue + hold + "|REQUIRETLS",
		"lmtp":                 always + "|RRVS|STARTTLS",
	} {
		if said := strings.ReplaceAll(got[state], "\n", "|"); said != want+"|HELP" {
			t.Errorf("%s:\n%s, want\n%s", state, said, want)
		}
	}
}

// TestExtensionsAreDocumented holds the table of docs/smtp.md to what is said,
// and the tests that it names to what there is.
func TestExtensionsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/smtp.md")
	check(t, err)
	_, table, _ := strings.Cut(string(text), "| --- | --- | --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	documented, said := map[string]bool{}, map[string]bool{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		for w := range strings.SplitSeq(strings.TrimSpace(cells[1]), ", ") {
			documented[w] = true
		}
		if !strings.Contains(cells[5], "`Test") {
			t.Errorf("docs/smtp.md names no test of %s", cells[1])
		}
	}
	for _, lines := range words(t) {
		for l := range strings.SplitSeq(lines, "\n") {
			w, _, _ := strings.Cut(l, " ")
			if said[w] = true; !documented[w] {
				t.Errorf("%s is said and has no row in docs/smtp.md", w)
			}
		}
	}
	for w := range documented {
		if !said[w] {
			t.Errorf("docs/smtp.md has a row for %q, which is never said", w)
		}
	}
	source := testSource(t)
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[^` ]*)`").FindAllSubmatch(text, -1) {
		if !strings.Contains(source, "func "+string(m[1])+"(") {
			t.Errorf("docs/smtp.md names %s, which is not there", m[1])
		}
	}
}

// testSource is the text of the tests of receiving.
func testSource(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{".", "../wire/smtp", "../line", "../delivery", "../app", "../sasl", "../message"} {
		files, err := filepath.Glob(dir + "/*_test.go")
		check(t, err)
		for _, f := range files {
			text, err := os.ReadFile(f)
			check(t, err)
			all.Write(text)
		}
	}
	return all.String()
}

// TestParametersReachTheEnvelope: what a client asks for is what delivery is told.
func TestParametersReachTheEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := New(w.Options)
	x := &session{Server: s, c: line.NewConn(silent{}, line.Server, s.Options()), hello: "x", extended: true, principal: "an@hanoi.example", user: addr(t, "an@hanoi.example")}
	x.meet(&net.TCPAddr{})
	ctx := context.Background()
	for _, l := range []string{
		"MAIL FROM:<an@hanoi.example> BODY=binarymime SMTPUTF8 RET=hdrs ENVID=a+2Bb BY=60;RT MT-PRIORITY=4 HOLDFOR=60 AUTH=<> SIZE=10",
		"RCPT TO:<an@hanoi.example>", "RCPT TO:<nobody@hanoi.example> NOTIFY=NEVER", "RCPT TO:<binh@hanoi.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@d",
	} {
		x.command(ctx, []byte(l))
	}
	e := x.mail.envelope
	now := w.Now()
	if e.Return != dsn.ReturnHeader || e.EnvID != "a+b" || e.By != (dsn.By{Time: now.Add(time.Minute), Return: true, Trace: true}) || e.Priority != 4 ||
		!e.Release.Equal(now.Add(time.Minute)) || !e.Binary || !e.UTF8 || e.Submitter != "an@hanoi.example" || !e.Submitted || x.mail.size != 10 {
		t.Errorf("%+v", e)
	}
	want := []dsn.Wish{{}, {Notify: dsn.NotifySuccess | dsn.NotifyFailure, ORCPT: "rfc822;b+c@d"}}
	if len(e.Recipients) != 2 || len(e.Wishes) != 2 || e.Wishes[0] != want[0] || e.Wishes[1] != want[1] {
		t.Errorf("%v %+v", e.Recipients, e.Wishes)
	}
	x.command(ctx, []byte("RSET"))
	x.command(ctx, []byte("MAIL FROM:<an@hanoi.example>"))
	x.command(ctx, []byte("RCPT TO:<an@hanoi.example>"))
	if e := x.mail.envelope; e.Binary || e.UTF8 || e.EightBit || e.Priority != 0 || e.EnvID != "" || len(e.Wishes) != 0 || !e.Release.IsZero() || len(e.Recipients) != 1 || x.mail.size != 0 {
		t.Errorf("it leaks: %+v", e)
	}
}

// silent is a connection that takes everything and says nothing.
type silent struct{ net.Conn }

func (silent) Write(p []byte) (int, error)      { return len(p), nil }
func (silent) SetWriteDeadline(time.Time) error { return nil }
func (silent) SetReadDeadline(time.Time) error  { return nil }
func (silent) Close() error                     { return nil }

func TestParameterReplies(t *testing.T) {
	t.Parallel()
	refused := func(params, code string) string {
		return "C: MAIL FROM:<x@crepes.fr> " + params + "\nS: " + code + "\n"
	}
	made := newWorld(t)
	rcpt := func(params, code string) string {
		return "C: RCPT TO:<an@hanoi.example> " + params + "\nS: " + code + "\n"
	}
	accounts, err := made.Directory.Accounts(t.Context())
	check(t, err)
	before, after := accounts[0].Created.Add(-time.Hour).Format(time.RFC3339), accounts[0].Created.Add(time.Hour).Format(time.RFC3339)
	play(t, made.Options, hi+refused("RET=ALL", "501 5.5.4")+refused("ENVID=+", "501 5.5.4")+refused("BY=0;R", "501 5.5.4")+refused("MT-PRIORITY=10", "501 5.5.4")+
		refused("HOLDFOR=60", "555 5.5.4")+refused("REQUIRETLS", "555 5.5.4")+refused("AUTH=x", "501 5.5.4")+refused("AUTH=", "501 5.5.4")+refused("AUTH=<x>", "501 5.5.4")+refused("SMTPUTF8=1", "501 5.5.4")+refused("SIZE", "501 5.5.4")+
		refused("AUTH=<a@b>", "250 2.1.0")+"C: RSET\nS: 250 2.0.0\n"+refused("AUTH=a+40b MT-PRIORITY=5", "250 2.3.6")+
		rcpt("NOTIFY=NEVER,DELAY", "501 5.5.4")+rcpt("ORCPT=x", "501 5.5.4")+rcpt("RRVS=x", "501 5.5.4")+rcpt("RRVS", "501 5.5.4")+rcpt("NOTIFY", "501 5.5.4")+
		rcpt("RRVS="+before, "550 5.7.17")+rcpt("RRVS="+before+";C", "550 5.7.17")+rcpt("RRVS="+after, "250 2.1.5")+
		"C: RCPT TO:<nobody@hanoi.example> RRVS="+after+"\nS: 550 5.1.1\n")
	play(t, made.Options, hi+"C: "+loginAn+"\nS: 235\n"+
		"C: MAIL FROM:<an@hanoi.example> HOLDFOR=60 HOLDUNTIL=2020-12-01T05:00:00Z\nS: 501 5.5.4\nC: MAIL FROM:<an@hanoi.example> HOLDUNTIL=2021-12-01T05:00:00Z\nS: 501 5.5.4\n"+
		"C: MAIL FROM:<an@hanoi.example> HOLDUNTIL=2020-12-01T05:00:00Z MT-PRIORITY=5\nS: 250 2.1.0\n"+
		"C: RCPT TO:<x@saigon.example> RRVS="+after+"\nS: 550 5.7.19\nC: RCPT TO:<x@saigon.example> RRVS="+after+";C\nS: 25\n")
	play(t, made.Options, "S: 220\nC: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<an@hanoi.example> NOTIFY=NEVER\nS: 555 5.5.4\n")
}
