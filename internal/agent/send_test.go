package agent

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tem/internal/wire/smtp"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	yes, no, later := smtp.NewReply(250, "2.0.0", "queued as 1"), smtp.NewReply(550, "5.1.1", "unknown"), smtp.NewReply(451, "4.3.2", "busy")
	for _, c := range []struct {
		replies []*smtp.Reply
		sent    bool
		code    int
		want    string
	}{
		{[]*smtp.Reply{yes, yes}, true, 0, ""},
		{[]*smtp.Reply{yes, no}, true, Permanent, "refused b@x: 550 5.1.1 unknown"},
		{[]*smtp.Reply{later, yes}, true, Temporary, "refused a@x: 451 4.3.2 busy"},
		{[]*smtp.Reply{later, no}, false, Permanent, "refused a@x: 451 4.3.2 busy\nrefused b@x: 550 5.1.1 unknown"},
		{[]*smtp.Reply{nil, yes}, true, Temporary, "refused a@x: no answer"},
	} {
		o := outcomeOf([]string{"a@x", "b@x"}, c.replies)
		if (o.reply != "") != c.sent || len(o.refused) == 0 != (c.code == 0) {
			t.Errorf("%v: %+v", c.replies, o)
		}
		if err := o.err(); c.code != 0 && (codeOf2(err) != c.code || err.Error() != c.want) {
			t.Errorf("%v: %v, code %d", c.replies, err, codeOf2(err))
		}
	}
}

func TestNarrowKeepsOnlyTheRefused(t *testing.T) {
	t.Parallel()
	l := Letter{To: []string{`"Bình, Trần" <b@x>, a@x`, "c@x"}, Cc: []string{"d@x"}, Bcc: []string{"Ê <e@x>"}}
	l.narrow([]refusal{{To: "b@x"}, {To: "e@x"}})
	if !slices.Equal(l.To, []string{`"Bình, Trần" <b@x>`}) || len(l.Cc) != 0 || !slices.Equal(l.Bcc, []string{"Ê <e@x>"}) {
		t.Errorf("%+v", l)
	}
}

// TestGmailFilesByItself: smtp.gmail.com puts what it sends into Sent; a copy
// of ours would be a second one.
func TestGmailFilesByItself(t *testing.T) {
	t.Parallel()
	e, _ := testEnv(t, "")
	for _, c := range []struct {
		s    Setup
		want bool
	}{
		{Setup{Address: "me@gmail.com"}, true},
		{Setup{Address: "me@gmail.com", SMTP: "SMTP.gmail.com:587"}, true},
		{Setup{Address: "me@company.example", Provider: "gmail"}, true},
		{Setup{Address: "me@company.example", IMAP: "imap.gmail.com:993", SMTP: "smtp.gmail.com:465"}, true},
		{Setup{Address: "me@gmail.com", SMTP: "relay.company.example:587"}, false},
		{Setup{Address: "me@yahoo.com"}, false},
	} {
		a, _, err := e.newAccount(c.s)
		if err != nil || a.FilesSent != c.want {
			t.Errorf("%+v: files_sent %v, %v", c.s, a, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // any connection would fail
	if err := e.fileCopy(ctx, &Account{FilesSent: true, IMAP: implicit("imap.gmail.com:993")}, nil); err != nil {
		t.Errorf("a copy was filed: %v", err)
	}
}

func TestNotesInBothLanguages(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{"en": "make an app password", "vi": "mật khẩu ứng dụng"} {
		for _, p := range Presets() {
			note := p.Note.in(lang)
			if note == "" || p.Name != "outlook" && !strings.Contains(note, want) {
				t.Errorf("%s in %s: %q", p.Name, lang, note)
			}
		}
		if note := Presets()[0].Note.in(lang); !strings.Contains(note, "https://myaccount.google.com/apppasswords") {
			t.Errorf("gmail in %s: %q", lang, note)
		}
	}
}

func TestSetupWantsPorts(t *testing.T) {
	t.Parallel()
	e, _ := testEnv(t, "")
	for _, host := range []string{"imap.example.org", "imap.example.org:", ":::"} {
		if _, _, err := e.newAccount(Setup{Address: "a@b", IMAP: host}); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

const controls = "a\x1b[2Jb\x07\u009b31m\x7f\u202etxt\x9b"

func TestControlsAreNeverShown(t *testing.T) {
	t.Parallel()
	e, out := testEnv(t, "")
	if err := e.printJSON(map[string]string{"subject": controls}); err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["subject"] != strings.ToValidUTF8(controls, "�") {
		t.Errorf("%q, %v", back, err)
	}
	for what, s := range map[string]string{
		"visible": visible(controls), "text": visibleText("x\r\n" + controls), "error": failf(Usage, "%s", controls).Error(),
		"file name": safeName(controls), "json": strings.TrimSpace(out.String()),
	} {
		if strings.ContainsFunc(strings.ReplaceAll(s, "\n", ""), steers) || strings.Contains(s, "\x9b") && !strings.Contains(s, "\u009b") {
			t.Errorf("%s: %q", what, s)
		}
	}
}

func TestForgetDraftTakesItsFiles(t *testing.T) {
	t.Parallel()
	e, _ := testEnv(t, "")
	if err := e.saveDraft(Letter{}, "x"); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(e.draftFiles("x"), "message.eml"), nil); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more is no error
		if err := e.forgetDraft("x"); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(e.draftDir()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
