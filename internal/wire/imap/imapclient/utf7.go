package imapclient

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// b64 is base64 with "," for "/" and no padding (RFC 3501 §5.1.3).
var b64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// encodeUTF7 writes a mailbox name in modified UTF-7.
func encodeUTF7(s string) string {
	var b strings.Builder
	var run []rune
	flush := func() {
		if len(run) == 0 {
			return
		}
		var raw []byte
		for _, u := range utf16.Encode(run) {
			raw = append(raw, byte(u>>8), byte(u))
		}
		b.WriteString("&" + b64.EncodeToString(raw) + "-")
		run = run[:0]
	}
	for _, r := range s {
		if r < 0x20 || r > 0x7e {
			run = append(run, r)
			continue
		}
		flush()
		b.WriteRune(r)
		if r == '&' {
			b.WriteByte('-')
		}
	}
	flush()
	return b.String()
}

// decodeUTF7 reads a mailbox name; what is not valid stays as it came, so that
// the name can still be sent back.
func decodeUTF7(s string) string {
	var b strings.Builder
	for {
		plain, rest, ok := strings.Cut(s, "&")
		b.WriteString(plain)
		if !ok {
			return b.String()
		}
		code, after, ok := strings.Cut(rest, "-")
		if !ok {
			b.WriteString("&" + rest)
			return b.String()
		}
		b.WriteString(decodeRun(code))
		s = after
	}
}

func decodeRun(code string) string {
	if code == "" {
		return "&"
	}
	raw, err := b64.DecodeString(code)
	if err != nil || len(raw)%2 != 0 {
		return "&" + code + "-"
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	return string(utf16.Decode(units))
}
