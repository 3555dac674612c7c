package message

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"mime/quotedprintable"
	"os"
	"slices"
	"strings"
	"testing"

	other "github.com/emersion/go-message"
	othermail "github.com/emersion/go-message/mail"
	"pgregory.net/rapid"
)

// TestMain makes random tests the same in each run, unless -rapid.seed is given.
func TestMain(m *testing.M) {
	flag.Parse()
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == seed.DefValue {
		_ = seed.Value.Set("20260102")
	}
	_ = flag.Set("rapid.nofailfile", "true")
	os.Exit(m.Run())
}

// leaf is what both parsers must say of a part that is no multipart.
type leaf struct {
	Path, Type, Name, Disposition, ID string
	Content                           string
}

// generator writes random well-formed messages.
type generator struct {
	t     *rapid.T
	parts int
}

var (
	genName = rapid.StringMatching(`[a-z0-9 ()ếđ,;"._-]{0,80}`)
	genText = rapid.StringMatching(`([a-zA-Z0-9 =.\t-]{0,90}[a-z=.-]?\r\n){0,5}[a-z=-]{0,9}`)
	genUTF8 = rapid.StringMatching(`([\p{L}\p{Zs}=. ]{0,40}\r\n){0,4}[\p{L}]{0,5}`)
	genID   = rapid.StringMatching(`<[a-z0-9]{1,9}@[a-z]{1,9}>`)
)

// entity writes header fields and body of an entity, nested at most depth deep.
func (g *generator) entity(w *bytes.Buffer, depth int) {
	kinds := []func(*bytes.Buffer){g.plain, g.quoted, g.base64, g.eightBit}
	if depth > 0 {
		kinds = append(kinds, func(w *bytes.Buffer) { g.multipart(w, depth) }, func(w *bytes.Buffer) { g.multipart(w, depth) }, g.message)
	}
	rapid.SampledFrom(kinds).Draw(g.t, "kind")(w)
}

func (g *generator) plain(w *bytes.Buffer) {
	w.WriteString(rapid.SampledFrom([]string{"", "Content-Type: text/plain; charset=us-ascii\r\n", "content-type: TEXT/x-A;\r\n\tcharset=\"us-ascii\" ;x=y\r\n"}).Draw(g.t, "type"))
	g.body(w, "", genText.Draw(g.t, "text"))
}

func (g *generator) eightBit(w *bytes.Buffer) {
	w.WriteString("Content-Type: text/html; charset=utf-8\r\n")
	g.body(w, "8bit", genUTF8.Draw(g.t, "text"))
}

func (g *generator) quoted(w *bytes.Buffer) {
	w.WriteString("Content-Type: text/plain; charset=UTF-8\r\n")
	var body bytes.Buffer
	q := quotedprintable.NewWriter(&body)
	io.WriteString(q, genUTF8.Draw(g.t, "text"))
	q.Close()
	g.body(w, "Quoted-Printable", body.String())
}

func (g *generator) base64(w *bytes.Buffer) {
	name := "n" + strings.TrimSpace(genName.Draw(g.t, "name"))
	fmt.Fprintf(w, "Content-Type: application/octet-stream\r\nContent-Disposition: attachment%s\r\n", parameter("filename", name))
	var body bytes.Buffer
	enc := base64.NewEncoder(base64.StdEncoding, &columns{w: &body})
	enc.Write(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(g.t, "octets"))
	enc.Close()
	g.body(w, "base64", body.String())
}

// message writes a message in a part, which the other parser does not look into.
func (g *generator) message(w *bytes.Buffer) {
	w.WriteString("Content-Type: message/rfc822\r\n")
	g.body(w, "", "Subject: in\r\n\r\n"+genText.Draw(g.t, "text"))
}

func (g *generator) body(w *bytes.Buffer, encoding, body string) {
	if encoding != "" {
		fmt.Fprintf(w, "Content-Transfer-Encoding: %s\r\n", encoding)
	}
	if rapid.Bool().Draw(g.t, "id") {
		fmt.Fprintf(w, "Content-ID: %s\r\n", genID.Draw(g.t, "id"))
	}
	w.WriteString("\r\n" + body)
}

