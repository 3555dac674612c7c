package imap

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want any
	}{
		{"a NOOP", &Noop{}},
		{"a login {3}\r\nbob \"p\\\"w\"", &Login{"bob", `p"w`}},
		{"a AUTHENTICATE plain =", &Authenticate{"PLAIN", []byte{}}},
		{"a SELECT inbox", &Select{Mailbox: "INBOX"}},
		{"a EXAMINE &U,BTFw-", &Select{Mailbox: "台北", ReadOnly: true}},
		{"a RENAME a b", &Rename{"a", "b"}},
		{`a LIST "" %`, &List{Patterns: []string{"%"}}},
		{`a LIST (SUBSCRIBED RECURSIVEMATCH) "" ("a*" b) RETURN (CHILDREN STATUS (SIZE))`, &List{Extended: true, Subscribed: true, RecursiveMatch: true,
			Patterns: []string{"a*", "b"}, ReturnChildren: true, Status: []string{"SIZE"}}},
		{"a SEARCH RETURN (save Min) $ NEW", &Search{Return: &Return{Save: true, Min: true}, Key: Key{Keys: []Key{{Op: Numbered, Set: Set{Saved: true}},
			{Keys: []Key{{Op: Recent}, {Op: NotOp, Keys: []Key{{Op: HasFlag, Text: `\Seen`}}}}}}}}},
		{"a FETCH 1 (BINARY.PEEK[1.2]<3.4> BINARY.SIZE[])", &Fetch{Set: Set{Ranges: []Range{{1, 1}}}, Items: []Item{
			{Kind: Binary, Label: "BINARY[1.2]<3>", Peek: true, Path: []int{1, 2}, Partial: true, Offset: 3, Count: 4},
			{Kind: BinarySize, Label: "BINARY.SIZE[]", Peek: true}}}},
		{"a STATUS x (messages UIDNEXT)", &Status{"x", []string{"MESSAGES", "UIDNEXT"}}},
		{"a UID MOVE 1:*,3 x", &Copy{UID: true, Move: true, Set: Set{Ranges: []Range{{1, Star}, {3, 3}}}, Mailbox: "x"}},
		{`a STORE 2 -flags.silent \Seen k`, &Store{Set: Set{Ranges: []Range{{2, 2}}}, Op: '-', Silent: true, Flags: []string{`\Seen`, "k"}}},
		{"a FETCH 1 (UID BODY.PEEK[1.HEADER.FIELDS (To)]<0.9>)", &Fetch{Set: Set{Ranges: []Range{{1, 1}}}, Items: []Item{
			{Kind: UID, Label: "UID"},
			{Kind: Section, Label: "BODY[1.HEADER.FIELDS (To)]<0>", Peek: true, Path: []int{1}, Text: "HEADER.FIELDS", Fields: []string{"To"}, Partial: true, Count: 9}}}},
		{"a AUTHENTICATE PLAIN AGEAYg==", &Authenticate{"PLAIN", []byte("\x00a\x00b")}},
		{"a authenticate XOAUTH2", &Authenticate{Mechanism: "XOAUTH2"}},
		{`a ID ("Name" "x" "os" nil)`, &ID{map[string]string{"name": "x", "os": ""}}},
		{"a ID NIL", &ID{map[string]string{}}},
		{"a ENABLE condstore X", &Enable{[]string{"CONDSTORE", "X"}}},
		{`a CREATE x (USE (\Sent))`, &Create{"x", []string{`\Sent`}}},
		{`a CREATE x (USE (\Sent \Drafts))`, &Create{"x", []string{`\Sent`, `\Drafts`}}},
		{"a LSUB Inbox/ *", &List{LSub: true, Reference: "INBOX/", Patterns: []string{"*"}}},
		{`a LIST "" % RETURN (SPECIAL-USE)`, &List{Extended: true, Patterns: []string{"%"}, ReturnSpecialUse: true}},
		{"a UID EXPUNGE 1:2", &Expunge{UIDs: &Set{Ranges: []Range{{1, 2}}}}},
		{"a FETCH 1 full", &Fetch{Set: Set{Ranges: []Range{{1, 1}}}, Items: []Item{{Kind: Flags, Label: "FLAGS"}, {Kind: InternalDate, Label: "INTERNALDATE"},
			{Kind: Size, Label: "RFC822.SIZE"}, {Kind: Envelope, Label: "ENVELOPE"}, {Kind: Body, Label: "BODY"}}}},
		{"a FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT BODY BODY[TEXT])", &Fetch{Set: Set{Ranges: []Range{{1, 1}}}, Items: []Item{{Kind: Section, Label: "RFC822"},
			{Kind: Section, Label: "RFC822.HEADER", Text: "HEADER", Peek: true}, {Kind: Section, Label: "RFC822.TEXT", Text: "TEXT"}, {Kind: Body, Label: "BODY"},
			{Kind: Section, Label: "BODY[TEXT]", Text: "TEXT"}}}},
		{"a SEARCH CHARSET utf-8 OLD KEYWORD k UNKEYWORD k SENTON 1-Feb-1994 SMALLER 5 HEADER X-Y {1}\r\nz UID 7 BODY b TEXT t", &Search{Charset: "UTF-8", Key: Key{Keys: []Key{not(Key{Op: Recent}), {Op: HasFlag, Text: "k"}, not(Key{Op: HasFlag, Text: "k"}),
			{Op: SentOn, Date: time.Date(1994, 2, 1, 0, 0, 0, 0, time.UTC)}, {Op: Smaller, N: 5}, {Op: Header, Field: "X-Y", Text: "z"},
			{Op: UIDSet, Set: Set{Ranges: []Range{{7, 7}}}}, {Op: BodyText, Text: "b"}, {Op: AnyText, Text: "t"}}}}},
		{"a SEARCH OR UNSEEN (LARGER 3 2)", &Search{Key: Key{Keys: []Key{{Op: OrOp, Keys: []Key{
			{Op: NotOp, Keys: []Key{{Op: HasFlag, Text: `\Seen`}}},
			{Keys: []Key{{Op: Larger, N: 3}, {Op: Numbered, Set: Set{Ranges: []Range{{2, 2}}}}}}}}}}}},
	} {
		got, err := Parse([]byte(c.in), Mode{})
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
		} else if !reflect.DeepEqual(got.Args, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.in, got.Args, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "a", "a ", "+ NOOP", "a FROB", "a NOOP x", "a LOGIN x", `a LOGIN "x y`, "a FETCH 0 UID", "a FETCH 1 BODY[0]",
		"a FETCH 1 BODY[MIME]", "a SEARCH", "a SEARCH ()", "a SEARCH ON 30-Foo-1999", "a STORE 1 FLAGS", "a SELECT &AA",
		"a STATUS x (FROB)", "a SEARCH RETURN (FROB) ALL", `a LIST "" ()`, `a LIST (FROB) "" *`,
		`a LIST "" * RETURN (STATUS (FROB))`, "a FETCH 1 BINARY[1.TEXT]", "a FETCH 1 BINARY.SIZE[1]<0.1>", "a LOGIN {9}\r\nx y", "a UID NOOP", "a ENABLE", "a LIST (RECURSIVEMATCH) \"\" *",
		"a SEARCH " + strings.Repeat("(", 10000), "a SEARCH " + strings.Repeat("NOT ", 10000) + "ALL",
	} {
		var bad *SyntaxError
		if _, err := Parse([]byte(in), Mode{}); !errors.As(err, &bad) {
			t.Errorf("%.40q was accepted", in)
		}
	}
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"a LOGIN {3}\r\nbob pw", "a SEARCH RETURN (MIN) CHARSET UTF-8 OR TO x NOT 1:*", "a FETCH 1:2 (BODY[1.2.TEXT]<1.2> FULL)",
		`a APPEND x () "17-Jul-1996 02:44:25 -0700" {1}`, `a LIST (SUBSCRIBED) "" (a b) RETURN (STATUS (MESSAGES))`, `a ID ("a" NIL)`,
		`a LIST (REMOTE SUBSCRIBED RECURSIVEMATCH) "" ("a*") RETURN (CHILDREN)`, "a UID FETCH $ (BINARY.PEEK[1]<2.3> BINARY.SIZE[2])", "a APPEND x ~{5}"} {
		f.Add([]byte(s))
	}
	for _, c := range extensions {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b, Mode{UTF8: len(b)%2 == 0, UIDOnly: len(b)%3 == 0})
		if (c == nil) == (err == nil) {
			t.Fatal("neither or both of a command and an error")
		}
	})
}

