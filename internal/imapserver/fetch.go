package imapserver

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// chunk is how many messages are read from the store at a time; nothing is
// written to the network meanwhile.
const chunk = 256

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

// Fetch answers FETCH and UID FETCH (RFC 9051 §6.4.5).
func (t *turn) Fetch(ctx context.Context, c *imap.Fetch) error {
	if c.Vanished && !t.enabled.qresync { // RFC 7162 §3.2.6
		return bad("ENABLE QRESYNC comes first")
	}
	picked, err := t.view.pick(c.Set, c.UID)
	if err != nil {
		return err
	}
	f := newFetcher(t, c)
	if f.modseq {
		t.wantModSeq()
	}
	if f.sees || (f.flags || f.labelled) && t.view.vague { // labels tell of flags
		if err := t.upToDate(ctx); err != nil {
			return err
		}
	}
	if c.Vanished {
		if err := t.tellVanished(ctx, c.Set, mail.ModSeq(*c.ChangedSince), 0); err != nil {
			return err
		}
	}
	return f.all(ctx, t.within(t.view.narrow(picked, c)))
}

// fetcher answers one FETCH.
type fetcher struct {
	t                               *turn
	items                           []imap.Item
	uid                             bool // UID FETCH
	meta, body, sees, flags, modseq bool
	seen                            map[mail.UID]bool // whose \Seen this command sets
	failed                          error             // why some message could not be shown; the others are
	parts                           bool              // where the parts of the message lie matters
	bodies                          int               // items made of the octets of the message
	size, form                      bool              // RFC822.SIZE, or envelope or structure, is wanted
	small                           bytes.Reader      // over a message in memory
	labelled                        bool              // X-GM-LABELS are asked for
	labels                          *labels           // what they are
	fields                          []fields          // what is asked of headers, if no other octets are
	brief                           bool              // and little else
	picked                          []byte            // fields of one header
}

func newFetcher(t *turn, c *imap.Fetch) *fetcher {
	f := &fetcher{t: t, items: once(c.Items), uid: c.UID}
	hasUID := false
	for i := range f.items {
		switch it := &f.items[i]; it.Kind {
		case imap.UID:
			hasUID = true
		case imap.Flags:
			f.flags = true
		case imap.ItemModSeq:
			f.modseq = true
		case imap.SaveDate: // the view has it
		case imap.ItemGmailLabels:
			f.meta, f.labelled = true, true
		case imap.Section, imap.Binary, imap.BinarySize:
			f.meta, f.body = true, true
			f.bodies++
			f.parts = f.parts || it.Kind != imap.Section || it.Text != "" || len(it.Path) > 0
			f.sees = f.sees || !it.Peek && t.view.seeable()
		case imap.Size:
			f.meta, f.size = true, true
		case imap.Envelope, imap.Body, imap.BodyStructure:
			f.meta, f.form = true, true
		default:
			f.meta = true
		}
	}
	if c.ChangedSince != nil && !f.modseq { // RFC 7162 §3.1.4.1
		f.items, f.modseq = append(slices.Clone(f.items), imap.Item{Kind: imap.ItemModSeq, Label: "MODSEQ"}), true
	}
	if c.UID && !hasUID && !t.enabled.uidOnly { // RFC 9051 §6.4.9
		f.items = append([]imap.Item{{Kind: imap.UID, Label: "UID"}}, f.items...)
	}
	f.fields, f.brief = fieldsOf(f.items), isBrief(f.items)
	return f
}

// once leaves out what is asked for again. Sections may differ where their
// labels don't, in how long a part of them is.
func once(items []imap.Item) []imap.Item {
	list := make([]imap.Item, 0, len(items))
	var labels []string
	for _, it := range items {
		if !ofBody(&it) {
			if slices.Contains(labels, it.Label) {
				continue
			}
			labels = append(labels, it.Label)
		}
		list = append(list, it)
	}
	return list
}

// all answers for all that was picked; labels are read once for all of it.
func (f *fetcher) all(ctx context.Context, picked []int) error {
	if err := f.readLabels(ctx, picked); err != nil {
		return err
	}
	for from := 0; from < len(picked); from += chunk {
		f.t.progressed(from, len(picked))
		if err := f.run(ctx, picked[from:min(from+chunk, len(picked))]); err != nil {
			return err
		}
	}
	return f.failed
}

