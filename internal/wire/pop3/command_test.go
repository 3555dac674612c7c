package pop3

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		want Command
		err  string // the text begins so
	}{
		{"USER an@hanoi.example", Command{Verb: User, Arg: "an@hanoi.example"}, ""},
		{"user  an ", Command{Verb: User, Arg: "an"}, ""},
		{"PASS a secret with spaces ", Command{Verb: Pass, Arg: "a secret with spaces "}, ""},
		{"PASS", Command{}, "PASS wants a password"},
		{"USER", Command{}, "USER wants a name"},
		{"LIST", Command{Verb: List}, ""},
		{"list 3", Command{Verb: List, N: 3}, ""},
		{"LIST 0", Command{}, "LIST wants one message number"},
		{"LIST -1", Command{}, "LIST wants one message number"},
		{"LIST 1 2", Command{}, "LIST wants one message number"},
		{"RETR 99999999999999999999", Command{}, "RETR wants one message number"},
		{"RETR", Command{}, "RETR wants one message number"},
		{"TOP 1 0", Command{Verb: Top, N: 1}, ""},
		{"TOP 2 10", Command{Verb: Top, N: 2, Lines: 10}, ""},
		{"TOP 1", Command{}, "TOP wants a message number and"},
		{"TOP 1 -1", Command{}, "TOP wants a number of lines"},
		{"TOP 1 99999999999", Command{Verb: Top, N: 1, Lines: 1<<31 - 1}, ""},
		{"TOP 1 +1", Command{}, "TOP wants a number of lines"},
		{"TOP +1 1", Command{}, "TOP wants one message number"},
		{"RETR +1", Command{}, "RETR wants one message number"},
		{"RETR 0x1", Command{}, "RETR wants one message number"},
		{"RETR 1_0", Command{}, "RETR wants one message number"},
		{"DELE 2147483648", Command{}, "DELE wants one message number"},
		{"RETR 007", Command{Verb: Retr, N: 7}, ""},
		{"USER thư@hanoi.example", Command{Verb: User, Arg: "thư@hanoi.example"}, ""},
		{"USER \xff", Command{}, "USER wants UTF-8"},
		{"PASS \xff", Command{}, "PASS wants UTF-8"},
		{"PASS " + strings.Repeat("x", maxArg+1), Command{}, "PASS wants something shorter"},
		{"LANG", Command{Verb: Lang}, ""},
		{"LANG *", Command{Verb: Lang, Arg: "*"}, ""},
		{"lang vi-VN", Command{Verb: Lang, Arg: "vi-vn"}, ""},
		{"LANG v_i", Command{}, "LANG wants one language"},
		{"LANG vi en", Command{}, "LANG wants one language"},
		{"LANG vi-", Command{}, "LANG wants one language"},
		{"LANG tiếng-việt", Command{}, "LANG wants one language"},
		{"AUTH", Command{Verb: Auth}, ""},
		{"AUTH plain", Command{Verb: Auth, Arg: "PLAIN"}, ""},
		{"AUTH PLAIN =", Command{Verb: Auth, Arg: "PLAIN", Initial: []byte{}}, ""},
		{"AUTH PLAIN AGEAYg==", Command{Verb: Auth, Arg: "PLAIN", Initial: []byte("\x00a\x00b")}, ""},
		{"AUTH PLAIN !!", Command{}, "AUTH wants its initial response in base64"},
		{"AUTH PLAIN a b", Command{}, "AUTH wants a mechanism"},
		{"STAT ", Command{Verb: Stat}, ""},
		{"STAT 1", Command{}, "STAT wants no argument"},
		{"QUIT", Command{Verb: Quit}, ""},
		{"", Command{}, "unknown command"},
		{"XTND", Command{}, "unknown command"},
		{"USER a\x00b", Command{}, "a command can't hold a NUL"},
	} {
		got, err := Parse([]byte(c.line))
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, want %+v", c.line, got, c.want)
		}
		switch e, _ := err.(*Error); {
		case (err == nil) != (c.err == ""):
			t.Errorf("%q: %v", c.line, err)
		case e != nil && !strings.HasPrefix(e.Error(), "-ERR "+c.err):
			t.Errorf("%q: %q, want %q", c.line, e.Error(), c.err)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"USER an":              "USER an",
		"pass hunter2":         "pass ‹secret›",
		"PASS two words":       "PASS ‹secret›",
		"AUTH PLAIN AGEAYg==":  "AUTH PLAIN ‹secret›",
		"AUTH LOGIN":           "AUTH LOGIN",
		"AUTH XOAUTH2 dXNlcj1": "AUTH XOAUTH2 ‹secret›",
		" PASS\thunter2":       "PASS ‹secret›",
		"AUTH\tPLAIN AGEAYg==": "AUTH PLAIN ‹secret›",
		"PASS":                 "PASS",
		"RETR 1":               "RETR 1",
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzParse checks that what is understood means what was said, and that no
// error repeats what may be a secret.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"USER an", "PASS x y", "AUTH PLAIN AGEAYg==", "TOP 1 2", "LIST", "UIDL 7", "QUIT", "\x00", "retr\t1", "LANG vi", "PASS \xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		kept := bytes.Clone(in)
		c, err := Parse(in)
		if !bytes.Equal(in, kept) {
			t.Fatal("the line was changed")
		}
		if err != nil {
			if _, ok := err.(*Error); !ok || len(err.Error()) > 100 {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		if c.N < 0 || c.Lines < 0 || !strings.EqualFold(string(c.Verb), string(in[:len(c.Verb)])) {
			t.Fatalf("%q: %+v", in, c)
		}
		if shown := Redact(in); c.Verb == Pass && !bytes.Equal(shown[5:], []byte("‹secret›")) {
			t.Fatalf("%q is shown as %q", in, shown)
		}
	})
}
