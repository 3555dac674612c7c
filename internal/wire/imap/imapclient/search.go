package imapclient

import (
	"context"
	"slices"
	"strings"

	"tem/internal/wire/imap"
)

// Text is a search argument that is a person's text, to be quoted or sent as
// a literal; a plain string is protocol text.
type Text string

// Search returns the UIDs of the messages that match, ascending. Keys are
// protocol text (string) or Text.
func (c *Client) Search(ctx context.Context, keys ...any) ([]uint32, error) {
	parts := []any{"UID SEARCH"}
	if c.Has("ESEARCH") || c.Has("IMAP4rev2") { // RFC 4731: short answers for large mailboxes
		parts = append(parts, "RETURN (ALL)")
	}
	if !isASCII(keys) {
		parts = append(parts, "CHARSET UTF-8")
	}
	for _, k := range keys {
		if t, ok := k.(Text); ok {
			k = textArg(string(t))
		}
		parts = append(parts, k)
	}
	var uids []uint32
	collect := func(r *response) error {
		switch r.name {
		case "SEARCH":
			uids = appendNumbers(uids, r.args)
		case "ESEARCH":
			uids = appendSet(uids, esearchAll(r.args))
		}
		return nil
	}
	err := c.run(ctx, collect, parts...)
	slices.Sort(uids)
	return slices.Compact(uids), err
}

func isASCII(keys []any) bool {
	for _, k := range keys {
		if t, ok := k.(Text); ok && strings.ContainsFunc(string(t), func(r rune) bool { return r >= 0x80 }) {
			return false
		}
	}
	return true
}

func appendNumbers(ns []uint32, vs []Value) []uint32 {
	for _, v := range vs {
		if n := number(v.Text); n != 0 { // leaves out (MODSEQ n)
			ns = append(ns, n)
		}
	}
	return ns
}

// esearchAll is the set behind ALL in an ESEARCH response (RFC 4731 §3.1).
func esearchAll(vs []Value) string {
	for i := range len(vs) - 1 {
		if vs[i].Atom && strings.EqualFold(vs[i].Text, "ALL") {
			return vs[i+1].Text
		}
	}
	return ""
}

// maxFound bounds how many numbers a set in a response may stand for.
const maxFound = 10_000_000

func appendSet(ns []uint32, set string) []uint32 {
	for piece := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(piece, ":")
		lo, hi := number(first), number(first)
		if isRange {
			hi = number(last)
		}
		if lo == 0 || hi == 0 {
			continue
		}
		for n := uint64(min(lo, hi)); n <= uint64(max(lo, hi)) && len(ns) < maxFound; n++ {
			ns = append(ns, uint32(n))
		}
	}
	return ns
}

// FormatSet writes UIDs as a sequence set, runs as ranges.
func FormatSet(uids []uint32) string { return string(imap.AppendNumbers(nil, uids)) }