func FuzzSet(f *testing.F) {
	for _, s := range []string{"1", "1:*,5", "$", "*", "4294967295:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := ParseSet(s)
		if err != nil {
			return
		}
		again, err := ParseSet(string(AppendSet(nil, set)))
		if err != nil || !reflect.DeepEqual(set, again) {
			t.Fatalf("%q: %v then %v, %v", s, set, again, err)
		}
	})
}

func FuzzUTF7(f *testing.F) {
	for _, s := range []string{"台北", "Th\u01b0 &-x", "&", "a\x01b", "😀~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s || strings.Contains(s, "\ufffd") {
			return
		}
		got, err := DecodeUTF7(EncodeUTF7(s))
		if err != nil || got != s {
			t.Fatalf("%q became %q, %v", s, got, err)
		}
	})
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a LOGIN bob secret":                "a LOGIN bob ‹secret›",
		"a  login  bob  secret":             "a  login  bob ‹secret›",
		"LOGIN bob secret":                  "LOGIN ‹secret›",
		"a LOGIN {3}":                       "a LOGIN {3}",
		`a LOGIN "b ob" secret`:             `a LOGIN "b ‹secret›`,
		"a AUTHENTICATE PLAIN AGJvYgBwdw==": "a AUTHENTICATE PLAIN ‹secret›",
		"a AUTHENTICATE PLAIN":              "a AUTHENTICATE PLAIN",
		"a AUTHENTICATE XOAUTH2 dXNlcj1":    "a AUTHENTICATE XOAUTH2 ‹secret›",
		"a SEARCH LOGIN secret":             "a SEARCH LOGIN secret",
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestTableNamesAreUnique(t *testing.T) {
	t.Parallel()
	if len(rows) != len(Table()) {
		t.Fatal("two rows have the same name")
	}
	for name, r := range rows {
		if r.parse == nil || r.run == nil || r.States == 0 {
			t.Errorf("%s is not complete", name)
		}
	}
}

func TestQuoting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{string(AppendString(nil, "a\"b")), `"a\"b"`},
		{string(AppendString(nil, "ü")), "{2}\r\nü"}, // RFC 9051 appendix A
		{string(AppendAString(nil, "nil")), `"nil"`},
		{string(AppendMailbox(nil, "台北", false)), "&U,BTFw-"},
		{string(AppendMailbox(nil, "台北", true)), `"台北"`},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}
