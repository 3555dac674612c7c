package message

import "strings"

// BaseSubject is the subject without reply and forward marks (RFC 5256 §2.1);
// s may have encoded words. Reply adds "Re: " to it.
func BaseSubject(s string) string {
	base, _ := SplitSubject(s)
	return base
}

// SplitSubject is BaseSubject, and says whether marks of a reply or a forward
// were taken off (RFC 5256 §3, REFERENCES).
func SplitSubject(s string) (base string, answer bool) {
	s = collapse(DecodeWords(s)) // (1)
	for {
		var fwd, re bool
		s, fwd = dropTrailers(s) // (2)
		s, re = dropPrefixes(s)  // (3) to (5)
		in, ok := cutForward(s)
		answer = answer || fwd || re || ok
		if !ok {
			return s, answer // (7)
		}
		s = in // (6)
	}
}

// Reply is the subject of an answer to a message with subject s.
func Reply(s string) string {
	if base := BaseSubject(s); base != "" {
		return "Re: " + base
	}
	return "Re:"
}

// collapse makes all runs of white space one space.
func collapse(s string) string {
	if !strings.Contains(s, "  ") && !strings.ContainsAny(s, "\t\r\n") {
		return strings.Trim(s, " ")
	}
	return strings.Join(strings.Fields(s), " ")
}

// dropTrailers takes off subj-trailer: "(fwd)" or white space; fwd says whether
// it was more than white space.
func dropTrailers(s string) (rest string, fwd bool) {
	for {
		s = strings.TrimRight(s, " ")
		n := len(s) - len("(fwd)")
		if n < 0 || !strings.EqualFold(s[n:], "(fwd)") {
			return s, fwd
		}
		s, fwd = s[:n], true
	}
}

// dropPrefixes takes off subj-leader and, while something stays, subj-blob. A
// row of blobs goes as a whole: before a mark as part of the leader, else one by
// one save a last one with nothing behind it. re says whether there was a mark.
func dropPrefixes(s string) (rest string, re bool) {
	for {
		s = strings.TrimLeft(s, " ")
		last := s
		rest = s
		for n := blobLength(rest); n > 0; n = blobLength(rest) {
			last, rest = rest, rest[n:]
		}
		n := refwdLength(rest)
		switch {
		case n > 0:
			s, re = rest[n:], true
		case rest == "":
			return last, re
		default:
			return rest, re
		}
	}
}

// refwdLength is the length of subj-refwd: "re", "fw" or "fwd", a blob, a colon.
func refwdLength(s string) int {
	for _, mark := range [...]string{"re", "fwd", "fw"} {
		if len(s) < len(mark) || !strings.EqualFold(s[:len(mark)], mark) {
			continue
		}
		i := len(s) - len(strings.TrimLeft(s[len(mark):], " "))
		i += blobLength(s[i:])
		if i < len(s) && s[i] == ':' {
			return i + 1
		}
	}
	return 0
}

// blobLength is the length of subj-blob, [text] and white space behind it; 0 if there is none.
func blobLength(s string) int {
	if s == "" || s[0] != '[' {
		return 0
	}
	i := strings.IndexAny(s[1:], "[]") + 1
	if i == 0 || s[i] != ']' {
		return 0
	}
	return len(s) - len(strings.TrimLeft(s[i+1:], " "))
}

// cutForward takes "[fwd:" and "]" off.
func cutForward(s string) (string, bool) {
	const head = "[fwd:"
	if len(s) <= len(head) || !strings.EqualFold(s[:len(head)], head) || !strings.HasSuffix(s, "]") {
		return s, false
	}
	return s[len(head) : len(s)-1], true
}
