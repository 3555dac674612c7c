package imap

import (
	"reflect"
	"strings"
	"testing"
)

func number(n uint64) *uint64 { return &n }

func ranges(r ...Range) Set { return Set{Ranges: r} }

func setOf(r ...Range) *Set { return &Set{Ranges: r} }

// extensions are commands beyond the base protocol, most of them examples of
// the RFC that they are named after. They also seed the fuzzer.
var extensions = []struct {
	rfc, in string
	want    any
}{
	{"7162 §3.1.8", "a SELECT INBOX (CONDSTORE)", &Select{Mailbox: "INBOX", CondStore: true}},
	{"7162 §3.2.5", "a SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
		&Select{Mailbox: "INBOX", QResync: &QResync{UIDValidity: 67890007, ModSeq: 20050715194045000, Known: setOf(Range{41, 41}, Range{43, 211}, Range{214, 541})}}},
	{"7162 §3.2.5.2", "a EXAMINE INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541 (1,3 2,4)) CONDSTORE)",
		&Select{Mailbox: "INBOX", ReadOnly: true, CondStore: true, QResync: &QResync{UIDValidity: 67890007, ModSeq: 90060115194045000,
			Known: setOf(Range{41, 211}, Range{214, 541}), Seqs: setOf(Range{1, 1}, Range{3, 3}), UIDs: setOf(Range{2, 2}, Range{4, 4})}}},
	{"7162 §3.2.5", "a SELECT x (QRESYNC (1 2 (3 4)))", &Select{Mailbox: "x", QResync: &QResync{UIDValidity: 1, ModSeq: 2, Seqs: setOf(Range{3, 3}), UIDs: setOf(Range{4, 4})}}},
	{"7162 §3.1.4.1", "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)", &Fetch{UID: true, Set: ranges(Range{1, Star}),
		Items: []Item{{Kind: Flags, Label: "FLAGS"}}, ChangedSince: number(12345), Vanished: true}},
	{"9394 §3.3", "a UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-100)", &Fetch{UID: true, Set: ranges(Range{25900, 26600}),
		Items: []Item{{Kind: UID, Label: "UID"}, {Kind: Flags, Label: "FLAGS"}}, Partial: &Partial{1, 100, true}}},
	{"8970 §5", "a FETCH 1 (RFC822.SIZE PREVIEW (LAZY) PREVIEW)", &Fetch{Set: ranges(Range{1, 1}), Items: []Item{{Kind: Size, Label: "RFC822.SIZE"},
		{Kind: Preview, Label: "PREVIEW", Lazy: true}, {Kind: Preview, Label: "PREVIEW"}}}},
	{"8970 §4.1", "a FETCH 1 PREVIEW (CHANGEDSINCE 5)", &Fetch{Set: ranges(Range{1, 1}), Items: []Item{{Kind: Preview, Label: "PREVIEW"}}, ChangedSince: number(5)}},
	{"Gmail", "a FETCH 1 (MODSEQ SAVEDATE EMAILID THREADID X-GM-MSGID X-GM-THRID X-GM-LABELS)", &Fetch{Set: ranges(Range{1, 1}), Items: []Item{
		{Kind: ItemModSeq, Label: "MODSEQ"}, {Kind: SaveDate, Label: "SAVEDATE"}, {Kind: ItemEmailID, Label: "EMAILID"}, {Kind: ItemThreadID, Label: "THREADID"},
		{Kind: ItemGmailMsgID, Label: "X-GM-MSGID"}, {Kind: ItemGmailThrID, Label: "X-GM-THRID"}, {Kind: ItemGmailLabels, Label: "X-GM-LABELS"}}}},
	{"7162 §3.1.3", `a UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\Deleted)`, &Store{UID: true, Set: ranges(Range{6, 6}, Range{4, 4}, Range{8, 8}),
		UnchangedSince: number(12121230045), Op: '+', Silent: true, Flags: []string{`\Deleted`}}},
	{"Gmail", `a STORE 1 -X-GM-LABELS.SILENT (foo \Inbox "\\Sent" "M&APw-nchen")`, &Store{Set: ranges(Range{1, 1}), Op: '-', Silent: true,
		Labels: []string{"foo", `\Inbox`, `\Sent`, "München"}}},
	{"Gmail", "a STORE 1 X-GM-LABELS ()", &Store{Set: ranges(Range{1, 1}), Labels: []string{}}},
	{"9051 §6.4.4", "a SEARCH RETURN () ALL", &Search{Return: &Return{All: true}, Key: Key{Keys: []Key{{}}}}},
	{"9394 §3.1", "a UID SEARCH RETURN (PARTIAL -100:-1 MIN) UNDELETED", &Search{UID: true, Return: &Return{Min: true, Partial: &Partial{100, 1, true}},
		Key: Key{Keys: []Key{not(Key{Op: HasFlag, Text: `\Deleted`})}}}},
	{"5267 §4", "a UID SEARCH RETURN (COUNT UPDATE CONTEXT RELEVANCY) YOUNGER 259200", &Search{UID: true,
		Return: &Return{Count: true, Update: true, Context: true, Relevancy: true}, Key: Key{Keys: []Key{{Op: Younger, N: 259200}}}}},
	{"5465 §8", "a SEARCH RETURN (UPDATE (UID) COUNT) ALL", &Search{Return: &Return{Count: true, Update: true, UpdateItems: []Item{{Kind: UID, Label: "UID"}}}, Key: Key{Keys: []Key{{}}}}},
	{"7162 §3.1.5", `a SEARCH MODSEQ "/flags/\\draft" all 620162338 MODSEQ 7`, &Search{Key: Key{Keys: []Key{
		{Op: ModSeq, Field: `/flags/\draft`, Text: "all", N: 620162338}, {Op: ModSeq, N: 7}}}}},
	{"6203 §3", `a SEARCH FUZZY (SUBJECT "IMAP break") OLDER 1`, &Search{Key: Key{Keys: []Key{
		{Op: Fuzzy, Keys: []Key{{Keys: []Key{{Op: Header, Field: "SUBJECT", Text: "IMAP break"}}}}}, {Op: Older, N: 1}}}}},
	{"8474 §5.3", "a SEARCH OR EMAILID M6d99ac3275bb4e THREADID T64b478a75b7ea9", &Search{Key: Key{Keys: []Key{
		{Op: OrOp, Keys: []Key{{Op: EmailID, Text: "M6d99ac3275bb4e"}, {Op: ThreadID, Text: "T64b478a75b7ea9"}}}}}}},
	{"9738 §3.2", "a UID SEARCH UIDAFTER 25000 UIDBEFORE 27000", &Search{UID: true, Key: Key{Keys: []Key{{Op: UIDAfter, N: 25000}, {Op: UIDBefore, N: 27000}}}}},
	{"8514 §4.3", "a SEARCH SAVEDATESUPPORTED", &Search{Key: Key{Keys: []Key{{Op: SaveDateSupported}}}}},
	{"5466 §3.1", "a SEARCH FILTER on-the-road", &Search{Key: Key{Keys: []Key{{Op: Filter, Text: "on-the-road"}}}}},
	{"Gmail", `a SEARCH X-GM-RAW "has:attachment in:unread" X-GM-MSGID 18446744073709551615 X-GM-THRID 2 X-GM-LABELS \Starred`, &Search{Key: Key{Keys: []Key{
		{Op: GmailRaw, Text: "has:attachment in:unread"}, {Op: GmailMsgID, ID: 18446744073709551615}, {Op: GmailThrID, ID: 2}, {Op: GmailLabel, Text: `\Starred`}}}}},
	{"7377 §2.3", `a ESEARCH IN (mailboxes "folder1" subtree ("folder2" x) subtree-one INBOX selected) RETURN (COUNT) unseen`, &ESearch{
		In:     []MailboxFilter{{FilterMailboxes, []string{"folder1"}}, {FilterSubtree, []string{"folder2", "x"}}, {FilterSubtreeOne, []string{"INBOX"}}, {Kind: FilterSelected}},
		Return: &Return{Count: true}, Key: Key{Keys: []Key{not(Key{Op: HasFlag, Text: `\Seen`})}}}},
	{"7377 §2.2", "a ESEARCH IN (selected) RETURN (SAVE) ALL", &ESearch{In: []MailboxFilter{{Kind: FilterSelected}}, Return: &Return{Save: true}, Key: Key{Keys: []Key{{}}}}},
	{"7377 §2", "a ESEARCH CHARSET utf-8 ALL", &ESearch{Charset: "UTF-8", Key: Key{Keys: []Key{{}}}}},
	{"5256 §3", "a SORT (SUBJECT REVERSE DATE) UTF-8 ALL", &Sort{By: []SortKey{{By: "SUBJECT"}, {"DATE", true}}, Charset: "UTF-8", Key: Key{Keys: []Key{{}}}}},
	{"5267 §3", "a UID SORT RETURN (ALL) (DISPLAYFROM) us-ascii 1", &Sort{UID: true, Return: &Return{All: true}, By: []SortKey{{By: "DISPLAYFROM"}}, Charset: "US-ASCII",
		Key: Key{Keys: []Key{{Op: Numbered, Set: ranges(Range{1, 1})}}}}},
	{"5256 §3", `a UID THREAD references "UTF-8" ALL`, &Thread{UID: true, Algorithm: "REFERENCES", Charset: "UTF-8", Key: Key{Keys: []Key{{}}}}},
	{"5267 §4.3.5", `a CANCELUPDATE "B01" "B02"`, &CancelUpdate{[]string{"B01", "B02"}}},
	{"10022", "a UIDBATCHES 2000", &UIDBatches{Size: 2000}},
	{"10022", "a UIDBATCHES 2000 10:20", &UIDBatches{2000, 10, 20}},
	{"10022", "a UIDBATCHES 2000 7:7", &UIDBatches{2000, 7, 7}},
	{"8440 §3", `a LIST (SPECIAL-USE REMOTE) "" % RETURN (SUBSCRIBED MYRIGHTS METADATA ("/shared/vendor/x" /private/Comment) STATUS (HIGHESTMODSEQ APPENDLIMIT MAILBOXID))`,
		&List{Extended: true, SpecialUse: true, Remote: true, Patterns: []string{"%"}, ReturnSubscribed: true, ReturnMyRights: true,
			ReturnMetadata: []string{"/shared/vendor/x", "/private/comment"}, Status: []string{"HIGHESTMODSEQ", "APPENDLIMIT", "MAILBOXID"}}},
	{"9208 §3.1", "a STATUS x (DELETED DELETED-STORAGE)", &Status{"x", []string{"DELETED", "DELETED-STORAGE"}}},
	{"9208 §4.1", `a GETQUOTA ""`, &GetQuota{}},
	{"9208 §4.1", "a GETQUOTAROOT INBOX", &GetQuotaRoot{"INBOX"}},
	{"9208 §4.1", `a SETQUOTA "" (STORAGE 512 message 9)`, &SetQuota{Limits: []QuotaLimit{{"STORAGE", 512}, {"MESSAGE", 9}}}},
	{"4314 §3.1", "a SETACL INBOX/Drafts John +lrQ", nil},
	{"4314 §3.1", "a SETACL INBOX/Drafts Byron lrswikda", &SetACL{Mailbox: "INBOX/Drafts", Identifier: "Byron", Rights: "lrswikda"}},
	{"4314 §3.1", `a SETACL x John -""`, nil},
	{"4314 §3.1", `a SETACL x -John +lr`, &SetACL{"x", "-John", '+', "lr"}},
	{"4314 §3.2", "a DELETEACL INBOX Fred", &DeleteACL{"INBOX", "Fred"}},
	{"4314 §3.3", "a GETACL INBOX", &GetACL{"INBOX"}},
	{"4314 §3.4", "a LISTRIGHTS ~/Mail/saved smith", &ListRights{"~/Mail/saved", "smith"}},
	{"4314 §3.5", "a MYRIGHTS INBOX", &MyRights{"INBOX"}},
	{"5464 §4.2", `a GETMETADATA "" /shared/comment`, &GetMetadata{Entries: []string{"/shared/comment"}}},
	{"5464 §4.2.1", `a GETMETADATA "INBOX" (MAXSIZE 1024) (/shared/comment /private/comment)`, &GetMetadata{Mailbox: "INBOX",
		Entries: []string{"/shared/comment", "/private/comment"}, MaxSize: new(uint32(1024))}},
	{"5464 §5", `a GETMETADATA (DEPTH infinity) "INBOX" (/private/filters/values)`, &GetMetadata{Mailbox: "INBOX", Entries: []string{"/private/filters/values"}, Depth: DepthInfinity}},
	{"5464 §4.3", "a SETMETADATA INBOX (/private/comment NIL /shared/Comment {5}\r\nMy co /private/x ~{2}\r\n\x00y /private/e \"\")", &SetMetadata{"INBOX", []Metadata{
		{"/private/comment", nil}, {"/shared/comment", []byte("My co")}, {"/private/x", []byte("\x00y")}, {"/private/e", []byte{}}}}},
	{"5465 §3", "a NOTIFY NONE", &Notify{}},
	{"5465 §3.1", "a NOTIFY SET STATUS (selected MessageNew (uid body.peek[text]) MessageExpunge)", nil},
	{"5465 §3.1", "a NOTIFY SET STATUS (selected-delayed (MessageNew (uid) MessageExpunge flagchange)) (subtree (Lists x) NONE) (personal (MailboxName Frob))", &Notify{Status: true,
		Groups: []EventGroup{{Mailboxes: MailboxFilter{Kind: FilterSelectedDelayed}, Events: MessageNew | MessageExpunge | FlagChange, New: []Item{{Kind: UID, Label: "UID"}}},
			{Mailboxes: MailboxFilter{FilterSubtree, []string{"Lists", "x"}}}, {Mailboxes: MailboxFilter{Kind: FilterPersonal}, Events: MailboxName, Unknown: []string{"Frob"}}}}},
	{"4978 §3", "a COMPRESS deflate", &Compress{"DEFLATE"}},
	{"8437 §3", "a UNAUTHENTICATE", &Unauthenticate{}},
	{"8508 §3.2", "a UID REPLACE 2000 Drafts {5}", &Replace{true, 2000, "Drafts"}},
	{"9051 §6.3.12", "a APPEND inbox {5}", &Append{"INBOX"}},
}

