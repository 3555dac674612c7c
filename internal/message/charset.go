package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// charset finds an encoding by its name in mail; nil for UTF-8, US-ASCII, no
// name and names nobody knows.
func charset(name string) encoding.Encoding {
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if isUTF8(name) {
		return nil
	}
	if enc, err := htmlindex.Get(name); err == nil && enc != encoding.Replacement {
		if enc == charmap.Windows1258 {
			return composed{enc}
		}
		return enc
	}
	enc, err := ianaindex.MIME.Encoding(name)
	if err != nil {
		return nil
	}
	return enc
}

// isUTF8 reports a name, in small letters, of what needs no decoding.
func isUTF8(name string) bool {
	return slices.Contains([]string{"", "utf-8", "utf8", "us-ascii", "ascii"}, name)
}

// DecodeCharset turns text of a charset into UTF-8, octets that mean nothing
// into U+FFFD; known is false if the charset is not. Text in UTF-8 stays as it is.
func DecodeCharset(name, text string) (out string, known bool) {
	if isUTF8(strings.ToLower(name)) {
		return text, true
	}
	enc := charset(name)
	if enc == nil {
		return "", false
	}
	out, err := enc.NewDecoder().String(text)
	if err != nil {
		return strings.ToValidUTF8(text, "\uFFFD"), true
	}
	return out, true
}

// composed is an encoding that has Vietnamese tones as characters of their own:
// decoded, they are put together with their vowels.
type composed struct{ encoding.Encoding }

// NewDecoder implements encoding.Encoding.
func (c composed) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: transform.Chain(c.Encoding.NewDecoder(), norm.NFC)}
}

// decodeCharset turns octets into UTF-8; broken ones become U+FFFD.
func decodeCharset(name string, b []byte) string {
	enc := charset(name)
	if enc == nil {
		return toUTF8(string(b))
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return toUTF8(string(b))
	}
	return string(out)
}

// toUTF8 takes text of no known charset for UTF-8, and each octet that can't be
// that for Windows-1252, which most such text is.
func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, _, err := transform.String(lenient{}, s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out
}

// lenient is toUTF8 for streams.
type lenient struct{ transform.NopResetter }

// Transform implements transform.Transformer.
func (lenient) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for {
		n := copyASCII(dst[nDst:], src[nSrc:]) // most text is nothing else
		nDst, nSrc = nDst+n, nSrc+n
		if nSrc == len(src) {
			return nDst, nSrc, nil
		}
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size == 1 {
			if !atEOF && !utf8.FullRune(src[nSrc:]) {
				return nDst, nSrc, transform.ErrShortSrc
			}
			r = charmap.Windows1252.DecodeByte(src[nSrc])
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc += size
	}
}

// copyASCII copies up to the first octet that is not ASCII.
func copyASCII(dst, src []byte) (n int) {
	for n = range min(len(dst), len(src)) {
		if src[n] >= utf8.RuneSelf {
			return n
		}
		dst[n] = src[n]
	}
	return min(len(dst), len(src))
}

// cleanText takes control characters out of a header text, so that it can't
// reach a terminal; line ends and tabs become spaces.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

// cleanLines takes control characters out of a text of lines. Each line ends
// with a line feed alone.
func cleanLines(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case unicode.IsControl(r) && r != '\n' && r != '\t':
			return -1
		}
		return r
	}, s)
}
