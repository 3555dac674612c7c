package imap

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var errUTF7 = errors.New("not a mailbox name in modified UTF-7")

// utf7 is base 64 with "," for "/" and without padding (RFC 3501 §5.1.3).
var utf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding).Strict()

func printable(r rune) bool { return r >= 0x20 && r <= 0x7e }

// EncodeUTF7 is the modified UTF-7 of a mailbox name (RFC 3501 §5.1.3).
func EncodeUTF7(name string) string {
	var b strings.Builder
	for len(name) > 0 {
		if n := strings.IndexFunc(name, func(r rune) bool { return !printable(r) || r == '&' }); n != 0 {
			if n < 0 {
				n = len(name)
			}
			b.WriteString(name[:n])
			name = name[n:]
		} else if name[0] == '&' {
			b.WriteString("&-")
			name = name[1:]
		} else {
			n := strings.IndexFunc(name, printable)
			if n < 0 {
				n = len(name)
			}
			b.WriteString("&" + encodeRun(name[:n]) + "-")
			name = name[n:]
		}
	}
	return b.String()
}

func encodeRun(s string) string {
	var octets []byte
	for _, u := range utf16.Encode([]rune(s)) {
		octets = append(octets, byte(u>>8), byte(u))
	}
	return utf7.EncodeToString(octets)
}

// DecodeUTF7 undoes EncodeUTF7, and refuses what it would not have written,
// so that every mailbox has one name. Raw UTF-8 is let through.
func DecodeUTF7(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errUTF7
	}
	var b strings.Builder
	for {
		plain, rest, shifted := strings.Cut(s, "&")
		b.WriteString(plain)
		if !shifted {
			return b.String(), nil
		}
		run, after, ended := strings.Cut(rest, "-")
		if !ended {
			return "", errUTF7
		}
		text, err := decodeRun(run)
		// Two shifted runs side by side should have been one.
		if err != nil || run != "" && strings.HasPrefix(after, "&") && !strings.HasPrefix(after, "&-") {
			return "", errUTF7
		}
		b.WriteString(text)
		s = after
	}
}

func decodeRun(run string) (string, error) {
	if run == "" {
		return "&", nil
	}
	octets, err := utf7.DecodeString(run)
	if err != nil || len(octets)%2 != 0 || strings.ContainsAny(run, "\r\n") {
		return "", errUTF7
	}
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
	}
	text := string(utf16.Decode(units))
	if encodeRun(text) != run || strings.ContainsFunc(text, func(r rune) bool { return printable(r) || r == utf8.RuneError }) {
		return "", errUTF7 // a lone surrogate, or text that needs no shift
	}
	return text, nil
}
