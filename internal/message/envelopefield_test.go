package message

import (
	"strings"
	"testing"
)

func TestEnvelopeFields(t *testing.T) {
	t.Parallel()
	ix := check(t, "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nSubject: a \"b\\\" (c)\r\nFrom: \"Q. (R\" <r@x.example>, s@y\r\n"+
		"To: Team: a@b, c@d;\r\nIn-Reply-To: <1@x>\r\nMessage-ID: <2@x>\r\n\r\n")
	for f, want := range map[EnvelopeField]string{
		EnvelopeDate:      `"Mon, 7 Feb 1994 21:52:25 -0800 (PST)"`,
		EnvelopeSubject:   `"a \"b\\\" (c)"`,
		EnvelopeFrom:      `(("Q. (R" NIL "r" "x.example")(NIL NIL "s" "y"))`,
		EnvelopeSender:    `(("Q. (R" NIL "r" "x.example")(NIL NIL "s" "y"))`,
		EnvelopeTo:        `((NIL NIL "Team" NIL)(NIL NIL "a" "b")(NIL NIL "c" "d")(NIL NIL NIL NIL))`,
		EnvelopeCc:        `NIL`,
		EnvelopeBcc:       `NIL`,
		EnvelopeInReplyTo: `"<1@x>"`,
		EnvelopeMessageID: `"<2@x>"`,
		EnvelopeField(10): ``,
	} {
		if got := string(f.In(ix.Envelope)); got != want {
			t.Errorf("field %d: %s, want %s", f, got, want)
		}
	}
	if got := string(AppendUnquoted(nil, EnvelopeSubject.In(ix.Envelope))); got != `a "b\" (c)` {
		t.Errorf("subject %s", got)
	}
	for f, want := range map[EnvelopeField][3]string{
		EnvelopeFrom: {`"Q. (R"`, `"r"`, `"x.example"`},
		EnvelopeTo:   {"NIL", `"Team"`, "NIL"},
		EnvelopeCc:   {},
	} {
		name, mailbox, host := EnvelopeAddress(f.In(ix.Envelope))
		if got := [3]string{string(name), string(mailbox), string(host)}; got != want {
			t.Errorf("address of field %d: %q, want %q", f, got, want)
		}
	}
}

func TestAppendDecoded(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "plain (text)": "plain (text)", "a\tb\x1b": "a b", "=?utf-8?q?=C3=A0?= b?": "à b?"} {
		if got := string(AppendDecoded([]byte("+"), []byte(in))); got != "+"+want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSplitSubject(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"tea": false, "[list] tea": false, "re: tea": true, "[list] Fw: tea": true, "tea (FWD) ": true, "[fwd: tea]": true,
		"Re[2]: tea": true, "=?utf-8?q?Re=3A?= tea": true, "Regarding: tea": false, "AW: tea": false, "": false, "re:": true,
	} {
		if base, got := SplitSubject(in); got != want || base != BaseSubject(in) {
			t.Errorf("%q: %q is an answer: %v", in, base, got)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<a@b> text <c@ d>": "a@b c@d", "a@b c@d": "a@b", "a b": "a", "<a": "", "<plain>": "plain", "": "",
	} {
		if got := strings.Join(MessageIDs(in), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{ // RFC 5256 §3
		`"01KF8JCEOCBS0045PS"@xxx.yyy.com`: "01KF8JCEOCBS0045PS@xxx.yyy.com", `"a\"b"@c`: `a"b@c`, `"@c`: `"@c`, `a"@c`: `a"@c`, "a": "a", "": "", `""@c`: "@c",
	} {
		if got := UnquotedID(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzEnvelopeField looks into what is no envelope, too, and into the envelope
// of a message whose header it is.
func FuzzEnvelopeField(f *testing.F) {
	f.Add(`("d" "s" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<1@x>")`)
	f.Add("Subject: \"\\\r\nMessage-ID: <a\\\"b@x>\r\n\r\n")
	f.Add(`((("`)
	f.Fuzz(func(t *testing.T, s string) {
		for field := range EnvelopeMessageID + 2 {
			in := field.In([]byte(s))
			EnvelopeAddress(in)
			AppendUnquoted(nil, in)
		}
		ix, err := Parse(strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for field := range EnvelopeMessageID + 1 {
			parts = append(parts, string(field.In(ix.Envelope)))
		}
		if back := "(" + strings.Join(parts, " ") + ")"; back != string(ix.Envelope) {
			t.Errorf("%s\nbecame %s", ix.Envelope, back)
		}
		id := string(AppendUnquoted(nil, EnvelopeMessageID.In(ix.Envelope)))
		if ids := MessageIDs(id); isASCII(s) && first(ids) != ix.MessageID {
			t.Errorf("id %q, want %q", ids, ix.MessageID)
		}
	})
}
