package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tem/internal/control"
	"tem/internal/kv"
	"tem/internal/mail"
)

// receive puts a letter into the INBOX of the first account.
func (h *adminHost) receive(text string) {
	h.t.Helper()
	sp := h.s.Mail.NewSpool(h.t.Context())
	sp.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	body, err := sp.Finish()
	if err == nil {
		_, err = h.s.Mail.Deliver(h.t.Context(), body, []mail.Target{{Account: kv.FirstAccount}}, nil)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// expunge removes the first messages of the first account's INBOX.
func (h *adminHost) expunge(uids ...mail.UID) {
	h.t.Helper()
	if _, err := h.s.Mail.Account(kv.FirstAccount).Remove(h.t.Context(), 1, uids); err != nil {
		h.t.Fatal(err)
	}
}

const letterText = "From: =?utf-8?q?H=C6=B0=C6=A1ng?= <huong@crepes.fr>\nSubject: a\x1b[2J\n\nhello\n"

func TestAdminDeletedAndRestore(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, ``, "domain add hanoi.example")
	h.expect(0, ``, "account add linh@hanoi.example --password-file -")
	h.expect(0, `^nothing can be brought back\n$`, "account deleted linh@hanoi.example")
	h.expect(3, `no such account`, "account deleted who@hanoi.example")
	for range 4 {
		h.receive(letterText)
	}
	h.expunge(1, 2, 3, 4)
	h.expect(0, `(?s)^ID +REMOVED.*1 +20\d\d-\d\d-\d\d \d\d:\d\d +INBOX +78 +Hương <huong@crepes.fr> +a\[2J\n`, "account deleted linh@hanoi.example")
	h.expect(0, `^{"address":"linh@hanoi.example","kept":true,"messages":\[{"id":1,.*"mailbox":"INBOX","from":"Hương`, "account deleted linh@hanoi.example --json")
	h.expect(2, `which messages`, "account restore linh@hanoi.example")
	h.expect(2, `which messages`, "account restore linh@hanoi.example 1 --all")
	h.expect(2, `not a date`, "account restore linh@hanoi.example --since yesterday")
	h.expect(3, `no message 9 .*nothing was done`, "account restore linh@hanoi.example 1 9")
	h.expect(0, `^linh@hanoi.example: brought back into INBOX: 2\n$`, "account restore linh@hanoi.example 1 2")
	h.s.Mail.Keep = 0
	h.expect(0, `(?s)^what is removed from now on is not kept.*3 +20`, "account deleted linh@hanoi.example")
	h.expect(0, `nothing to bring back`, "account restore linh@hanoi.example --since 2999-01-01T10:00")
	h.expect(0, `^{"address":"linh@hanoi.example","messages":\[{"mailbox":"INBOX","uid":7},{"mailbox":"INBOX","uid":8}\]}\n$`,
		"account restore linh@hanoi.example --all --json")
}

func TestAdminDomainQuota(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(3, `no such domain`, "domain set hanoi.example --quota 1G")
	h.expect(0, ``, "domain add hanoi.example")
	h.expect(0, ``, "domain add saigon.example")
	h.expect(0, ``, "account add linh@hanoi.example --password-file -")
	h.expect(2, `nothing to change`, "domain set hanoi.example")
	h.expect(2, `may not be negative`, "domain set hanoi.example --messages=-1")
	h.expect(0, `^changed the domain hanoi.example: 0 of 1G, 0 of 7 messages\n$`, "domain set hanoi.example --quota 1G --messages 7")
	h.receive(letterText)
	h.expect(0, `^hanoi.example +78 of 1G, 1 of 7 messages\nsaigon.example\n$`, "domain list")
	h.expect(0, `^{"domains":\["hanoi.example","saigon.example"\],"quotas":\[{"domain":"hanoi.example","bytes":78,"bytes_limit":1073741824,"messages":1,"messages_limit":7}\]}\n$`,
		"domain list --json")
	h.expect(0, `: 78 of 1G\n$`, "domain set hanoi.example --messages 0")
	h.expect(0, `^changed the domain hanoi.example: no limit\n$`, "domain set hanoi.example --quota 0")
	h.expect(0, `^hanoi.example\nsaigon.example\n$`, "domain list")
}

func TestAdminStore(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.s.Places = control.Places{Rows: "postgres://db.example/tem", Bodies: h.t.TempDir()}
	h.expect(0, ``, "domain add hanoi.example")
	h.expect(0, ``, "account add linh@hanoi.example --password-file -")
	h.receive(letterText)
	h.receive(letterText)
	h.expunge(2)
	h.expect(0, `(?s)rows +postgres://db.example/tem\n.*format +6\n.*accounts with mail +1\n.*messages +1 \(78\)\n.*kept for now +1 \(78\)\n`, "store info")
	h.expect(0, `^{"rows":"postgres://db.example/tem",.*"format":6,"accounts":1,"messages":1,`, "store info --json")
	h.expect(0, `^looked at: 1 messages of 1 accounts, 1 letters read\nall is well\n$`, "store check")
	h.expect(0, `1 accounts, 0 letters`, "store check --quick --account linh@hanoi.example")
	h.expect(0, `^{"accounts":1,"messages":1,"bodies":1,"problems":0,"repaired":0,"lost":0}\n$`, "store check --json --resume")
	h.expect(2, `can't be used together`, "store check --resume --account linh@hanoi.example")
	h.expect(3, `no such account`, "store check --account who@hanoi.example")

	b := new(kv.Batch) // the flags of the message go
	b.Delete(kv.FirstAccount, []byte("f\x00\x00\x00\x01\x00\x00\x00\x01"))
	if err := kv.Commit(t.Context(), h.s.Mail.KV, b); err != nil {
		t.Fatal(err)
	}
	h.expect(1, `(?s)^linh@hanoi.example: mailbox 1, uid 1: its flags are missing\n.*problems: 1, repaired: 0, lost: 0\n.*problems left: 1; --repair`, "store check")
	h.expect(1, `(?s)^{"account":"linh@hanoi.example","text":"mailbox 1[^\n]*}\n{"accounts":1,[^\n]*"problems":1,[^\n]*}\n`, "store check --json")
	h.expect(0, `(?s)missing \(repaired\)\n.*problems: 1, repaired: 1`, "store check --repair")
	h.expect(0, `all is well`, "store check")
}

// Ctrl-C ends a check with a word on how to go on.
func TestAdminCheckIsStopped(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	env := &adminEnv{Out: &h.out, Err: &h.err, Open: func(context.Context, string, string) (*control.Service, func() error, error) {
		cancel()
		return h.s, func() error { return nil }, nil
	}}
	err := runAdmin(ctx, env, []string{"store", "check", "--data", h.dir})
	if err == nil || !strings.Contains(err.Error(), "--resume goes on there") {
		t.Errorf("%v", err)
	}
}

func TestProgressBar(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &progressBar{w: &out, what: "messages", on: true}
	b.show(1, 3)
	b.show(2, 3) // too soon after the one before
	b.show(3, 3)
	b.clear()
	b.clear()
	want := "\r[==========                    ] 1 of 3 messages\r[==============================] 3 of 3 messages\r\x1b[K"
	if out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
	out.Reset()
	b.last = time.Time{}
	b.show(10000, 0)
	b.show(20000, 0) // too soon
	if out.String() != "\r10000 messages" {
		t.Errorf("%q where the end is not known", &out)
	}
	out.Reset()
	(&progressBar{w: &out}).show(1, 1)
	if out.Len() > 0 {
		t.Errorf("shown where nobody looks: %q", &out)
	}
}

func TestSizeText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1024: "1.0K", 1 << 20: "1.0M", 1<<20 - 1: "1.0M", 3 << 29: "1.5G", 1<<63 - 1: "8.0E"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-11-23":           time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local),
		"2026-11-23T14:05":     time.Date(2026, 11, 23, 14, 5, 0, 0, time.Local),
		"2026-11-23 14:05":     time.Date(2026, 11, 23, 14, 5, 0, 0, time.Local),
		"2026-11-23 14:05:06":  time.Date(2026, 11, 23, 14, 5, 6, 0, time.Local),
		"2026-11-23T14:05:06Z": time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC),
	} {
		if got, err := parseDate(text); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// What is not a problem that this version knows is still a line.
func TestUnknownProblem(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	(&storeCheck{}).printProblem(&adminEnv{Out: &h.out}, json.RawMessage(`[1]`))
	if got := h.out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "does not know") {
		t.Errorf("%q", got)
	}
}
