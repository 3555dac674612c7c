package imap

import "strings"

func parseSearch(d *decoder, uid bool) *Search {
	c := &Search{UID: uid}
	d.sp()
	if d.keyword("RETURN") {
		d.sp()
		c.Return = []string{}
		d.list(func() { c.Return = append(c.Return, d.oneOf("RETURN option", "MIN", "MAX", "ALL", "COUNT", "SAVE")) })
		d.sp()
	}
	if d.keyword("CHARSET") {
		d.sp()
		c.Charset = strings.ToUpper(d.astring())
		d.sp()
	}
	for d.err == nil {
		if c.Key.Keys = append(c.Key.Keys, d.key()); !d.take(' ') {
			break
		}
	}
	return c
}

// keyword takes the word if it is next.
func (d *decoder) keyword(word string) bool {
	at := d.pos
	if strings.EqualFold(string(d.span(isAtomChar)), word) {
		return true
	}
	d.pos = at
	return false
}

// key reads one search key (RFC 9051 §6.4.4).
func (d *decoder) key() (k Key) {
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
		return Key{Op: Numbered, Set: d.set()}
	}
	name := d.word()
	positive, un := strings.CutPrefix(name, "UN")
	if flag, ok := flagKey(positive); ok {
		k = Key{Op: HasFlag, Text: flag}
		if un {
			return not(k)
		}
		return k
	}
	return d.keyWith(name)
}

func flagKey(name string) (string, bool) {
	switch name {
	case "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN":
		return `\` + name[:1] + strings.ToLower(name[1:]), true
	}
	return "", false
}

func not(k Key) Key { return Key{Op: NotOp, Keys: []Key{k}} }

// keyWith reads what follows the name of a key.
func (d *decoder) keyWith(name string) Key {
	switch name {
	case "ALL":
		return Key{}
	case "RECENT": // this and the next two: RFC 3501 §6.4.4
		return Key{Op: Recent}
	case "NEW":
		return Key{Keys: []Key{{Op: Recent}, not(Key{Op: HasFlag, Text: `\Seen`})}}
	case "OLD":
		return not(Key{Op: Recent})
	}
	d.sp()
	switch name {
	case "NOT":
		return not(d.key())
	case "OR":
		a := d.key()
		d.sp()
		return Key{Op: OrOp, Keys: []Key{a, d.key()}}
	case "UID":
		return Key{Op: UIDSet, Set: d.set()}
	case "KEYWORD":
		return Key{Op: HasFlag, Text: d.flag()}
	case "UNKEYWORD":
		return not(Key{Op: HasFlag, Text: d.flag()})
	case "LARGER":
		return Key{Op: Larger, N: d.number64()}
	case "SMALLER":
		return Key{Op: Smaller, N: d.number64()}
	case "BCC", "CC", "FROM", "SUBJECT", "TO":
		return Key{Op: Header, Field: name, Text: d.astring()}
	case "HEADER":
		field := d.astring()
		d.sp()
		return Key{Op: Header, Field: field, Text: d.astring()}
	case "BODY":
		return Key{Op: BodyText, Text: d.astring()}
	case "TEXT":
		return Key{Op: AnyText, Text: d.astring()}
	}
	ops := map[string]Op{"BEFORE": Before, "ON": On, "SINCE": Since, "SENTBEFORE": SentBefore, "SENTON": SentOn, "SENTSINCE": SentSince}
	op, ok := ops[name]
	if !ok {
		d.fail("unknown search key")
		return Key{}
	}
	return Key{Op: op, Date: d.date()}
}
