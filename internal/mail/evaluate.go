package mail

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tem/internal/kv"
)

// Search is SearchWith without options.
func (a *Account) Search(ctx context.Context, id MailboxID, q Query) ([]UID, error) {
	return a.SearchWith(ctx, id, q, SearchOptions{})
}

// SearchWith returns the UIDs of a mailbox that match, in order; cancellation by
// ctx. The text index says which messages can match and often which do; the
// others are decided by their flags, then by their metadata, then by reading.
func (a *Account) SearchWith(ctx context.Context, id MailboxID, q Query, o SearchOptions) ([]UID, error) {
	var box Mailbox
	var p plan
	var sought soughtTexts
	var list []entry
	err := a.read(ctx, func(r kv.Reader) (err error) {
		if box, err = readMailbox(r, a.id, id); err != nil {
			return err
		}
		pl := planner{r: r, account: a.id, box: &box}
		if p, err = pl.plan(q); err != nil {
			return err
		}
		sought = pl.sought
		if list, err = a.entries(r, &box, &p, spanOf(q)); err != nil {
			return err
		}
		return decideCheaply(ctx, &box, &p, list)
	})
	if err == nil {
		err = a.decide(ctx, &box, &p, &sought, list, o.Progress)
	}
	if p.behind { // only now, so as not to stand in the way of the reading
		a.s.textIndex().note(a.id)
	}
	return matching(list), err
}

// entry is a message that a search has to decide.
type entry struct {
	item    Item
	doc     uint32 // its number in the text index, 0 if that is not asked
	verdict verdict
}

type verdict uint8

const (
	undecided verdict = iota
	admitted
	rejected
)

func verdictOf(ok bool) verdict {
	if ok {
		return admitted
	}
	return rejected
}

func matching(list []entry) (uids []UID) {
	for i := range list {
		if list[i].verdict == admitted {
			uids = append(uids, list[i].item.UID)
		}
	}
	return uids
}

// spanOf is where the messages that match can be, by the sets of UIDs among what
// has to hold.
func spanOf(q Query) UIDRange {
	span := UIDRange{0, math.MaxUint32}
	for _, part := range parts(q, false) {
		if set, ok := part.(UIDs); ok {
			if set = set.Joined(); len(set) == 0 {
				return UIDRange{1, 0}
			}
			span.From, span.To = max(span.From, set[0].From), min(span.To, set[len(set)-1].To)
		}
	}
	return span
}

// entries lists the messages that can match; those outside of span can't.
func (a *Account) entries(r kv.Reader, box *Mailbox, p *plan, span UIDRange) (list []entry, err error) {
	if p.bound == nil {
		return entriesIn(r, a.id, box, span)
	}
	b, ok, err := a.bounds(r, p)
	if err != nil {
		return nil, err
	}
	if !ok {
		return entriesIn(r, a.id, box, span)
	}
	m, err := a.s.textIndex().membersOf(r, a.id, box)
	if err != nil {
		return nil, err
	}
	from, _ := slices.BinarySearch(m.uids, span.From)
	for i, doc := range m.docs[from:] {
		i += from
		if m.uids[i] > span.To {
			break
		}
		if b.may == nil || b.may.Has(doc) {
			e := entry{item: Item{UID: m.uids[i]}, doc: doc}
			if b.must.Has(doc) {
				e.verdict = admitted
			}
			list = append(list, e)
		}
	}
	if p.flags {
		err = readFlags(r, a.id, box.ID, list)
	}
	return list, err
}

// entriesIn lists the messages of a span, from their flags rows.
func entriesIn(r kv.Reader, account kv.Part, box *Mailbox, span UIDRange) ([]entry, error) {
	if span.From > span.To {
		return nil, nil
	}
	list := make([]entry, 0, min(uint64(box.Messages), uint64(span.To-span.From)+1))
	err := scanItems(r, account, box.ID, span, func(i Item) error {
		list = append(list, entry{item: i})
		return nil
	})
	return list, err
}