func TestParseExtensions(t *testing.T) {
	t.Parallel()
	for _, c := range extensions {
		got, err := Parse([]byte(c.in), Mode{})
		switch {
		case c.want == nil && err == nil:
			t.Errorf("RFC %s: %s was accepted", c.rfc, c.in)
		case c.want == nil:
		case err != nil:
			t.Errorf("RFC %s: %s: %v", c.rfc, c.in, err)
		case !reflect.DeepEqual(got.Args, c.want):
			t.Errorf("RFC %s: %s:\n got %+v\nwant %+v", c.rfc, c.in, got.Args, c.want)
		}
	}
}

func TestParseExtensionsRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"a SELECT x (FROB)", "a SELECT x (QRESYNC (0 1))", "a SELECT x (QRESYNC (1 0))", "a SELECT x (QRESYNC (1 2 1:*))", "a SELECT x (QRESYNC (1 2) QRESYNC (1 2))",
		"a FETCH 1 UID (CHANGEDSINCE)", "a FETCH 1 UID (VANISHED CHANGEDSINCE 1)", "a UID FETCH 1 UID (VANISHED)", "a UID FETCH 1 UID (PARTIAL 0:1)", "a FETCH 1 UID (PARTIAL 1:2)", "a FETCH 1 (PREVIEW (FROB))",
		"a UID FETCH 1 UID (PARTIAL -1:2)", "a FETCH 1 UID (CHANGEDSINCE 9223372036854775808)", "a FETCH 1 X-GM-FROB",
		"a STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS x", "a STORE 1 (FROB 1) FLAGS x", "a STORE 1 X-GM-LABELS", "a STORE 1 X-GM-LABELS &x",
		"a SEARCH RETURN (ALL PARTIAL 1:2) ALL", "a SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL", "a SEARCH RETURN (UPDATE (FROB)) ALL",
		`a SEARCH MODSEQ "/flags/x" 1`, `a SEARCH MODSEQ "/flogs/x" all 1`, "a SEARCH OLDER 0", "a SEARCH FUZZY", "a SEARCH EMAILID a.b", "a SEARCH FILTER a/b", "a SEARCH X-GM-MSGID x",
		"a ESEARCH IN () ALL", "a ESEARCH IN (selected-delayed) ALL", "a ESEARCH IN (subtree ()) ALL", "a ESEARCH IN (selected personal) RETURN (SAVE) ALL", "a ESEARCH IN (frob) ALL",
		"a SORT () UTF-8 ALL", "a SORT (FROB) UTF-8 ALL", "a SORT (DATE) UTF-8", "a THREAD FROB UTF-8 ALL", "a CANCELUPDATE", "a CANCELUPDATE x",
		"a UIDBATCHES 0", "a UIDBATCHES 1 5", "a UIDBATCHES 500 20:10", "a UIDBATCHES 500 0:1", "a UIDBATCHES 500 1:*", `a LIST "" % RETURN (METADATA ())`, `a LIST "" % RETURN (METADATA x)`, "a LIST (SPECIAL-USE RECURSIVEMATCH) \"\" %",
		"a SETQUOTA x (STORAGE)", "a SETQUOTA x STORAGE 1", "a SETQUOTA x (STORAGE -1)", "a SETACL x y Z",
		"a GETMETADATA x (MAXSIZE 1)", "a GETMETADATA x (FROB 1) /a", "a GETMETADATA x /a*", "a GETMETADATA x /\u00e9", "a GETMETADATA x /a//b", "a GETMETADATA x /a/", "a GETMETADATA x (DEPTH 2) /a",
		"a SETMETADATA x ()", "a SETMETADATA x (/a)", "a SETMETADATA x (/a b)", "a SETMETADATA x (/a {1}\r\n\x00)",
		"a NOTIFY", "a NOTIFY SET", "a NOTIFY SET ()", "a NOTIFY SET (selected ())", "a NOTIFY SET (selected (MessageNew))", "a NOTIFY SET (personal (FlagChange))",
		"a NOTIFY SET (selected (MailboxName))", "a NOTIFY SET (selected NONE) (selected-delayed NONE)", "a NOTIFY SET (subtree-one x NONE)",
		"a NOTIFY SET (personal (MessageNew (UID) MessageExpunge))", "a REPLACE 0 x {1}", "a REPLACE 1,2 x {1}", "a COMPRESS",
		"a SEARCH " + strings.Repeat("1 ", MaxItems) + "1", "a STORE 1 FLAGS (" + strings.Repeat("x ", MaxItems) + "x)",
	} {
		if c, err := Parse([]byte(in), Mode{}); err == nil {
			t.Errorf("%.60q was accepted: %+v", in, c.Args)
		}
	}
}

