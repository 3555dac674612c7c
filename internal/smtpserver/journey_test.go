package smtpserver

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"tem/internal/delivery"
	"tem/internal/journey"
	"tem/internal/line"
)

// TestDialogueIsOfOneMessage: what was said before belongs to others.
func TestDialogueIsOfOneMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told []journey.Event
	w.Record = func(e journey.Event) { told = append(told, e) }
	w.from(t, "192.0.2.1", hello+`C: MAIL FROM:<a@x.example>
S: 250
C: RCPT TO:<nobody@hanoi.example>
S: 550
C: RSET
S: 250
C: MAIL FROM:<b@x.example>
S: 250
C: RCPT TO:<nobody2@hanoi.example>
S: 550
C: QUIT
S: 221
`)
	if len(told) != 2 || !strings.Contains(told[0].Dialogue, "C: MAIL FROM:<a@x.example>") ||
		strings.Contains(told[1].Dialogue, "a@x.example") || !strings.Contains(told[1].Dialogue, "C: RCPT TO:<nobody2@hanoi.example>") {
		t.Errorf("%+v", told)
	}
}

const lhlo = "S: 220\nC: LHLO x\nS: ...\nS: 250 HELP\n"

// TestDialogueIsWhole: what a message is remembered with ends in the replies
// that it got, whoever took it or did not.
func TestDialogueIsWhole(t *testing.T) {
	t.Parallel()
	const from = "C: MAIL FROM:<b@free.example>\nS: 250\n"
	to := func(name string) string { return "C: RCPT TO:<" + name + "@hanoi.example>\nS: 250\n" }
	data := func(body, answer string) string {
		return "C: DATA\nS: 354\nC: A: b\nC: \n" + body + "C: .\n" + answer + "C: QUIT\nS: 221\n"
	}
	big := strings.Repeat("C: "+strings.Repeat("x", 98)+"\n", 25)
	huge := strings.Repeat(big, 45)
	for name, c := range map[string]struct {
		lmtp bool
		text string
		end  []string // of the dialogue
	}{
		"taken": {text: hello + from + to("an") + data("C: a\n", "S: 250\n"), end: []string{"C: .", "S: 250 2.0.0 OK queued as ID"}},
		"in chunks": {text: hello + from + to("an") + chunkOf("A: b\r\n\r\n", false) + "S: 250\nC: BDAT 0 LAST\nS: 250\nC: QUIT\nS: 221\n",
			end: []string{"C: BDAT 0 LAST", "S: 250 2.0.0 OK queued as ID"}},
		"no room": {text: hello + from + to("full") + data(big, "S: 452\n"), end: []string{"C: .", "S: 452 4.2.2 Mailbox is full"}},
		"by policy": {text: letterFrom("hue.example", "", "550"),
			end: []string{"C: .", "S: 550 5.7.1"}},
		"too large":  {text: hello + from + to("an") + data(huge, "S: 552\n"), end: []string{"C: .", "S: 552 5.3.4 Message larger than 100000 octets"}},
		"bare LF":    {text: hello + from + to("an") + "C: DATA\nS: 354\n" + raw("A: b\r\n\r\na\nb\r\n.\r\n") + "S: 550\nC: QUIT\nS: 221\n", end: []string{"S: 550 5.6.11"}},
		"bad chunk":  {text: hello + from + to("an") + chunkOf("A: b\r\n\r\na\n", false) + "S: 550\nC: QUIT\nS: 221\n", end: []string{"S: 550 5.6.11"}},
		"each taken": {lmtp: true, text: lhlo + from + to("an") + to("binh") + data("C: a\n", "S: 250\nS: 250\n"), end: []string{"C: .", "S: 250 2.0.0 OK queued as ID", "S: 250 2.0.0 OK queued as ID"}},
		"each its own": {lmtp: true, text: lhlo + from + to("full") + to("an") + data(big, "S: 452\nS: 250\n"),
			end: []string{"C: .", "S: 452 4.2.2 Mailbox is full", "S: 250 2.0.0 OK queued as ID"}},
		"each refused": {lmtp: true, text: lhlo + from + to("an") + to("binh") + data(huge, "S: 552\nS: 552\n"),
			end: []string{"C: .", "S: 552 5.3.4 Message larger than 100000 octets", "S: 552 5.3.4 Message larger than 100000 octets"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := judged(t)
			if c.lmtp {
				w.Mode, w.Auth = LMTP, nil
			}
			told := w.remembered()
			w.from(t, "192.0.2.9", c.text)
			first := (*told)[0]
			got := strings.Split(strings.TrimSpace(strings.ReplaceAll(first.Dialogue, first.ID, "ID")), "\n")
			got = got[max(0, len(got)-len(c.end)):]
			if first.ID == "" || first.Session == "" || !slices.EqualFunc(got, c.end, strings.HasPrefix) {
				t.Errorf("want the dialogue of %+v to end in\n%s", first, strings.Join(c.end, "\n"))
			}
		})
	}
}

