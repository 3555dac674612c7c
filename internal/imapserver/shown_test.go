package imapserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/mail"
)

const utf8Letter = "From: Thư <a@ví-dụ.vn>\r\nSubject: Chào\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nxin chào\r\n" +
	"--b\r\nContent-Disposition: attachment; filename=\"thư.txt\"\r\n\r\nthis\r\n--b--\r\n"

// asASCII is what a client that knows ASCII headers only sees of it.
const asASCII = "From: =?utf-8?Q?Th=C6=B0?= <a@xn--v-d-rma6749a.vn>\r\nSubject: =?utf-8?B?Q2jDoG8=?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nxin chào\r\n" +
	"--b\r\nContent-Disposition: attachment;\r\n filename*=utf-8''th%C6%B0.txt\r\n\r\nthis\r\n--b--\r\n"

// A client that did not say that it knows UTF-8 in headers sees one and the
// same surrogate in all it asks for, of messages small and large.
func TestSurrogateIsShown(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]int64{"small": 0, "large": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerOn(t, 0, mail.Options{Blobs: blobmemory.New(), InlineMax: limit})
			deliver(t, s, utf8Letter, time.Time{})
			deliver(t, s, letter, time.Time{})
			p := selectedPeer(t, s)
			size := fmt.Sprintf("RFC822.SIZE %d", len(asASCII))
			p.want("FETCH 1:2 RFC822.SIZE", "* 2 FETCH", "* 1 FETCH ("+size+")", "x OK")
			got := strings.Join(p.do("FETCH 1 ("+strings.Fields(size)[0]+" BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[2.MIME] BODY.PEEK[1])"), "\r\n")
			want := fmt.Sprintf("* 1 FETCH (%s BODY[] {%d}\r\n%s BODY[HEADER.FIELDS (SUBJECT)] {33}\r\nSubject: =?utf-8?B?Q2jDoG8=?=\r\n\r\n"+
				" BODY[2.MIME] {68}\r\nContent-Disposition: attachment;\r\n filename*=utf-8''th%%C6%%B0.txt\r\n\r\n BODY[1] {9}\r\nxin chào)\r\n", size, len(asASCII), asASCII)
			if !strings.HasPrefix(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if got := strings.Join(p.do("FETCH 1 (ENVELOPE BODYSTRUCTURE)"), ""); strings.ContainsFunc(got, func(r rune) bool { return r > 127 }) || !strings.Contains(got, `"FILENAME*" "utf-8''th%C6%B0.txt"`) {
				t.Errorf("got %s", got)
			}
			p.want(`APPEND INBOX CATENATE (URL "/INBOX/;UID=1")`, "* 3 EXISTS", "* 3 RECENT", "x OK")
			p.want("FETCH 3 RFC822.SIZE", "* 3 FETCH ("+size+")", "x OK")
		})
	}
}

// One that did sees what is stored.
func TestStoredUTF8IsShown(t *testing.T) {
	t.Parallel()
	for _, feature := range []string{"UTF8=ACCEPT", "IMAP4rev2"} {
		s := newServer(t, 0)
		deliver(t, s, utf8Letter, time.Time{})
		p := connect(t, s, s.Options(), nil)
		p.do(`LOGIN a@x.example "pass word"`)
		p.want("ENABLE "+feature, "* ENABLED "+feature, "x OK")
		p.do("SELECT INBOX")
		p.want("FETCH 1 RFC822.SIZE", fmt.Sprintf("* 1 FETCH (RFC822.SIZE %d)", len(utf8Letter)), "x OK")
		got := strings.Join(p.do("FETCH 1 BODY.PEEK[]"), "\r\n")
		if want := fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s)\r\n", len(utf8Letter), utf8Letter); !strings.HasPrefix(got, want) {
			t.Errorf("got\n%s", got)
		}
	}
}

// ENVELOPE and BODYSTRUCTURE of one that did have UTF-8 in quoted strings.
func TestFormInUTF8(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]int64{"small": 0, "large": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServerOn(t, 0, mail.Options{Blobs: blobmemory.New(), InlineMax: limit})
			deliver(t, s, utf8Letter, time.Time{})
			p := connect(t, s, s.Options(), nil)
			p.do(`LOGIN a@x.example "pass word"`)
			p.do("ENABLE UTF8=ACCEPT")
			p.do("SELECT INBOX")
			p.want("FETCH 1 ENVELOPE", `* 1 FETCH (ENVELOPE (NIL "Chào" (("Thư" NIL "a" "ví-dụ.vn")) (("Thư" NIL "a" "ví-dụ.vn"))`, "x OK")
			got := p.do("FETCH 1 (BODYSTRUCTURE BODY.PEEK[1])")[0]
			if !strings.HasPrefix(got, "* 1 FETCH (BODYSTRUCTURE ((") || !strings.Contains(got, `("FILENAME" "thư.txt")`) {
				t.Errorf("got %s", got)
			}
		})
	}
}
