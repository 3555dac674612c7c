package gmail

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tem/internal/mail"
)

// boxes are those of an account, INBOX having number 1.
func boxes() []mail.Mailbox {
	list := []mail.Mailbox{{Name: "INBOX"}, {Name: "Drafts", SpecialUse: `\Drafts`}, {Name: "Sent", SpecialUse: `\Sent`},
		{Name: "Thư rác", SpecialUse: `\Junk`}, {Name: "Trash", SpecialUse: `\Trash`}, {Name: "Archive", SpecialUse: `\Archive`},
		{Name: "work/project x"}, {Name: "Hóa đơn"}, {Name: "Important"}, {Name: `\Sent`}}
	for i := range list {
		list[i].ID = mail.MailboxID(i + 1)
	}
	return list
}

// setting is noon of the 26th of November 2026 in Hà Nội.
func setting() Setting {
	return Setting{Now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.FixedZone("", 7*3600)), Mailboxes: boxes(), Me: "linh@hanoi.example"}
}

// show writes a query in one line.
func show(q mail.Query) string {
	list := func(qs []mail.Query, between string) string {
		parts := make([]string, len(qs))
		for i := range qs {
			parts[i] = show(qs[i])
		}
		return "(" + strings.Join(parts, between) + ")"
	}
	switch q := q.(type) {
	case mail.And:
		return list(q, " ")
	case mail.Or:
		return list(q[:], " | ")
	case mail.Not:
		return "-" + show(q.Q)
	case mail.AnyText:
		return fmt.Sprintf("%q", string(q))
	case mail.Field:
		return fmt.Sprintf("%s:%q", q.Name, q.Value)
	case mail.ReceivedSince:
		return "since " + q.T.UTC().Format(time.DateTime)
	case mail.ReceivedBefore:
		return "until " + q.T.UTC().Format(time.DateTime)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T %[1]v", q), "mail.")
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		// Words, phrases and how they are joined.
		{"", "All {}"},
		{" \t ", "All {}"},
		{"dinner", `"dinner"`},
		{"dinner -movie", `("dinner" -"movie")`},
		{`"dinner and movie tonight"`, `"dinner and movie tonight"`},
		{"“ăn tối  nhé”", `"ăn tối nhé"`},
		{`hoá đơn "tháng mười`, `("hoá" "đơn" "tháng mười")`},
		{"a OR b c", `(("a" | "b") "c")`},
		{"a b OR c OR d", `("a" (("b" | "c") | "d"))`},
		{"a or b", `("a" "or" "b")`},
		{"a | b AND c & d", `(("a" | "b") "c" "d")`},
		{"OR a OR", `"a"`},
		{"{from:amy from:david}", `(From:"amy" | From:"david")`},
		{"({a} (b c)) -{d e} -(f g)", `(("a" ("b" "c")) -("d" | "e") -("f" "g"))`},
		{"a (b", `("a" "b")`},
		{"a) } b", `("a" "b")`},
		{"() {} -() \"\"", "All {}"},
		{"--a - b", `("a" "b")`},
		{"+unicorn", `"unicorn"`},
		{"f(x)", `("f" "x")`},
		{"a - b & c ... !", `("a" "b" "c")`},
		{"🎉", `"🎉"`},
		{"holiday AROUND 10 vacation", `("holiday" "vacation")`},
		{`"secret AROUND 25 birthday"`, `("secret" "birthday")`},
		{`"AROUND 3"`, "All {}"},
		{"AROUND x", `("AROUND" "x")`},
		{"a\x00b\xffc", `("a" "b" "c")`},
		// People and texts.
		{"from:amy", `From:"amy"`},
		{"FROM:Trần", `From:"Trần"`},
		{"from: amy", `From:"amy"`},
		{"to:me", `((To:"linh@hanoi.example" | Cc:"linh@hanoi.example") | Bcc:"linh@hanoi.example")`},
		{"-cc:david bcc:x", `(-Cc:"david" Bcc:"x")`},
		{"subject:(dinner movie)", `(Subject:"dinner" Subject:"movie")`},
		{"subject:{dinner -movie from:x}", `((Subject:"dinner" | -Subject:"movie") | From:"x")`},
		{`subject:"họp tổ"`, `Subject:"họp tổ"`},
		{"from:(amy OR david) x", `((From:"amy" | From:"david") "x")`},
		{"from:", "All {}"},
		{"from:) x", `"x"`},
		{"from: to: x", `((To:"x" | Cc:"x") | Bcc:"x")`},
		{"deliveredto:a@b.example", `Delivered-To:"a@b.example"`},
		{"list:info@example.com", `((List-Id:"info@example.com" | List-Post:"info@example.com") | List-Id:"info.example.com")`},
		{"rfc822msgid:<200503292@example.com>", `Message-ID:"200503292@example.com"`},
		{"filename:pdf", "FileName pdf"},
		{`filename:"báo cáo.docx"`, "FileName báo cáo.docx"},
		{"https://x.example/?a:b 12:30 foo:bar", `("https://x.example/?a:b" "12:30" "foo:bar")`},
		// Where and how they are.
		{"has:attachment", "Attached true"},
		{"has:userlabels", "(((InMailbox 7 | InMailbox 8) | InMailbox 9) | InMailbox 10)"},
		{"has:nouserlabels", "-(((InMailbox 7 | InMailbox 8) | InMailbox 9) | InMailbox 10)"},
		{"has:youtube", "(BodyText youtube.com | BodyText youtu.be)"},
		{"has:fun", `"has:fun"`},
		{"is:unread in:unread label:unread", "(-HasFlag 1 -HasFlag 1 -HasFlag 1)"},
		{"is:read -is:starred", "(HasFlag 1 -HasFlag 4)"},
		{"is:important", "(Keyword $Important | InMailbox 9)"},
		{"in:inbox in:sent in:drafts in:draft in:trash in:spam in:archive", "(InMailbox 1 InMailbox 3 InMailbox 2 InMailbox 2 InMailbox 5 InMailbox 4 InMailbox 6)"},
		{"in:anywhere", "All {}"},
		{`label:\Sent`, "(InMailbox 3 | InMailbox 10)"},
		{"in:chats", "UIDs []"},
		{"label:work-project-x", "InMailbox 7"},
		{`label:"Work/Project X"`, "InMailbox 7"},
		{"label:hoa-don OR label:hóa-đơn", "(InMailbox 8 | InMailbox 8)"},
		{"label:thư-rác", "InMailbox 4"},
		{"label:(work-project-x OR nothing)", "(InMailbox 7 | UIDs [])"},
		{"category:social", "UIDs []"},
		// When and how large.
		{"after:2004/04/16", "since 2004-04-15 17:00:00"},
		{"newer:2004-4-16", "since 2004-04-15 17:00:00"},
		{"after:04/16/2004", "since 2004-04-15 17:00:00"},
		{"after:16/4/2004", "since 2004-04-15 17:00:00"},
		{"before:2004/04/18", "until 2004-04-17 16:59:59"},
		{"older:1388552400", "until 2014-01-01 04:59:59"},
		{"after:someday", `"after:someday"`},
		{"after:12345678901234567890", `"after:12345678901234567890"`},
		{"newer_than:2d", "since 2026-11-24 05:00:00"},
		{"older_than:3m", "until 2026-08-26 05:00:00"},
		{"older_than:1y", "until 2025-11-26 05:00:00"},
		{"older_than:1x newer_than:-1d newer_than:d", `("older_than:1x" "newer_than:-1d" "newer_than:d")`},
		{"larger:10M", "Larger 10485760"},
		{"size:1000000", "Larger 1000000"},
		{"smaller:1K larger:2gb", "(Smaller 1024 Larger 2147483648)"},
		{"larger:4294967295G", "Larger 4611686017353646080"},
		{"larger:much larger:99999999999 larger:5MM larger:M", `("larger:much" "larger:99999999999" "larger:5MM" "larger:M")`},
	} {
		if got := show(Query(c.text, setting())); got != c.want {
			t.Errorf("%q:\n%s, want\n%s", c.text, got, c.want)
		}
	}
}