// TestEachIsRemembered: in LMTP the journey knows what each recipient was answered.
func TestEachIsRemembered(t *testing.T) {
	t.Parallel()
	w := judged(t)
	w.Mode, w.Auth = LMTP, nil
	told := w.remembered()
	big := strings.Repeat("C: "+strings.Repeat("x", 98)+"\n", 25)
	w.from(t, "192.0.2.9", lhlo+"C: MAIL FROM:<b@free.example>\nS: 250\nC: RCPT TO:<full@hanoi.example>\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\n"+
		"C: DATA\nS: 354\nC: A: b\nC: \n"+big+"C: .\nS: 452\nS: 250\nC: QUIT\nS: 221\n")
	var got []string
	for _, e := range *told {
		got = append(got, string(e.Kind)+" "+strings.Join(e.To, ","))
	}
	want := []string{"accepted full@hanoi.example,an@hanoi.example", "placed an@hanoi.example", "refused full@hanoi.example"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRefusedTextIsFound: whoever asks for a letter by its Message-ID learns that
// it went in circles.
func TestRefusedTextIsFound(t *testing.T) {
	t.Parallel()
	w := judged(t)
	told := w.remembered()
	w.from(t, "192.0.2.9", hello+"C: MAIL FROM:<b@free.example>\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\nC: DATA\nS: 354\n"+
		strings.Repeat("C: Received: from a by b; 19 Nov 2020 09:01:00 +0000\n", delivery.MaxHops+1)+"C: Message-ID: <round@x.example>\nC: \nC: .\nS: 554 5.4.6\nC: QUIT\nS: 221\n")
	if len(*told) != 1 || (*told)[0].MessageID != "<round@x.example>" || strings.Join((*told)[0].To, " ") != "an@hanoi.example" {
		t.Errorf("%+v", *told)
	}
}

// TestUnfinishedTextIsFound: a text that was cut short, however, leaves an answer for who asks, and no letter.
func TestUnfinishedTextIsFound(t *testing.T) {
	t.Parallel()
	const begin = "EHLO x\r\nMAIL FROM:<b@free.example>\r\nRCPT TO:<an@hanoi.example>\r\nRCPT TO:<binh@hanoi.example>\r\n"
	const text = "Message-ID: <m1@free.example>\r\nA: b\r\n\r\nhello\r\n"
	for name, c := range map[string]struct {
		in    string
		reply int // 0: the client is gone, 421: it is silent
		size  int64
	}{
		"cut":                {begin + "DATA\r\n" + text, 0, 46},
		"cut in a chunk":     {begin + "BDAT 1000 LAST\r\n" + text, 0, 46},
		"cut between chunks": {begin + "BDAT 46\r\n" + text, 0, 46},
		"silent":             {begin + "DATA\r\n" + text, 421, 46},
		"silent in a chunk":  {begin + "BDAT 1000 LAST\r\n" + text, 421, 46},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := judged(t)
			told := w.remembered()
			synctest.Test(t, func(t *testing.T) {
				s := New(w.Options)
				o := s.Options()
				o.Tap = journey.Listen(nil)
				near, far := net.Pipe()
				go io.Copy(io.Discard, near)
				go func() {
					io.WriteString(near, c.in)
					if c.reply == 0 {
						near.Close()
					}
				}()
				s.Handle(t.Context(), line.NewConn(far, line.Server, o))
				near.Close()
			})
			if len(*told) != 1 {
				t.Fatalf("%+v", *told)
			}
			e := (*told)[0]
			if e.Kind != journey.Refused || e.ID == "" || e.MessageID != "<m1@free.example>" || strings.Join(e.To, " ") != "an@hanoi.example binh@hanoi.example" ||
				e.Size != c.size || e.Status.Reply != c.reply || !e.Status.Temporary() || e.Reason != journey.ReasonUnfinished || !strings.Contains(e.Dialogue, "C: RCPT TO:<binh@") {
				t.Errorf("%+v", e)
			}
			if a := journey.Answers(&journey.Trip{Events: *told}, "en"); a[0].Cause != "unfinished" || a[0].Party != journey.Sender {
				t.Errorf("%+v", a)
			}
			if n := len(w.inbox(t, "an")); n != 0 {
				t.Errorf("%d letters", n)
			}
		})
	}
}

// TestMostHops: a letter may have come through a hundred servers, not through one more (RFC 5321 §6.3).
func TestMostHops(t *testing.T) {
	t.Parallel()
	w := judged(t)
	told := w.remembered()
	letter := func(hops int, answer string) {
		w.from(t, "192.0.2.9", hello+"C: MAIL FROM:<b@free.example>\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\nC: DATA\nS: 354\n"+
			strings.Repeat("C: Received: from a by b; 19 Nov 2020 09:01:00 +0000\n", hops)+"C: \nC: .\nS: "+answer+"\nC: QUIT\nS: 221\n")
	}
	letter(delivery.MaxHops, "250")
	letter(delivery.MaxHops+1, "554 5.4.6 "+delivery.Looping().Text)
	if n := len(w.inbox(t, "an")); n != 1 || (*told)[len(*told)-1].Status != delivery.Looping() {
		t.Errorf("%d letters, %+v", n, *told)
	}
}
