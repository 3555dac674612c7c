package explain

import (
	"strings"
	"testing"
)

// Every code of the table in §7 of the source document.
const table7 = "101 211 214 220 221 235 250 252 334 421 422 431 441 442 446 450 452 454 455 471 " +
	"500 501 502 503 504 510 512 523 530 535 538 541 550 551 552 553 554 555"

func TestEveryCodeOfTheTable(t *testing.T) {
	t.Parallel()
	historic := " 101 422 431 441 442 446 471 510 512 523 541 "
	for _, code := range strings.Fields(table7) {
		found := Find(code)
		if len(found) != 1 || found[0].Code != code {
			t.Errorf("Find(%s) = %+v", code, found)
			continue
		}
		n := found[0]
		if n.English == "" || n.Vietnamese == "" || n.Turn.English == "" || n.Turn.Vietnamese == "" {
			t.Errorf("%s is not wholly explained: %+v", code, n)
		}
		if strings.Contains(historic, " "+code+" ") && n.Today == "" {
			t.Errorf("historic %s does not say what is used today", code)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"550", "550 SMTP"},
		{"5.7.1", "5.7.1 enhanced"},
		{"421 4.3.2", "421 SMTP,4.3.2 enhanced"},
		{"550-5.7.26 The MAIL FROM domain", "550 SMTP,5.7.26 enhanced"},
		{"-ERR [IN-USE]", "IN-USE POP3"},
		{"-ERR [SYS/TEMP] later", "SYS/TEMP POP3"},
		{"NO [OVERQUOTA]", "OVERQUOTA IMAP"},
		{"no", "NO IMAP"},
		{"-ERR", "-ERR POP3"},
		{"459", "459 SMTP"},
		{"5.7.999", "5.7.999 enhanced"},
		{"5.99.1", ""},
		{"hello", ""},
		{"", ""},
	}
	for _, tt := range tests {
		var got []string
		for _, n := range Find(tt.text) {
			got = append(got, n.Code+" "+n.Protocol)
		}
		if s := strings.Join(got, ","); s != tt.want {
			t.Errorf("Find(%q) = %q, want %q", tt.text, s, tt.want)
		}
	}
}

func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, n := range append(replies(), responses()...) {
		if seen[n.Protocol+n.Code] {
			t.Errorf("%s is there twice", n.Code)
		}
		seen[n.Protocol+n.Code] = true
		if n.English == "" || n.Vietnamese == "" || n.Turn.Who == "" {
			t.Errorf("%s is not wholly explained", n.Code)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Find("550")[0].Print(&b, "vi"); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "Hộp thư") || strings.Contains(s, "Mailbox") {
		t.Errorf("only Vietnamese was asked for:\n%s", s)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"550", "550-5.7.1", "NO [X]", "-ERR [IN-USE]", "250-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, n := range Find(s) {
			if n.Code == "" {
				t.Errorf("%q gives a note without a code", s)
			}
		}
	})
}