func TestAsMuchAsAllowed(t *testing.T) {
	t.Parallel()
	if _, err := Parse([]byte("a SEARCH "+strings.Repeat("1 ", MaxItems-1)+"1"), Mode{}); err != nil {
		t.Error(err)
	}
}

// RFC 9586 §3: no sequence numbers after ENABLE UIDONLY.
func TestUIDOnly(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{
		"a FETCH 1 UID": false, "a UID FETCH 1:* UID": true, "a STORE 1 FLAGS x": false, "a COPY 1 x": false, "a MOVE 1 x": false, "a UID MOVE 1 x": true,
		"a SEARCH ALL": false, "a UID SEARCH UID 1 $": true, "a UID SEARCH NOT 1": false, "a SORT (DATE) UTF-8 ALL": false, "a UID THREAD REFS UTF-8 2": false,
		"a REPLACE 1 x {1}": false, "a UID REPLACE 1 x {1}": true, "a SELECT x (QRESYNC (1 2 3 (4 5)))": false, "a SELECT x (QRESYNC (1 2 3))": true, "a EXPUNGE": true,
		"a ESEARCH 1": false,
	} {
		_, err := Parse([]byte(in), Mode{UIDOnly: true})
		bad, _ := err.(*SyntaxError)
		if (err == nil) != ok || !ok && bad.Code != "UIDREQUIRED" {
			t.Errorf("%s: %v", in, err)
		}
		if _, err := Parse([]byte(in), Mode{}); err != nil {
			t.Errorf("%s without UIDONLY: %v", in, err)
		}
	}
}

func TestPartialOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p        Partial
		n        int
		from, to int
	}{
		{Partial{1, 3, false}, 5, 0, 3},
		{Partial{5, 4, false}, 5, 3, 5},
		{Partial{4, 9, false}, 5, 3, 5},
		{Partial{6, 9, false}, 5, 5, 5},
		{Partial{1, 2, true}, 5, 3, 5},
		{Partial{4, 9, true}, 5, 0, 2},
		{Partial{6, 9, true}, 5, 0, 0},
		{Partial{1, 4294967295, true}, 0, 0, 0},
	} {
		if from, to := c.p.Of(c.n); from != c.from || to != c.to {
			t.Errorf("%+v of %d: %d to %d, want %d to %d", c.p, c.n, from, to, c.from, c.to)
		}
	}
}

func TestEncodeExtensions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{string(AppendPartial(nil, Partial{1, 100, true}, []uint32{5, 6})), "PARTIAL (-1:-100 5:6)"},
		{string(AppendPartial[uint32](nil, Partial{From: 24000, To: 24500}, nil)), "PARTIAL (24000:24500 NIL)"},
		{string(AppendCorrelator(nil, Correlator{Tag: "a"}, false)), `(TAG "a")`},
		{string(AppendCorrelator(nil, Correlator{"tag1", "folder2/salmon", 1111111}, false)), `(TAG "tag1" MAILBOX folder2/salmon UIDVALIDITY 1111111)`},
		{string(AppendPlaced(nil, "ADDTO", []Placed{{0, []uint32{32768, 32769}}, {1, []uint32{9}}})), "ADDTO (0 32768:32769 1 9)"},
		{string(AppendQuota(nil, "", []QuotaUse{{QuotaLimit{"STORAGE", 512}, 10}, {QuotaLimit{"MESSAGE", 5}, 1}})), `QUOTA "" (STORAGE 10 512 MESSAGE 1 5)`},
		{string(AppendQuotaRoot(nil, "comp.mail.mime", nil, false)), "QUOTAROOT comp.mail.mime"},
		{string(AppendQuotaRoot(nil, "INBOX", []string{""}, false)), `QUOTAROOT INBOX ""`},
		{string(AppendACL(nil, "INBOX", []ACLEntry{{"Fred", "rwipslxetad"}, {"Chris", ""}}, false)), `ACL INBOX Fred rwipslxetad Chris ""`},
		{string(AppendListRights(nil, "~/Mail/saved", "smith", "la", []string{"r", "swicdkxte"}, false)), "LISTRIGHTS ~/Mail/saved smith la r swicdkxte"},
		{string(AppendMyRights(nil, "台", "lr", true)), `MYRIGHTS "台" lr`},
		{string(AppendMetadata(nil, "", []Metadata{{"/shared/comment", []byte("x")}, {"/private/a", nil}, {"/private/b", []byte("\x00")}}, false)),
			"METADATA \"\" (/shared/comment \"x\" /private/a NIL /private/b ~{1}\r\n\x00)"},
		{string(AppendMetadataChanged(nil, "INBOX", []string{"/shared/comment", "/private/comment"}, false)), "METADATA INBOX /shared/comment /private/comment"},
		{string(AppendEvents(nil, MessageNew|MailboxName)), "(MessageNew MailboxName)"},
		{string(AppendOldName(nil, "b", false)), `("OLDNAME" (b))`},
		{string(AppendVanished(nil, true, []uint32{41, 43, 44})), "VANISHED (EARLIER) 41,43:44"},
		{string(AppendVanished(nil, false, []uint32{405})), "VANISHED 405"},
		{string(AppendLabels(nil, []string{`\Inbox`, "München", `\Ü`, "R&D", "a b"}, false)), `"\\Inbox" M&APw-nchen "\\&ANw-" R&-D "a b"`},
		{string(AppendLabels(nil, []string{"München"}, true)), `"München"`},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func FuzzLabel(f *testing.F) {
	for _, s := range []string{"a", `\Inbox`, "München", `x"y\`, "", "nil", "inbox/x"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, utf8 bool) {
		d := &decoder{Mode: Mode{UTF8: utf8}, b: []byte(s)}
		label := d.label()
		d.end()
		if d.err != nil {
			return
		}
		again := &decoder{Mode: Mode{UTF8: utf8}, b: AppendMailbox(nil, label, utf8)}
		if got := again.label(); again.err != nil || got != label {
			t.Fatalf("%q became %q, %v", label, got, again.err)
		}
	})
}

// A program that was read can be looked through; what is no program is refused.
func FuzzParseProgram(f *testing.F) {
	for _, text := range []string{"ALL", `OR SMALLER 5000 FROM "boss@example.com"`, "NOT (1:* $) FUZZY TEXT {1+}\r\na", "OR SMALLER", "FILTER a/b", "SEEN  SEEN"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseProgram(text, Mode{UTF8: true})
		if n := 0; err == nil {
			k.Contains(func(*Key) bool { n++; return false })
			if n < 2 || n > MaxItems+1 {
				t.Errorf("%d keys in %q", n, text)
			}
		}
	})
}