// TestBounds: however long the text, what is made of it has a bound.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := setting()
	for i := range 5000 {
		s.Mailboxes = append(s.Mailboxes, mail.Mailbox{ID: mail.MailboxID(100 + i), Name: fmt.Sprint(i)})
	}
	for text, want := range map[string]int{
		strings.Repeat("a ", 5000):              maxTerms,
		strings.Repeat("(a ", 5000):             maxTerms,
		strings.Repeat("-", 1<<20) + "a":        1,
		strings.Repeat("from: ", 1<<16) + "a":   1,
		strings.Repeat("{", 1<<20):              1,
		strings.Repeat("has:userlabels ", 1000): 5004,
		strings.Repeat("label:9 ", 5000):        maxTerms,
	} {
		if got := size(Query(text, s)); got != want {
			t.Errorf("%.20q: %d conditions, want %d", text, got, want)
		}
	}
}

// size counts conditions.
func size(q mail.Query) (n int) {
	switch q := q.(type) {
	case mail.And:
		for _, part := range q {
			n += size(part)
		}
		return n
	case mail.Or:
		return size(q[0]) + size(q[1])
	case mail.Not:
		return size(q.Q)
	}
	return 1
}

func TestLabels(t *testing.T) {
	t.Parallel()
	all := boxes()
	names := ""
	for i := range all {
		names += Name(&all[i]) + ","
	}
	if want := `\Inbox,\Draft,\Sent,\Spam,\Trash,Archive,work/project x,Hóa đơn,Important,\Sent,`; names != want {
		t.Errorf("named %s", names)
	}
	for label, want := range map[string]string{
		`\Inbox`: "InMailbox 1", `\inbox`: "InMailbox 1", "INBOX": "InMailbox 1", `\Draft`: "InMailbox 2", `\Drafts`: "InMailbox 2",
		`\Sent`: "InMailbox 3", "Sent": "InMailbox 3", `\Spam`: "InMailbox 4", `\Junk`: "InMailbox 4", `\Bin`: "InMailbox 5",
		"Hóa đơn": "InMailbox 8", `\Starred`: "HasFlag 4", `\Flagged`: "HasFlag 4", `\Important`: "Keyword $Important",
		"Important": "InMailbox 9", `\All`: "", "hóa đơn": "", `\`: "", "": "",
	} {
		got := ""
		if l, found := Find(all, label); found {
			got = show(l.Query())
		}
		if got != want {
			t.Errorf("%s: %s, want %s", label, got, want)
		}
	}
}

// FuzzQuery: any text is a query that ends, has a bound, and is the same when
// there is white space around it.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a -b OR {c (d)}", `from:(x "y z`, "label:a in:inbox larger:1M older_than:1y", "“a” AROUND 3 b", "-(", "a:b:c", "before:2004/4/4", "has:userlabels"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := Query(text, setting())
		if n := size(q); n > maxTerms+8 {
			t.Fatalf("%d conditions", n)
		}
		if again := Query("  "+text+"\n", setting()); show(again) != show(q) && strings.Count(text, `"`)%2 == 0 {
			t.Fatalf("%s and %s", show(q), show(again))
		}
	})
}