func (g *generator) multipart(w *bytes.Buffer, depth int) {
	g.parts++
	boundary := fmt.Sprintf("=_%d", g.parts) // one may begin with another
	fmt.Fprintf(w, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n%s", boundary, rapid.SampledFrom([]string{"", "preamble\r\n"}).Draw(g.t, "preamble"))
	for range rapid.IntRange(1, 3).Draw(g.t, "parts") {
		fmt.Fprintf(w, "--%s\r\n", boundary)
		g.entity(w, depth-1)
		w.WriteString("\r\n")
	}
	fmt.Fprintf(w, "--%s--\r\n%s", boundary, rapid.SampledFrom([]string{"", "epilogue\r\n"}).Draw(g.t, "epilogue"))
}

// ourLeaves reads a message with this package.
func ourLeaves(t *rapid.T, raw string, root *Part) (all []leaf) {
	r := strings.NewReader(raw)
	root.Walk(func(path []int, p *Part) bool {
		if p.isMultipart() {
			return true
		}
		content, err := io.ReadAll(Content(r, p))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, leaf{fmt.Sprint(path), p.Type + "/" + p.Subtype, p.Filename(), p.Disposition, p.ID, string(content)})
		return false
	})
	return all
}

// theirLeaves reads it with the other one.
func theirLeaves(t *rapid.T, raw string) (all []leaf) {
	e, err := other.Read(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	err = e.Walk(func(path []int, e *other.Entity, err error) error {
		typ, _, _ := e.Header.ContentType()
		if err != nil || strings.HasPrefix(typ, "multipart/") {
			return err
		}
		disposition, params, _ := e.Header.ContentDisposition()
		content, err := io.ReadAll(e.Body)
		at := make([]int, 0, len(path))
		for _, i := range path {
			at = append(at, i+1)
		}
		if len(at) == 0 {
			at = []int{1}
		}
		all = append(all, leaf{fmt.Sprint(at), typ, params["filename"], disposition, e.Header.Get("Content-Id"), string(content)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOracleParts compares parts and contents with another parser.
func TestOracleParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generator{t: t}
		var w bytes.Buffer
		w.WriteString("From: a@b\r\nMIME-Version: 1.0\r\n")
		g.entity(&w, 3)
		raw := w.String()
		ix, err := Parse(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if ours, theirs := ourLeaves(t, raw, ix.Root), theirLeaves(t, raw); !slices.Equal(ours, theirs) {
			t.Fatalf("%s\n got %q\nwant %q", raw, ours, theirs)
		}
	})
}

// TestOracleHeader compares addresses, subject and date that this package
// wrote. The other parser makes one space of those that a line is folded at.
func TestOracleHeader(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d Draft
		for i := range rapid.IntRange(1, 20).Draw(t, "addresses") {
			name := strings.TrimSpace(rapid.StringMatching(`[\p{L}a-z "\\()<>@,.:;=?_-]{0,40}`).Draw(t, "name"))
			d.To = append(d.To, Mailbox{Name: name, Address: fmt.Sprintf("a%d@host.example", i)})
		}
		d.From = d.To[:1]
		d.Subject = rapid.StringMatching(`[\p{L}\p{N}a-z =?_"-]{0,200}`).Draw(t, "subject")
		var w bytes.Buffer
		if err := d.Build(&w, false); err != nil {
			t.Fatal(err)
		}
		ix, err := Parse(bytes.NewReader(w.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		e, err := other.Read(&w)
		if err != nil {
			t.Fatal(err)
		}
		h := othermail.Header{Header: e.Header}
		if s, err := h.Subject(); err != nil || collapse(s) != collapse(ix.Subject) || strings.Trim(ix.Subject, " ") != strings.Trim(d.Subject, " ") {
			t.Errorf("subject %q, want %q, written %q, %v", ix.Subject, s, d.Subject, err)
		}
		if at, err := h.Date(); err != nil || !at.Equal(ix.Sent) {
			t.Errorf("date %v, want %v, %v", ix.Sent, at, err)
		}
		list, err := h.AddressList("To")
		ours := Addresses(Header(ix.Header).Get("To"))
		theirs := slices.EqualFunc(ours, list, func(m Mailbox, a *othermail.Address) bool {
			return collapse(m.Name) == collapse(a.Name) && m.Address == a.Address
		})
		if err != nil || !theirs || !slices.Equal(ours, d.To) {
			t.Errorf("addresses %q, want %q, written %q, %v", ours, list, d.To, err)
		}
	})
}
