package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// closeness is how near a message comes to what a FUZZY key asks for. There is
// no more to a score than this: it is cheap, and means what it says.
type closeness uint8

const (
	inWords   closeness = iota // the words are there, in any order, whatever the marks
	asWritten                  // the text is there, as without FUZZY
	inSubject                  // and in the subject, where it was looked for anywhere
)

// scores are what RELEVANCY tells of each (RFC 6203 §4).
var scores = [...]uint32{inWords: 20, asWritten: 60, inSubject: 100}

// fuzzily is the key in a FUZZY one. What is not text is matched exactly (RFC 6203 §5).
func (f *finder) fuzzily(k *imap.Key) (mail.Query, error) {
	defer func(was bool) { f.inside = was }(f.inside)
	f.inside = true
	return f.query(&k.Keys[0])
}

// score says how relevant each message is, from 1 to 100.
func (f *finder) score(ctx context.Context, at []int) ([]uint32, error) {
	list := make([]uint32, len(f.v.items)) // by index in the view
	for _, i := range at {
		list[i] = scores[inWords]
	}
	among := mail.UIDs(f.v.ranges(at))
	defer func() { f.how = inWords }()
	for f.how = asWritten; f.how <= inSubject; f.how++ {
		q, err := f.query(f.key)
		if err != nil {
			return nil, err
		}
		uids, err := f.search(ctx, mail.And{among, q})
		if err != nil {
			return nil, err
		}
		for _, i := range f.v.indexes(uids) {
			list[i] = scores[f.how]
		}
	}
	return list, nil
}
