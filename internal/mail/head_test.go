package mail

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// TestHead gives a spool its first fields last, for bodies in rows and in
// blobs, with and without room left for it.
func TestHead(t *testing.T) {
	t.Parallel()
	e := memory.New()
	s, _ := newStore(t, e)
	text := "Subject: x\r\n\r\n" + strings.Repeat("a line of the text\r\n", 100)
	for name, c := range map[string]struct {
		expect bool
		head   string
		times  int
	}{
		"small":            {true, "Received: here\r\n", 1},
		"without room":     {false, "Received: here\r\n", 1},
		"larger than room": {true, "X: " + strings.Repeat("y", headRoom) + "\r\n", 1},
		"large":            {true, "Received: here\r\n", int(s.InlineMax)/len(text) + 2},
		"large, no head":   {true, "", int(s.InlineMax)/len(text) + 2},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.Account(kv.FirstAccount + 9)
			sp := a.NewSpool(t.Context())
			if c.expect {
				sp.Expect(int64(len(text)))
			}
			for range c.times {
				io.WriteString(sp, text)
			}
			sp.Head([]byte(c.head))
			body, err := sp.Finish()
			if err != nil {
				t.Fatal(err)
			}
			want := []byte(c.head + strings.Repeat(text, c.times))
			if body.Size != int64(len(want)) || body.meta.SHA256 != sha256.Sum256(want) {
				t.Errorf("size %d, want %d, or another hash", body.Size, len(want))
			}
			if _, err := s.Deliver(t.Context(), body, []Target{{Account: a.id}}, nil); err != nil {
				t.Fatal(err)
			}
			r, err := s.OpenBody(t.Context(), body.ID)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, _ := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			if !bytes.Equal(got, want) {
				t.Errorf("%d octets come back, want %d, or others", len(got), len(want))
			}
			part := make([]byte, 40) // across the end of the head
			at := max(0, int64(len(c.head))-20)
			if n, err := r.ReadAt(part, at); n != 40 || err != nil || !bytes.Equal(part, want[at:at+40]) {
				t.Errorf("ReadAt: %d %v %q", n, err, part)
			}
		})
	}
}
