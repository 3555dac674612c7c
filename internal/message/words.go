package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// DecodeWords decodes RFC 2047 encoded words, in whatever charset x/text knows.
// White space between two of them goes (§6.2); a character split between them
// is put together, though §5 forbids that. A broken word stays as it is. Control
// characters are left out, or they would reach a terminal.
func DecodeWords(s string) string {
	if isReady(s) {
		return s
	}
	end := strings.LastIndex(s, "?=") + len("?=")
	if end < len("?=") || !strings.Contains(s, "=?") {
		return cleanText(toUTF8(s))
	}
	s, tail := s[:end], s[end:] // no search for the end of a word is in vain
	var d wordDecoder
	for i := strings.Index(s, "=?"); i >= 0; i = strings.Index(s, "=?") {
		w, n := parseWord(s[i:])
		if n == 0 {
			d.text(s[:i+2])
			s = s[i+2:]
			continue
		}
		if !d.open || strings.Trim(s[:i], " \t\r\n") != "" {
			d.text(s[:i])
		}
		d.word(w)
		s = s[i+n:]
	}
	d.text(s)
	d.text(tail)
	return cleanText(d.out.String())
}

// isReady reports text that decoding does not change, as most of it is.
func isReady[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '?' {
			return false
		}
	}
	return true
}

// encodedWord is =?charset?encoding?text?= with its text decoded to octets.
type encodedWord struct {
	charset string
	octets  []byte
}

// parseWord reads the encoded word that s begins with and its length, 0 if it is none.
func parseWord(s string) (w encodedWord, length int) {
	charset, rest, _ := strings.Cut(s[2:], "?")
	if charset == "" || strings.ContainsAny(charset, " \t\r\n") || len(rest) < 2 || rest[1] != '?' {
		return w, 0
	}
	text, after, ok := strings.Cut(rest[2:], "?=")
	switch {
	case !ok:
		return w, 0
	case rest[0] == 'b' || rest[0] == 'B':
		w.octets = decodeBase64(text)
	case rest[0] == 'q' || rest[0] == 'Q':
		w.octets = decodeQ(text)
	default:
		return w, 0
	}
	w.charset, _, _ = strings.Cut(charset, "*") // RFC 2231 §5: language
	return w, len(s) - len(after)
}

// wordDecoder collects text; octets of words in one charset wait until all are there.
type wordDecoder struct {
	out     strings.Builder
	waiting []byte
	charset string
	open    bool // the last thing was a word
}

func (d *wordDecoder) word(w encodedWord) {
	if d.open && !strings.EqualFold(d.charset, w.charset) {
		d.flush()
	}
	d.waiting = append(d.waiting, w.octets...)
	d.charset, d.open = w.charset, true
}

func (d *wordDecoder) text(s string) {
	d.flush()
	d.out.WriteString(toUTF8(s))
}

func (d *wordDecoder) flush() {
	if d.open {
		d.out.WriteString(decodeCharset(d.charset, d.waiting))
	}
	d.waiting, d.open = d.waiting[:0], false
}

// decodeBase64 leaves out what is not of the alphabet.
func decodeBase64(s string) []byte {
	clean := make([]byte, 0, len(s))
	for i := range len(s) {
		if base64Value[s[i]] >= 0 {
			clean = append(clean, s[i])
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean)
	return out[:n]
}

// decodeQ undoes the Q encoding (RFC 2047 §4.2).
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			out = append(out, ' ')
			continue
		case s[i] == '=' && i+2 < len(s):
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

// EncodeWords encodes a text for an unstructured field, in words no longer than
// 75, ready to be folded. Text that needs no words stays as it is: printable
// ASCII that can be folded.
func EncodeWords(s string) string {
	if !needsWords(s) && !hasLongToken(s) {
		return s
	}
	return encodeAll(s)
}

// needsWords reports what can't stand in a header as it is: other characters
// than printable ASCII, or what would be taken for an encoded word.
func needsWords(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\t' {
			return true
		}
	}
	return strings.Contains(s, "=?")
}

// hasLongToken reports a word that is too long for a line.
func hasLongToken(s string) bool {
	for len(s) > maxToken {
		i := strings.IndexByte(s, ' ')
		if i < 0 || i > maxToken {
			return true
		}
		s = s[i+1:]
	}
	return false
}

// An encoded word is =?utf-8?B?…?= with at most 75 characters (RFC 2047 §2);
// these have 64, so that a field name fits on the line with the first.
const (
	wordOverhead = len("=?utf-8?B??=")
	wordRoom     = 64 - wordOverhead
)

// encodeAll encodes a whole text, in B or Q, whichever is shorter. No character
// is split between words (§5).
func encodeAll(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	cost := 0
	for i := range len(s) {
		cost += qCost(s[i])
	}
	useQ := cost <= (len(s)+2)/3*4
	var out strings.Builder
	for s != "" {
		n := wordLength(s, useQ)
		if out.Len() > 0 {
			out.WriteByte(' ')
		}
		if useQ {
			out.WriteString("=?utf-8?Q?")
			writeQ(&out, s[:n])
		} else {
			out.WriteString("=?utf-8?B?")
			out.WriteString(base64.StdEncoding.EncodeToString([]byte(s[:n])))
		}
		out.WriteString("?=")
		s = s[n:]
	}
	return out.String()
}

// wordLength is how many octets of s fit into one word.
func wordLength(s string, q bool) int {
	n, cost := 0, 0
	for n < len(s) {
		_, size := utf8.DecodeRuneInString(s[n:])
		if q {
			for i := range size {
				cost += qCost(s[n+i])
			}
		} else {
			cost = (n + size + 2) / 3 * 4
		}
		if cost > wordRoom {
			break
		}
		n += size
	}
	return n
}

// qCost is how many octets c takes in Q: one for those that even a phrase
// allows (RFC 2047 §5 (3)), and for the space.
func qCost(c byte) int {
	if c == ' ' || isQPlain(c) {
		return 1
	}
	return 3
}

func isQPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!*+-/", c) >= 0
}

func writeQ(out *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			out.WriteByte('_')
		case isQPlain(c):
			out.WriteByte(c)
		default:
			out.WriteByte('=')
			out.WriteByte(upperHex[c>>4])
			out.WriteByte(upperHex[c&15])
		}
	}
}

const upperHex = "0123456789ABCDEF"
