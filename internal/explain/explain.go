// Package explain is the catalogue of what servers answer: SMTP reply codes,
// enhanced status codes, POP3 and IMAP response codes, each with its meaning in
// English and Vietnamese, whose move it is and what to do next.
//
// Invariant: the catalogue is constant data; it depends on nothing.
package explain

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// ErrUnknown: nothing in what was asked is a code that the catalogue has.
var ErrUnknown = errors.New("no such code is known: try 550, 5.7.1, \"-ERR [IN-USE]\" or \"NO [OVERQUOTA]\"")

// Note is what is known of one code.
type Note struct {
	Code       string `json:"code"`
	Protocol   string `json:"protocol"` // SMTP, enhanced, POP3 or IMAP
	English    string `json:"en"`
	Vietnamese string `json:"vi"`
	Today      string `json:"today,omitempty"` // what today's standard uses instead of a historic code
	Turn       Turn   `json:"turn"`
}

// Turn says whose move it is and what comes next.
type Turn struct {
	Who        string `json:"who"` // nobody, sender, server, recipient, admin
	English    string `json:"en"`
	Vietnamese string `json:"vi"`
}

var (
	smtpCode     = regexp.MustCompile(`^[1-5][0-9][0-9]$`)
	enhancedCode = regexp.MustCompile(`^[245]\.[0-9]{1,3}\.[0-9]{1,3}$`)
)

// Find explains each code in a text such as "421 4.3.2" or "NO [OVERQUOTA]",
// in order; words that are no codes are passed over.
func Find(text string) []Note {
	pop := strings.Contains(text, "-ERR") || strings.Contains(text, "+OK")
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n[](),;:", r) })
	var found []Note
	for i := 0; i < len(words); i++ {
		w := strings.ToUpper(strings.TrimRight(words[i], "."))
		// "550-5.7.1 …", the first lines of a long reply
		if len(w) > 4 && w[3] == '-' && smtpCode.MatchString(w[:3]) {
			words[i] = w[4:]
			w = w[:3]
			i--
		}
		if n, ok := lookup(w, pop); ok {
			found = append(found, n)
		}
	}
	if len(found) > 1 { // "NO [OVERQUOTA]": the code says more than the bare NO
		found = dropBare(found)
	}
	return found
}

func dropBare(ns []Note) []Note {
	var kept []Note
	for _, n := range ns {
		switch n.Code {
		case "OK", "NO", "BAD", "BYE", "-ERR", "+OK":
		default:
			kept = append(kept, n)
		}
	}
	return kept
}

func lookup(w string, pop bool) (Note, bool) {
	switch {
	case smtpCode.MatchString(w):
		return lookSMTP(w)
	case enhancedCode.MatchString(w):
		return lookEnhanced(w)
	}
	var other Note
	for _, r := range responses() {
		if r.Code != w {
			continue
		}
		if (r.Protocol == "POP3") == pop {
			return r, true
		}
		other = r // the word stands without -ERR or NO before it
	}
	return other, other.Code != ""
}

// lookSMTP falls back on what the first two digits say (RFC 5321 §4.2.1).
func lookSMTP(code string) (Note, bool) {
	for _, r := range replies() {
		if r.Code == code {
			return r, true
		}
	}
	first, ok := firstDigit()[code[0]]
	if !ok {
		return Note{}, false
	}
	second := secondDigit()[code[1]]
	return Note{
		Code: code, Protocol: "SMTP", Turn: turnOf(code[0]),
		English: first[0] + second[0], Vietnamese: first[1] + second[1],
	}, true
}

// lookEnhanced joins class and detail (RFC 3463 §3).
func lookEnhanced(code string) (Note, bool) {
	class, detail, _ := strings.Cut(code, ".")
	c := classes()[class]
	for _, d := range details() {
		if d[0] == detail {
			return Note{
				Code: code, Protocol: "enhanced", Turn: turnOf(class[0]),
				English: c[0] + ": " + d[1], Vietnamese: c[1] + ": " + d[2],
			}, true
		}
	}
	subject, _, _ := strings.Cut(detail, ".")
	s, ok := subjects()[subject]
	if !ok {
		return Note{}, false
	}
	return Note{
		Code: code, Protocol: "enhanced", Turn: turnOf(class[0]),
		English: c[0] + ": " + s[0] + " (detail not in the registry)", Vietnamese: c[1] + ": " + s[1] + " (chi tiết không có trong danh mục)",
	}, true
}

func turnOf(class byte) Turn {
	switch class {
	case '2':
		return nobody()
	case '3':
		return Turn{"sender", "Go on: send what the server asks for.", "Hãy gửi tiếp phần mà máy chủ yêu cầu."}
	case '4':
		return later()
	}
	return fix()
}

func nobody() Turn { return Turn{"nobody", "Nothing to do.", "Không cần làm gì."} }
func later() Turn {
	return Turn{"server", "Wait: the sending server tries again by itself, usually for some days.", "Hãy chờ: máy chủ gửi sẽ tự thử lại, thường trong vài ngày."}
}
func fix() Turn {
	return Turn{"sender", "Do not repeat it unchanged: read the text, correct it, send again.", "Đừng gửi lại y nguyên: hãy đọc lời giải thích, sửa rồi gửi lại."}
}
func admin() Turn {
	return Turn{"admin", "Tell the administrator of the server, with this code and its text.", "Hãy báo người quản trị máy chủ, kèm mã này và lời giải thích."}
}
func recipient() Turn {
	return Turn{"recipient", "Tell the recipient by another way: their mailbox or its rules stand against it.", "Hãy báo người nhận bằng cách khác: hộp thư hoặc quy định phía họ không cho nhận."}
}
func login() Turn {
	return Turn{"sender", "Check account name and password (an app password where the provider asks for one) and that TLS is on.", "Hãy kiểm tra tên tài khoản, mật khẩu (mật khẩu ứng dụng nếu nhà cung cấp yêu cầu) và đã bật TLS."}
}

// Print writes a note for a person; lang is "en", "vi" or "" for both.
func (n Note) Print(w io.Writer, lang string) error {
	_, err := fmt.Fprintf(w, "%s (%s)\n", n.Code, n.Protocol)
	if lang != "vi" && err == nil {
		_, err = fmt.Fprintf(w, "  en: %s.\n      Next (%s): %s\n", n.English, n.Turn.Who, n.Turn.English)
	}
	if lang != "en" && err == nil {
		_, err = fmt.Fprintf(w, "  vi: %s.\n      Tiếp theo: %s\n", n.Vietnamese, n.Turn.Vietnamese)
	}
	if n.Today != "" && err == nil {
		_, err = fmt.Fprintf(w, "  today / ngày nay: %s\n", n.Today)
	}
	return err
}
