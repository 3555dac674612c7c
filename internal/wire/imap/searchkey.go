package imap

import (
	"strings"
	"time"
)

// Op is the kind of a search key.
type Op uint8

const (
	And Op = iota // Keys; none: ALL
	OrOp
	NotOp
	Numbered // Set of sequence numbers
	UIDSet   // Set of UIDs
	HasFlag  // Text is the flag
	Larger   // N
	Smaller  // N
	Before   // Date, as the following
	On       //
	Since    //
	SentBefore
	SentOn
	SentSince
	Header   // Field contains Text
	BodyText // Text
	AnyText  // Text
	Recent   // RFC 3501 §2.3.2

	Older             // N seconds or more (RFC 5032)
	Younger           // N seconds or less
	ModSeq            // N or more; Field is the entry or "", Text priv, shared or all (RFC 7162 §3.1.5)
	Fuzzy             // Keys has the one that need not match exactly (RFC 6203)
	EmailID           // Text (RFC 8474 §5.3)
	ThreadID          // Text
	SavedBefore       // Date, as the next two (RFC 8514 §4.3)
	SavedOn           //
	SavedSince        //
	SaveDateSupported //
	Filter            // Text names it (RFC 5466)
	GmailRaw          // Text is a search as in Gmail's search field
	GmailMsgID        // ID
	GmailThrID        // ID
	GmailLabel        // Text is a label, in octets of the charset or as Store has it
	UIDAfter          // UIDs above N (RFC 9738 §3.2)
	UIDBefore         // UIDs below N
)

// Key is one search key with what it needs.
type Key struct {
	Op          Op
	Keys        []Key
	Set         Set
	Field, Text string
	N           int64
	ID          uint64
	Date        time.Time
}

// key reads one search key (RFC 9051 §6.4.4).
func (d *decoder) key() (k Key) {
	d.count()
	d.enter()
	defer d.leave()
	switch c := d.peek(); {
	case c == '(':
		d.list(func() { k.Keys = append(k.Keys, d.key()) })
		if len(k.Keys) == 0 {
			d.fail("empty list of search keys")
		}
		return k
	case isDigit(c) || c == '*' || c == '$':
		return Key{Op: Numbered, Set: d.messages(false)}
	}
	name := d.word()
	if k, known := bareKey(name); known {
		return k
	}
	d.sp()
	if op, known := argumentOps[name]; known {
		return d.keyWith(op, name)
	}
	return d.compoundKey(name)
}

func not(k Key) Key { return Key{Op: NotOp, Keys: []Key{k}} }

// bareKey is a key without arguments.
func bareKey(name string) (Key, bool) {
	positive, un := strings.CutPrefix(name, "UN")
	switch positive {
	case "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN":
		k := Key{Op: HasFlag, Text: `\` + positive[:1] + strings.ToLower(positive[1:])}
		if un {
			return not(k), true
		}
		return k, true
	}
	switch name {
	case "ALL":
		return Key{}, true
	case "RECENT": // this and the next two: RFC 3501 §6.4.4
		return Key{Op: Recent}, true
	case "NEW":
		return Key{Keys: []Key{{Op: Recent}, not(Key{Op: HasFlag, Text: `\Seen`})}}, true
	case "OLD":
		return not(Key{Op: Recent}), true
	case "SAVEDATESUPPORTED":
		return Key{Op: SaveDateSupported}, true
	}
	return Key{}, false
}

// compoundKey reads what follows the name of a key that holds others, or is made of another.
func (d *decoder) compoundKey(name string) Key {
	switch name {
	case "NOT":
		return not(d.key())
	case "FUZZY":
		return Key{Op: Fuzzy, Keys: []Key{d.key()}}
	case "OR":
		a := d.key()
		d.sp()
		return Key{Op: OrOp, Keys: []Key{a, d.key()}}
	case "UNKEYWORD":
		return not(Key{Op: HasFlag, Text: d.flag()})
	}
	d.fail("unknown search key")
	return Key{}
}

// argumentOps are the keys with one argument or two; the table never changes.
var argumentOps = map[string]Op{
	"UID": UIDSet, "KEYWORD": HasFlag, "LARGER": Larger, "SMALLER": Smaller,
	"BEFORE": Before, "ON": On, "SINCE": Since, "SENTBEFORE": SentBefore, "SENTON": SentOn, "SENTSINCE": SentSince,
	"BCC": Header, "CC": Header, "FROM": Header, "SUBJECT": Header, "TO": Header, "HEADER": Header,
	"BODY": BodyText, "TEXT": AnyText,
	"OLDER": Older, "YOUNGER": Younger, "MODSEQ": ModSeq, "EMAILID": EmailID, "THREADID": ThreadID,
	"SAVEDBEFORE": SavedBefore, "SAVEDON": SavedOn, "SAVEDSINCE": SavedSince, "FILTER": Filter,
	"X-GM-RAW": GmailRaw, "X-GM-MSGID": GmailMsgID, "X-GM-THRID": GmailThrID, "X-GM-LABELS": GmailLabel,
	"UIDAFTER": UIDAfter, "UIDBEFORE": UIDBefore,
}

// keyWith reads the arguments of a key.
func (d *decoder) keyWith(op Op, name string) Key {
	k := Key{Op: op}
	switch op {
	case UIDSet:
		k.Set = d.set()
	case HasFlag:
		k.Text = d.flag()
	case Larger, Smaller:
		k.N = d.number64()
	case Older, Younger:
		k.N = int64(d.nonZero()) // RFC 5032 §3
	case UIDAfter, UIDBefore:
		k.N = int64(d.nonZero())
	case Before, On, Since, SentBefore, SentOn, SentSince, SavedBefore, SavedOn, SavedSince:
		k.Date = d.date()
	case Header:
		if k.Field = name; name == "HEADER" {
			k.Field = d.astring()
			d.sp()
		}
		k.Text = d.astring()
	case ModSeq:
		d.modSeqKey(&k)
	case EmailID, ThreadID:
		k.Text = d.objectID()
	case Filter:
		if k.Text = d.atom(); strings.Contains(k.Text, "/") { // RFC 5466 §4
			d.fail("the name of a filter has no /")
		}
	case GmailMsgID, GmailThrID:
		k.ID = d.unsigned64()
	case GmailLabel:
		k.Text = d.rawLabel()
	default:
		k.Text = d.astring()
	}
	return k
}

// modSeqKey reads [entry type] and the number (RFC 7162 §7 search-modsequence).
func (d *decoder) modSeqKey(k *Key) {
	if d.peek() == '"' {
		if k.Field = d.quoted(); !strings.HasPrefix(strings.ToLower(k.Field), "/flags/") {
			d.fail("expected an entry such as /flags/$label")
		}
		d.sp()
		k.Text = strings.ToLower(d.oneOf("entry type", "PRIV", "SHARED", "ALL"))
		d.sp()
	}
	k.N = int64(d.modSeq())
}

// objectID reads 1 to 255 letters, digits, _ and - (RFC 8474 §7).
func (d *decoder) objectID() string {
	id := d.astring()
	if len(id) > 255 || strings.ContainsFunc(id, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-')
	}) {
		d.fail("malformed object identifier")
	}
	return id
}
