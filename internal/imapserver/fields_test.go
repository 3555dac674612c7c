package imapserver

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/mail"
)

// withFields has fields that are kept, in several forms, and others.
const withFields = "Received: by mx.x.example;\r\n\tMon, 7 Feb 1994 21:52:25 -0800\r\nFROM: A <a@x.example>\r\nTo: b@y.example,\r\n c@y.example\r\n" +
	"X-Own: 1\r\nto:d@y.example\r\nSubject: fields\r\n\r\ntext\r\n"

// TestFieldsAgree: header fields are the same from what is kept of them as from
// the message, which has to be opened for the octet of text that is asked for too.
func TestFieldsAgree(t *testing.T) {
	t.Parallel()
	e := memory.New()
	s := newServerOn(t, 2, mail.Options{KV: e})
	deliver(t, s, withFields, time.Time{})
	deliver(t, s, strings.Replace(withFields, "X-Own", "X-Other", 1), time.Time{})
	deliver(t, s, "no field\r\n\r\n", time.Time{})
	forget(t, e, 2)
	p := selectedPeer(t, s)
	for _, names := range []string{"From", "to subject", "X-TUID MESSAGE-ID", "x-own", "Received From", "Cc", "From To Cc X-None"} {
		for _, c := range []struct{ before, after string }{
			{"UID FLAGS RFC822.SIZE ", ""}, {"ENVELOPE ", ""}, {"INTERNALDATE SAVEDATE X-GM-LABELS ", ""}, {"INTERNALDATE BODYSTRUCTURE ", "<5.20>"}, {"", "<0.3>"},
		} {
			item := c.before + "BODY.PEEK[HEADER.FIELDS (" + names + ")]" + c.after
			fields, read := p.do("FETCH 1:* ("+item+")"), p.do("FETCH 1:* ("+item+" BODY.PEEK[TEXT]<1.1>)")
			if got, want := inOrder(fields), inOrder(read); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", item, got, want)
			}
		}
	}
	p.want("FETCH 3 (BODY.PEEK[HEADER.FIELDS (Subject)] BODY.PEEK[HEADER.FIELDS (X-TUID)])",
		"* 3 FETCH (BODY[HEADER.FIELDS (Subject)] {19}", "Subject: fields", "", " BODY[HEADER.FIELDS (X-TUID)] {2}", "", ")", "x OK")
	if got := p.literal("FETCH 3 BODY[HEADER.FIELDS (Cc)]", `* 3 FETCH (FLAGS (\Recent \Seen) BODY[HEADER.FIELDS (Cc)] {`); got != "\r\n" {
		t.Errorf("seen: %q", got)
	}
}

// forget takes away what is kept of a header, as if the message were of before.
func forget(t *testing.T, e kv.Engine, uid byte) {
	t.Helper()
	b := new(kv.Batch)
	b.Delete(kv.FirstAccount, []byte{'k', 0, 0, 0, 1, 0, 0, 0, uid}) // of INBOX
	if err := kv.Commit(t.Context(), e, b); err != nil {
		t.Fatal(err)
	}
}

var ofText = regexp.MustCompile(` BODY\[TEXT\]<1> (NIL|\{\d+\}\r\n.?|"")`)

// inOrder are the responses of a FETCH without BODY[TEXT], by number.
func inOrder(lines []string) []string {
	all := ofText.ReplaceAllString(strings.Join(lines[:len(lines)-1], "\r\n"), "")
	responses := strings.Split(strings.TrimPrefix(all, "* "), "\r\n* ")
	slices.Sort(responses)
	return responses
}

// TestManyFields: what is gathered is written before it is too much, and no
// message is left out, nor answered twice.
func TestManyFields(t *testing.T) {
	t.Parallel()
	const letters = 600
	s := newServer(t, 0)
	for i := range letters {
		more := ""
		if i%50 == 7 {
			more = "X-Own: has to be read\r\n"
		}
		deliver(t, s, fmt.Sprintf("Subject: no. %d\r\n%sTo: %s\r\n\r\n", i, more, strings.Repeat("somebody@example.org, ", 60)), time.Time{})
	}
	p := selectedPeer(t, s)
	got := p.do("FETCH 1:* BODY.PEEK[HEADER.FIELDS (To X-Own Subject)]")
	seen := make(map[string]int)
	for _, l := range got {
		if strings.HasPrefix(l, "Subject: ") {
			seen[l]++
		}
	}
	if len(seen) != letters || strings.Count(strings.Join(got, "\n"), "* ") != letters {
		t.Errorf("%d letters of %d", len(seen), letters)
	}
}
