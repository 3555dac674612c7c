package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"

	"tem/internal/blob"
	"tem/internal/kv"
	"tem/internal/message"
)

// Spool takes a message's bytes as they come: in memory up to InlineMax, then
// in a blob. What stands before them may be given at the end (Head).
type Spool struct {
	s    *Store
	ctx  context.Context
	id   blob.ID
	n    int64
	head []byte
	room int         // octets at the start of buf that are left for head
	sum  hash.Hash   // of what has come, once there is a blob
	buf  []byte      // room, and what has come while it is small
	w    blob.Writer // takes everything once it is not
	err  error
}

var _ io.Writer = (*Spool)(nil)

var errSpoolEnded = errors.New("mail: the spool has ended")

// NewSpool starts a body with a fresh id.
func (s *Store) NewSpool(ctx context.Context) *Spool {
	return &Spool{s: s, ctx: ctx, id: s.ids.next(s.Now())}
}

// NewSpool starts a body that goes to this account, among others: bodies of
// one account lie beside each other, so that reading many is reading on.
func (a *Account) NewSpool(ctx context.Context) *Spool {
	sp := a.s.NewSpool(ctx)
	sp.id[len(sp.id)-1] = byte(a.id) // see bodyPart
	return sp
}

// ID is the id the body will have.
func (sp *Spool) ID() blob.ID { return sp.id }

// Size is how many octets have been written.
func (sp *Spool) Size() int64 { return sp.n }

// headRoom is what Expect leaves for a head: enough for most trace fields.
const headRoom = 2 << 10

// usualSize is the room for a message whose size is not known; with a larger one it doubles.
const usualSize = 6 << 10

// Expect says, before anything is written, that a head will be given and how
// many octets may be written (0: not known), so that neither costs a copy.
func (sp *Spool) Expect(size int64) {
	if sp.buf == nil {
		size = min(max(size, 0), sp.s.InlineMax)
		if size == 0 {
			size = usualSize
		}
		sp.room, sp.buf = headRoom, make([]byte, headRoom, headRoom+size)
	}
}

// Head gives what stands before everything that is written: fields that are
// known only when all has come. It is for once, before Finish.
func (sp *Spool) Head(p []byte) {
	sp.head = p
	sp.n += int64(len(p))
}

// Write appends to the body.
func (sp *Spool) Write(p []byte) (int, error) {
	if sp.err != nil {
		return 0, sp.err
	}
	if sp.w == nil && sp.n+int64(len(p)) > sp.s.InlineMax {
		sp.overflow()
	}
	if sp.err != nil {
		return 0, sp.err
	}
	sp.n += int64(len(p))
	if sp.w == nil {
		if len(sp.buf)+len(p) > cap(sp.buf) {
			sp.buf = slices.Grow(sp.buf, max(len(p), cap(sp.buf))) // append adds a quarter, which copies large ones five times
		}
		sp.buf = append(sp.buf, p...)
		return len(p), nil
	}
	sp.sum.Write(p)
	n, err := sp.w.Write(p)
	sp.err = err
	return n, err
}

// overflow moves what has come into a blob.
func (sp *Spool) overflow() {
	if sp.w, sp.err = sp.s.Blobs.Create(sp.ctx, sp.id); sp.err != nil {
		sp.w = nil
		return
	}
	sp.sum = sha256.New()
	sp.sum.Write(sp.buf[sp.room:])
	_, sp.err = sp.w.Write(sp.buf[sp.room:])
	sp.buf = nil
}

// inline is the body of a small message. The head goes into the room that was
// left for it.
func (sp *Spool) inline() []byte {
	if from := sp.room - len(sp.head); from >= 0 {
		copy(sp.buf[from:], sp.head)
		return sp.buf[from:]
	}
	return append(append(make([]byte, 0, sp.n), sp.head...), sp.buf[sp.room:]...)
}

// Finish makes a large body durable and indexes the message. The Spool can't be used after it.
func (sp *Spool) Finish() (*Body, error) {
	if sp.err != nil {
		err := sp.err
		sp.Abort()
		return nil, internal(err)
	}
	w := sp.w
	sp.w, sp.err = nil, errSpoolEnded
	body := &Body{ID: sp.id, Size: sp.n, s: sp.s}
	if w == nil {
		body.isInline, body.inline = true, sp.inline()
		return body, sp.index(body)
	}
	body.head = sp.head
	if err := w.Close(); err != nil {
		return nil, internal(err)
	}
	return body, sp.index(body)
}

// index fills in what is known of a body by reading it, and its hash.
func (sp *Spool) index(body *Body) error {
	err := body.index(sp.ctx)
	switch {
	case err != nil:
	case body.isInline:
		body.meta.SHA256 = sha256.Sum256(body.inline)
	case len(body.head) == 0:
		sp.sum.Sum(body.meta.SHA256[:0])
	default:
		body.meta.SHA256, err = body.hash(sp.ctx)
	}
	if err != nil {
		return internal(fmt.Errorf("index body %s: %w", sp.id, err))
	}
	return nil
}

// Abort leaves nothing behind. It does nothing after Finish.
func (sp *Spool) Abort() {
	if sp.w != nil {
		sp.w.Abort()
	}
	sp.w, sp.buf, sp.err = nil, nil, errSpoolEnded
}

// Body is a finished message, not yet referred to by anything: Deliver does that.
type Body struct {
	ID   blob.ID
	Size int64

	s        *Store
	inline   []byte
	isInline bool
	head     []byte // of a large body: what stands before its blob
	meta     Meta   // without account, UID and dates of arrival
	thread   []uint64
}