// readFlags fills in the flags of what is not decided.
func readFlags(r kv.Reader, account kv.Part, id MailboxID, list []entry) error {
	n := 0
	return eachItem(r, account, id, undecidedUIDs(list), func(i Item) error {
		for list[n].item.UID < i.UID {
			n++
		}
		list[n].item = i
		return nil
	})
}

func undecidedUIDs(list []entry) (uids []UID) {
	for i := range list {
		if list[i].verdict == undecided {
			uids = append(uids, list[i].item.UID)
		}
	}
	return uids
}

// errNeedsMessage says that a condition can't be tried without the message.
var errNeedsMessage = errors.New("mail: the message has to be read")

// decideCheaply decides what flags and the text index decide.
func decideCheaply(ctx context.Context, box *Mailbox, p *plan, list []entry) error {
	c := candidate{ctx: ctx, box: box}
	for i := range list {
		e := &list[i]
		if e.verdict != undecided {
			continue
		}
		if i%16 == 0 && ctx.Err() != nil { // there may be many conditions
			return ctx.Err()
		}
		c.item, c.doc = e.item, e.doc
		ok, err := p.match(&c)
		if err == nil {
			e.verdict = verdictOf(ok)
		} else if err != errNeedsMessage {
			return err
		}
	}
	return nil
}

// chunkSize is how many messages are decided in one snapshot, headChunk how many
// of which no more is looked at than the beginning of a row.
const (
	chunkSize = 64
	headChunk = 1024
)

// decide reads the messages that are still undecided, on all processors. One that
// has gone meanwhile does not match.
func (a *Account) decide(ctx context.Context, box *Mailbox, p *plan, sought *soughtTexts, list []entry, tell func(done, total int)) error {
	var left []*entry
	for i := range list {
		if list[i].verdict == undecided {
			left = append(left, &list[i])
		}
	}
	size := chunkSize
	if p.price <= priceMeta {
		size = headChunk
	}
	chunks := slices.Collect(slices.Chunk(left, size))
	told := progress{tell: tell, total: len(left)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chunks)) {
		wg.Go(func() {
			c := a.newCandidate(ctx, box, sought)
			for i := next.Add(1); i <= int64(len(chunks)); i = next.Add(1) {
				if err := c.decide(p, chunks[i-1]); err != nil {
					cancel(err)
					return
				}
				told.add(len(chunks[i-1]))
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// progress counts the messages that are done.
type progress struct {
	mu          sync.Mutex
	tell        func(done, total int) // nil: nobody wants to know
	done, total int
}

func (p *progress) add(n int) {
	if p.tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.tell(p.done, p.total)
}

// decide decides some messages in one snapshot.
func (c *candidate) decide(p *plan, list []*entry) error {
	uids := make([]UID, len(list))
	for i, e := range list {
		uids[i] = e.item.UID
	}
	n := 0
	return c.s.view(c.ctx, func(r kv.Reader) error {
		c.r = r
		return eachRow(r, keyMeta, c.account, c.box.ID, uids, func(u UID, row []byte) error {
			for list[n].item.UID < u {
				n++
			}
			return c.try(p, list[n], row)
		})
	})
}

// read reads as much of a metadata row as the plan needs.
func (c *candidate) read(p *plan, uid UID, row []byte) error {
	if p.price > priceMeta {
		return c.m.decode(uid, row)
	}
	d := c.m.decodeHead(uid, row)
	return d.err
}

// try decides one message whose metadata row is valid until it returns.
func (c *candidate) try(p *plan, e *entry, row []byte) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.item, c.doc = e.item, e.doc
	if err := c.read(p, e.item.UID, row); err != nil {
		return fmt.Errorf("mailbox %d: metadata of uid %d: %w", c.box.ID, e.item.UID, err)
	}
	defer c.close()
	ok, err := p.match(c)
	e.verdict = verdictOf(ok)
	return err
}