// narrow leaves of what was picked what changed since a modseq, and of that the
// page that is wanted (RFC 7162 §3.1.4.1, RFC 9394 §3.3).
func (v *view) narrow(picked []int, c *imap.Fetch) []int {
	if c.ChangedSince != nil {
		picked = slices.DeleteFunc(picked, func(i int) bool { return uint64(v.items[i].ModSeq) <= *c.ChangedSince })
	}
	if c.Partial != nil {
		from, to := c.Partial.Of(len(picked))
		picked = picked[from:to]
	}
	return picked
}

// fail keeps the first reason.
func (f *fetcher) fail(err error) {
	if f.failed == nil {
		f.failed = err
	}
}

// gone notes that a message was expunged by another session: an error only
// for sequence numbers (RFC 2180 §4.1.2, RFC 9051 §6.4.9).
func (f *fetcher) gone() {
	if !f.uid {
		f.fail(errGone)
	}
}

func (f *fetcher) run(ctx context.Context, picked []int) error {
	if f.labels == nil { // called by itself
		defer func() { f.labels = nil }()
		if err := f.readLabels(ctx, picked); err != nil {
			return err
		}
	}
	if f.sees {
		if err := f.see(ctx, picked); err != nil {
			return err
		}
	}
	switch {
	case f.fields != nil:
		return f.runFields(ctx, picked)
	case f.body:
		return f.runBodies(ctx, picked)
	case f.meta:
		return f.runMetas(ctx, picked)
	}
	t, isGone := f.t, f.t.view.goneAt()
	for _, i := range picked {
		if isGone(i) {
			f.gone()
			continue
		}
		t.out = append(f.appendItems(t.out, i, nil), ")\r\n"...)
	}
	return t.write()
}

// see sets \Seen on a chunk in one step (RFC 9051 §6.4.5).
func (f *fetcher) see(ctx context.Context, picked []int) error {
	v := f.t.view
	var unseen []mail.UID
	for _, i := range picked {
		if v.items[i].Flags&mail.Seen == 0 {
			unseen = append(unseen, v.items[i].UID)
		}
	}
	f.seen = map[mail.UID]bool{}
	if len(unseen) == 0 {
		return nil
	}
	changed, _, err := v.account.Store(ctx, v.box.ID, unseen, mail.AddFlags, mail.Seen, nil, 0)
	if err == nil {
		err = f.t.learnKeywords(ctx, nil, changed)
	}
	v.own()
	for _, item := range changed {
		if i, known := v.find(item.UID); known {
			v.items[i] = item
			f.seen[item.UID] = true
		}
	}
	return err
}

// appendSeen tells of \\Seen that this command has set, as far as that was not asked for.
func (f *fetcher) appendSeen(dst []byte, item mail.Item) []byte {
	if !f.flags {
		dst = append(f.t.view.appendFlags(append(dst, "FLAGS "...), item), ' ')
	}
	if f.t.enabled.condstore && !f.modseq {
		dst = append(appendModSeq(dst, item), ' ')
	}
	return dst
}

// appendItems writes a FETCH response but for its end and the sections.
func (f *fetcher) appendItems(dst []byte, i int, m *mail.Meta) []byte {
	item := f.t.view.items[i]
	dst = f.t.appendFetchStart(dst, i)
	start := len(dst)
	if f.seen[item.UID] {
		dst = f.appendSeen(dst, item)
	}
	for n := range f.items {
		it := &f.items[n]
		if ofBody(it) {
			continue
		}
		dst = append(append(dst, it.Label...), ' ')
		switch it.Kind {
		case imap.Flags:
			dst = f.t.view.appendFlags(dst, item)
		case imap.UID:
			dst = appendUint(dst, uint64(item.UID))
		case imap.ItemModSeq:
			dst = append(appendUint(append(dst, '('), uint64(item.ModSeq)), ')')
		case imap.InternalDate:
			dst = imap.AppendDateTime(dst, m.Received)
		case imap.Size:
			dst = appendUint(dst, uint64(m.Size))
		case imap.Envelope:
			dst = append(dst, m.Envelope...)
		case imap.Body:
			dst = append(dst, m.BasicBody...)
		case imap.BodyStructure:
			dst = append(dst, m.Structure...)
		default:
			dst = f.appendAttribute(dst, it, item, m)
		}
		dst = append(dst, ' ')
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return dst
}
