package message

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostile makes messages of about n octets, each to tire one reader.
var hostile = map[string]func(n int) string{
	"nested comments":    field("To", "(", ""),
	"comments, closed":   func(n int) string { return "To: " + strings.Repeat("(", n/2) + strings.Repeat(")", n/2) + "\n\n" },
	"comments in a row":  field("To", "(a)", ""),
	"comments in a date": field("Date", "(a)", "1 Jan 2026"),
	"dots":               field("To", ".", "@x"),
	"spaced dots":        field("To", "a . ", "@x"),
	"domain of dots":     field("To", ".a ", ""),
	"obsolete domain":    func(n int) string { return "To: a@b" + strings.Repeat(" .c", n/3) + "\n\n" },
	"atoms":              field("To", "a ", ""),
	"quoted words":       field("To", `"a"`, "@x"),
	"quotes":             field("To", `"`, ""),
	"quoted pairs":       field("To", `"\`, ""),
	"groups":             field("To", "a:;", ""),
	"group starts":       field("To", "a:", ""),
	"angles":             field("To", "<", ""),
	"angle, commas":      field("To", "<a,", ""),
	"route": func(n int) string {
		return "To: <" + strings.Repeat(" ", n/2) + "@" + strings.Repeat(",", n/2) + "\n\n"
	},
	"spaces and commas":    func(n int) string { return "To: <" + strings.Repeat(" ", n/2) + strings.Repeat(",", n/2) + "\n\n" },
	"at signs":             field("To", "@", ""),
	"literals":             field("To", "a@[", ""),
	"addresses":            field("To", "a@b,", ""),
	"many fields":          repeated("To: a\n"),
	"domain beyond ASCII":  func(n int) string { return "To: a@" + distinctRunes(n) + "\n\n" },
	"domains beyond ASCII": field("To", "a@ế.ộ,", ""),
	"encoded words":        field("Subject", "=?utf-8?q?a?= ", ""),
	"words, charsets":      field("Subject", "=?iso-8859-1?q?a?= =?koi8-r?b?xw==?= ", ""),
	"words without end":    field("Subject", "=?a?q?", ""),
	"words, unknown":       field("Subject", "=?a?x?b?=", ""),
	"words in names":       field("From", "=?utf-8?q?a?= <a@b>, ", ""),
	"octets beyond ASCII":  field("Subject", "\xff\xc3\xa1", ""),
	"subject blobs":        field("Subject", "[a]", "x"),
	"subject, only blobs":  field("Subject", "[a]", ""),
	"subject marks":        field("Subject", "re: ", ""),
	"subject, blob marks":  field("Subject", "[a] re[b]: ", ""),
	"subject forwards": func(n int) string {
		return "Subject: " + strings.Repeat("[fwd:", n/6) + strings.Repeat("]", n/6) + "\n\n"
	},
	"subject trailers":     field("Subject", "(fwd) ", ""),
	"references":           field("References", "<a@b> ", ""),
	"references, no end":   field("References", "<a", ""),
	"references, empty":    field("References", "<>", ""),
	"parameters":           field("Content-Type", ";a=b", ""),
	"continuations":        continuations("a"),
	"continuations, empty": continuations("\x01"),
	"comments in a type":   field("Content-Type", " (", ""),
	"comments, not a type": func(n int) string {
		return "Content-Type: a/b; c=" + strings.Repeat(" (", n/4) + strings.Repeat(")", n/4) + "x\n\n"
	},
	"comments close to all": field("Content-Type", " (a)b", ""),
	"quotes in a type":      field("Content-Type", `"`, ""),
	"languages":             field("Content-Language", "a,", ""),
	"lines without colon":   repeated("a\n"),
	"folded lines":          field("Subject", "a\n ", ""),
	"blank folds":           field("Subject", "\n ", ""),
	"parts": func(n int) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\n", n/5)
	},
	"near delimiters": func(n int) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b-\n", n/5)
	},
	"messages":         repeated("Content-Type: message/rfc822\n\n"),
	"multiparts":       repeated("Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
	"html tags":        htmlOf("<a href=x:>a</a><td>"),
	"html, open":       htmlOf("<"),
	"html, attributes": func(n int) string { return htmlOf("<a ")(6) + strings.Repeat("b=c ", n/4) },
	"html, entities":   htmlOf("&amp"),
	"html, comments":   htmlOf("<!--"),
	"html, scripts":    htmlOf("<script><!--"),
	"base64 with gaps": func(n int) string {
		return "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("QUJDR"+strings.Repeat("!", 3000), n/3005)
	},
	"quoted-printable":  func(n int) string { return "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=", n) },
	"text beyond ASCII": func(n int) string { return "\n\n" + strings.Repeat("\xff\xc3\xa1", n/3) },
}

func field(name, part, end string) func(n int) string {
	return func(n int) string { return name + ": " + strings.Repeat(part, n/len(part)) + end + "\n\n" }
}

func repeated(s string) func(n int) string {
	return func(n int) string { return strings.Repeat(s, n/len(s)) + "\n" }
}

func htmlOf(s string) func(n int) string {
	return func(n int) string { return "Content-Type: text/html\n\n" + strings.Repeat(s, n/len(s)) }
}

func continuations(value string) func(n int) string {
	return func(n int) string {
		var b strings.Builder
		b.WriteString("Content-Type: text/plain")
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "; name*%d=%s", i, value)
		}
		return b.String() + "\n\n"
	}
}

func distinctRunes(n int) string {
	var b strings.Builder
	for r := rune(0x100); b.Len() < n; r++ {
		b.WriteString(string('\u4e00' + r%20000))
	}
	return b.String()
}

// readAll does with a message what the rest of the program does.
func readAll(raw string) error {
	r := strings.NewReader(raw)
	ix, err := Parse(r)
	if err != nil {
		return err
	}
	for _, v := range []string{"To", "From", "Subject"} {
		value := Header(ix.Header).Get(v)
		Addresses(value)
		Reply(value)
	}
	if _, err := DecodePart(ix.Root.AppendBinary(nil)); err != nil {
		return err
	}
	_, err = Readable(r, ix.Root)
	return err
}

// timeOf is the shortest of so many runs.
func timeOf(t *testing.T, raw string, runs int) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := time.Hour
	for range runs {
		before := processorTime()
		if err := readAll(raw); err != nil {
			t.Fatal(err)
		}
		best = min(best, processorTime()-before)
	}
	return best
}

// processorTime is what the calling thread has had: on a machine with much else
// to do, more time passes than that.
func processorTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestHostile reads messages of 256 KiB made to be slow. What takes no time at
// all is good; else eight times the octets may take thirty times as long, where
// a square would be 64 times. It is not parallel, as it measures.
func TestHostile(t *testing.T) {
	const size, enough, times = 256 << 10, 300 * time.Millisecond, 30
	for name, of := range hostile {
		t.Run(strconv.Quote(name), func(t *testing.T) {
			raw := of(size)
			if timeOf(t, raw, 1) < enough {
				return
			}
			small, large := timeOf(t, of(size/8), 3), timeOf(t, raw, 3)
			if large > enough && large > times*small {
				t.Errorf("%d octets take %v, %d take %v", size/8, small, size, large)
			}
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, of := range hostile {
		b.Run(name, func(b *testing.B) {
			raw := of(1 << 20)
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := readAll(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
