package explain

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// table7 is every code of §7 of the source document.
const table7 = `101 211 214 220 221 235 250 252 334 421 422 431 441 442 446 450 452 454 455 471
 500 501 502 503 504 510 512 523 530 535 538 541 550 551 552 553 554 555`

// standard is RFC 5321 §4.2.3 and its extensions.
const standard = `211 214 220 221 235 250 251 252 334 354 421 432 450 451 452 454 455
 500 501 502 503 504 521 530 534 535 538 550 551 552 553 554 555 556`

func whole(t *testing.T, n Note) {
	t.Helper()
	for _, text := range []Text{n.Meaning, n.Next, n.Class.Text(), n.Turn.Text()} {
		if text.EN == "" || text.VI == "" {
			t.Errorf("%s %s: says nothing in one language: %+v", n.Protocol, n.Code, n)
		}
	}
	if n.Class == Unclear && n.Known || n.Reference == "" {
		t.Errorf("%s: class %v, reference %q", n.Code, n.Class, n.Reference)
	}
}

func TestEveryCodeOfTheTable(t *testing.T) {
	t.Parallel()
	historic := " 101 422 431 441 442 446 471 510 512 523 541 "
	for _, code := range strings.Fields(table7 + " " + standard) {
		found := Find(code)
		if len(found) != 1 || found[0].Code != code || !found[0].Known {
			t.Errorf("Find(%s) = %+v", code, found)
			continue
		}
		whole(t, found[0])
		if len(found[0].Raised) == 0 {
			t.Errorf("%s: not said where it is raised", code)
		}
		if old := strings.Contains(historic, " "+code+" "); old != (found[0].Today != "") {
			t.Errorf("%s: historic %t, today %q", code, old, found[0].Today)
		}
	}
}

func TestHistoricCodesNameKnownOnes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"446": "554 5.4.6", "512": "550 5.1.2", "523": "552 5.3.4"} {
		today := Find(code)[0].Today
		found := Find(today)
		if today != want || len(found) != 2 || !found[0].Known || !found[1].Known {
			t.Errorf("%s: today %q", code, today)
		}
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, n := range All() {
		whole(t, n)
		key := n.Protocol + " " + n.Code
		if !n.Known || seen[key] {
			t.Errorf("%s: known %t, seen before %t", key, n.Known, seen[key])
		}
		seen[key] = true
	}
	if want := len(basicCodes()) + len(enhancedCodes) + 2 + len(pop3Codes) + len(imapStatuses) + len(imapCodes); len(seen) != want {
		t.Errorf("%d codes listed, want %d", len(seen), want)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct{ reply, want string }{
		{"550", "SMTP 550 permanent"},
		{"5.7.1", "SMTP 5.7.1 permanent"},
		{"421 4.3.2", "SMTP 421 temporary, SMTP 4.3.2 temporary"},
		{"550 5.1.1 No such user 552", "SMTP 550 permanent, SMTP 5.1.1 permanent"},
		{"550-5.7.26 unauthenticated", "SMTP 550 permanent, SMTP 5.7.26 permanent"},
		{"Server : 250-SIZE 1000", "SMTP 250 success"},
		{"2.1.5", "SMTP 2.1.5 success"},
		{"459", "SMTP 459 temporary unknown"},
		{"5.7.199", "SMTP 5.7.199 permanent unknown"},
		{"+OK 2 messages", "POP3 +OK success"},
		{"-ERR", "POP3 -ERR permanent"},
		{"-err [in-use] busy", "POP3 -ERR [IN-USE] temporary"},
		{"-ERR [SYS/TEMP]", "POP3 -ERR [SYS/TEMP] temporary"},
		{"-ERR [AUTH] wrong", "POP3 -ERR [AUTH] permanent"},
		{"-ERR [X]", "POP3 -ERR permanent, POP3 -ERR [X] permanent unknown"},
		{"NO [OVERQUOTA]", "IMAP NO [OVERQUOTA] permanent"},
		{"a1 NO [OVERQUOTA] full", "IMAP NO [OVERQUOTA] permanent"},
		{"* NO [UNAVAILABLE]", "IMAP NO [UNAVAILABLE] temporary"},
		{"* OK [UIDVALIDITY 12] valid", "IMAP OK [UIDVALIDITY] success"},
		{"* OK [ALERT] read this", "IMAP OK [ALERT] success"},
		{"a7 BAD what", "IMAP BAD permanent"},
		{"* BYE", "IMAP BYE temporary"},
		{"OVERQUOTA", "IMAP [OVERQUOTA] permanent"},
		{"[in-use]", "POP3 [IN-USE] temporary"},
		{"+ idling", "POP3 + continue, IMAP + continue"},
		{"* 3 EXISTS", ""},
		{"600", ""}, {"099", ""}, {"3.1.1", ""}, {"5.1", ""}, {"5..1", ""}, {"hello there", ""}, {"", ""},
	}
	for _, tt := range tests {
		var got []string
		for _, n := range Find(tt.reply) {
			s := fmt.Sprintf("%s %s %s", n.Protocol, n.Code, classNames[n.Class])
			if !n.Known {
				s += " unknown"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("Find(%q) = %q, want %q", tt.reply, s, tt.want)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	print := func(code, lang string) string {
		var b strings.Builder
		for _, n := range Find(code) {
			n.Print(&b, lang)
		}
		return b.String()
	}
	both := print("550", "both")
	for _, want := range []string{"550  permanent failure · SMTP", "English\n", "Tiếng Việt\n", "Whose move  the sender", "Đến lượt    người gửi"} {
		if !strings.Contains(both, want) {
			t.Errorf("no %q in\n%s", want, both)
		}
	}
	if vi := print("550", "vi"); strings.Contains(vi, "mailbox") || !strings.Contains(vi, "Hộp thư") {
		t.Errorf("vi:\n%s", vi)
	}
	if en := print("446", "en"); strings.Contains(en, "máy") || !strings.Contains(en, "Today       554 5.4.6") {
		t.Errorf("en:\n%s", en)
	}
	for l := range strings.Lines(both) {
		if utf8.RuneCountInString(l) > width+1 {
			t.Errorf("too wide: %q", l)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(Find("535")[0].Only("vi"))
	if err != nil || strings.Contains(string(b), `"en"`) || !strings.Contains(string(b), `"turn":"client"`) || !strings.Contains(string(b), `"class":"permanent"`) {
		t.Errorf("%s, %v", b, err)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"550 5.1.1 x", "-ERR [IN-USE]", "a1 NO [X Y] z", "* OK [", "+", "[", "250-", "5.1.", "Server : S:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, n := range Find(s) {
			if n.Code == "" || n.Meaning.EN == "" || n.Meaning.VI == "" || n.Next.EN == "" {
				t.Errorf("Find(%q): %+v", s, n)
			}
		}
	})
}
