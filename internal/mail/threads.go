package mail

import (
	"context"
	"errors"
	"hash/maphash"

	"tem/internal/fold"
	"tem/internal/kv"
	"tem/internal/message"
)

// Threading says how Threads puts messages together.
type Threading uint8

const (
	// OrderedSubject joins those of one base subject: the oldest, and all others
	// as its children (RFC 5256 §3).
	OrderedSubject Threading = iota
	// References joins answers to what they answer, then threads of one base
	// subject (RFC 5256 §3).
	References
	// Refs is References without a look at the subject; the thread with the
	// message that arrived last comes last (draft-ietf-morg-inthread-01 §4).
	Refs
)

// ThreadNode is one message in a list of threads: it stands before its
// children, each followed by all that is below it. At the top a node may stand for a
// message that is not here; it has UID 0 and at least two children.
type ThreadNode struct {
	UID      UID
	Children uint32
}

// Threads returns those of uids that exist as threads, the oldest first.
// Siblings are in the order of their dates (RFC 5256 §2.2), then of UIDs.
func (a *Account) Threads(ctx context.Context, id MailboxID, uids []UID, how Threading) ([]ThreadNode, error) {
	if how > Refs {
		return nil, fail(Invalid, "%d is no way to thread", how)
	}
	c := collector{how: how, seed: maphash.MakeSeed(), list: make([]threaded, 0, len(uids))}
	if err := a.collect(ctx, id, uids, &c); err != nil {
		return nil, err
	}
	f := newForest(c.list)
	f.grow(how, c.refs)
	return f.nodes(), ctx.Err()
}

// maxLinksInAll bounds the memory that made up references can take.
// DEVIATES(RFC 5256 §3): of the messages after so many only the parents count.
const maxLinksInAll = 4 << 20

// threaded is what threading needs of a message. Subjects are told apart by a
// hash that nobody outside can foresee.
type threaded struct {
	uid      UID
	answer   bool  // the subject is that of a reply or forward
	sent     int64 // seconds since 1970
	received int64
	subject  uint64 // of the base subject as it collates; 0: empty
	id       uint64 // hash of the Message-ID; 0: none
	refs     int    // its references end here in the list of all, and begin where those of the one before end
}

// collector reads what threading needs.
type collector struct {
	how   Threading
	seed  maphash.Seed
	texts textKeys
	list  []threaded
	refs  []uint64
}

// collect reads the rows, and the headers of messages whose rows do not say what they answer.
func (a *Account) collect(ctx context.Context, id MailboxID, uids []UID, c *collector) error {
	if c.how == OrderedSubject {
		return a.heads(ctx, id, uids, c.add)
	}
	var m Meta
	n := 0
	return a.read(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, a.id, id, uids, func(u UID, row []byte) (err error) {
			if n++; n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err = m.decode(u, row); err == nil && !m.links.known && len(m.hashes) > 0 {
				err = a.s.readLinks(ctx, r, &m)
			}
			c.add(&m)
			return err
		})
	})
}

// readLinks reads them from the message; of one whose body is lost there are none.
func (s *Store) readLinks(ctx context.Context, r kv.Reader, m *Meta) error {
	root, err := message.DecodePart(m.Parts)
	if err != nil {
		return err
	}
	var room []byte
	body, err := s.openIn(ctx, r, m.Body, &room)
	if e := (*Error)(nil); errors.As(err, &e) && e.Kind == NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	h, err := message.SearchText{R: body, Root: root}.Header()
	m.links = linksOf(h)
	return err
}

func (c *collector) add(m *Meta) {
	t := threaded{uid: m.UID, sent: m.sent().Unix(), received: m.Received.Unix()}
	if c.how != Refs {
		t.subject, t.answer = c.subject(m)
	}
	if m.links.named && len(m.hashes) > 0 {
		t.id = m.hashes[0]
	}
	refs := m.links.refs
	if len(refs) > 1 && len(c.refs) > maxLinksInAll {
		refs = refs[len(refs)-1:]
	}
	c.refs = append(c.refs, refs...)
	t.refs = len(c.refs)
	c.list = append(c.list, t)
}

// subject is a hash of the base subject by which it is compared (RFC 5255 §4.2).
func (c *collector) subject(m *Meta) (hash uint64, answer bool) {
	base, answer := c.texts.subject(m.Envelope)
	if base == "" {
		return 0, answer
	}
	c.texts.key = fold.Collation(c.texts.key[:0], base)
	return max(maphash.Bytes(c.seed, c.texts.key), 1), answer
}