// Text is all of a body that is in memory, not to be changed; nil: it is in a blob.
func (b *Body) Text() []byte { return b.inline }

// Open gives the body's bytes.
func (b *Body) Open(ctx context.Context) (blob.Reader, error) {
	if b.isInline {
		return inlineReader{bytes.NewReader(b.inline)}, nil
	}
	r, err := b.s.Blobs.Open(ctx, b.ID)
	return behind(b.head, r), err
}

// hash reads the body for its SHA-256.
func (b *Body) hash(ctx context.Context) (sum [sha256.Size]byte, err error) {
	r, err := b.Open(ctx)
	if err != nil {
		return sum, err
	}
	defer r.Close()
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(r, 0, b.Size))
	h.Sum(sum[:0])
	return sum, err
}

type inlineReader struct{ *bytes.Reader }

func (inlineReader) Close() error { return nil }

// OpenBody gives the bytes of a stored body.
func (s *Store) OpenBody(ctx context.Context, id blob.ID) (blob.Reader, error) {
	var data, head []byte
	found := false
	old := s.old.Load() // before the snapshot: it may end while that still has the body where it was
	err := s.view(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(bodyPart(id), bodyKey(id))
		if !ok && err == nil && old {
			val, ok, err = r.Get(kv.OldBodies, bodyKey(id))
		}
		data, found = bytes.Clone(val), ok
		if !ok && err == nil {
			val, _, err = r.Get(bodyPart(id), headKey(id))
			head = bytes.Clone(val)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if found {
		return inlineReader{bytes.NewReader(data)}, nil
	}
	r, err := s.Blobs.Open(ctx, id)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, &Error{Kind: NotFound, Text: "no such message body", Err: fmt.Errorf("body %s: %w", id, err)}
	}
	return behind(head, r), internal(err)
}

// OpenMessage gives one message's bytes.
func (a *Account) OpenMessage(ctx context.Context, m *Meta) (blob.Reader, error) {
	return a.s.OpenBody(ctx, m.Body)
}

// index computes once what every delivery of the body shares.
func (b *Body) index(ctx context.Context) error {
	r, err := b.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	x, err := message.Parse(io.NewSectionReader(r, 0, b.Size))
	if err != nil {
		return err
	}
	b.meta = Meta{
		Body: b.ID, Size: b.Size, Sent: x.Sent, Envelope: x.Envelope, Structure: x.Structure, BasicBody: x.BasicBody,
		Parts: x.Root.AppendBinary(nil), Preview: preview(r, x.Root), Attached: x.HasAttachment, subject: hashOf(x.BaseSubject),
	}
	b.meta.hashes, b.thread = threadHashes(x)
	b.meta.fields = keepFields(x.Header)
	b.meta.links = newLinks(x.MessageID, x.References, x.InReplyTo)
	if b.meta.Shape, err = shapeOf(r, x); b.meta.fields != nil {
		b.meta.Shape |= ShapeFields
	}
	return err
}

// maxReferences bounds how many Message-IDs are looked up for threading.
const maxReferences = 20

// threadHashes returns the Message-IDs under which later messages find this
// one (its own, and the first of its thread, so that siblings meet when their
// parent is not here) and those under which it looks for its thread.
func threadHashes(x *message.Index) (own, look []uint64) {
	refs := append(append([]string(nil), x.References...), x.InReplyTo...)
	if x.MessageID != "" {
		own = append(own, hashOfID(x.MessageID))
	}
	if len(refs) > 0 && refs[0] != x.MessageID {
		own = append(own, hashOfID(refs[0]))
	}
	if len(refs) > maxReferences {
		refs = append(refs[:1:1], refs[len(refs)-maxReferences+1:]...)
	}
	for _, id := range refs {
		look = append(look, hashOfID(id))
	}
	if x.MessageID != "" {
		look = append(look, hashOfID(x.MessageID))
	}
	return own, look
}

// hashOfID is the hash of a Message-ID, the same however it is quoted (RFC 5256 §3, REFERENCES).
func hashOfID(id string) uint64 { return hashOf(message.UnquotedID(id)) }

// hashOf is 64-bit FNV-1a.
func hashOf(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// previewSize is the length of a preview in characters; the others are how many
// octets are read for it, of plain text and of HTML.
const (
	previewSize = 200
	previewRead = 600
	previewHTML = 4096
)

// preview is the beginning of the first text part on one line.
func preview(r io.ReaderAt, root *message.Part) []byte {
	var text *message.Part
	root.Walk(func(_ []int, p *message.Part) bool {
		if text == nil && p.Type == "text" && p.Message == nil && !p.IsAttachment() {
			text = p
		}
		return text == nil
	})
	if text == nil {
		return nil
	}
	n := previewRead
	if text.Subtype == "html" {
		n = previewHTML
	}
	start := message.TextStart(r, text, n)
	if text.Subtype == "html" {
		start = []byte(message.HTMLText(string(start)))
	}
	return squeeze(start, previewSize)
}

// squeeze makes the first n characters of text one line with single spaces.
func squeeze(text []byte, n int) []byte {
	line := make([]byte, 0, min(len(text), 4*n))
	space := false
	for len(text) > 0 && n > 0 {
		c, size := utf8.DecodeRune(text)
		text = text[size:]
		if unicode.IsSpace(c) {
			space = len(line) > 0
			continue
		}
		if unicode.IsControl(c) {
			continue // no NUL for a string of IMAP, no ESC for a terminal
		}
		if space {
			line, space = append(line, ' '), false
			n--
		}
		if n > 0 {
			line = utf8.AppendRune(line, c)
			n--
		}
	}
	return bytes.TrimSuffix(line, []byte{' '})
}
