package arc

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tem/internal/trust/dkim"
)

// minBits is the least RSA key that we seal with.
const minBits = 1024

// SealOptions say how to seal; the zero value is what a server wants.
type SealOptions struct {
	Now   func() time.Time // nil: time.Now
	Names []string         // header fields to sign; nil: those of our DKIM signatures, and such signatures themselves
}

// Sealing is the making of a set for one message. Like dkim.Message it is for
// one goroutine.
type Sealing struct {
	message *dkim.Message
	key     dkim.Key
	options SealOptions
	body    *dkim.BodyHash
}

// NewSealing begins to seal a message that others watch as well.
func NewSealing(m *dkim.Message, key dkim.Key, o SealOptions) (*Sealing, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	key, err := key.Normal(minBits)
	if err != nil {
		return nil, err
	}
	s := &Sealing{message: m, key: key, options: o}
	m.Watch(func(m *dkim.Message) {
		if _, err := m.Header(); err == nil {
			s.body = m.Hash(dkim.Relaxed, -1)
		}
	})
	return s, nil
}

// Fields returns the three fields of a new set, to be put in front of the
// message, which must be complete. chain is what a verification found, results
// what there is to say in Authentication-Results: the name of this host and
// what was found. It returns nothing for a chain that was broken before it
// came here (§5.1, step 2).
func (s *Sealing) Fields(chain dkim.Status, results string) ([]byte, error) {
	s.message.Close()
	header, err := s.message.Header()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	sets, broken := collect(header)
	n := len(sets)
	switch {
	case n > 0 && sets[n-1].cv == "fail":
		return nil, nil
	case n == maxSets:
		return nil, fmt.Errorf("seal: the chain has %d sets already", n)
	case chain != dkim.None && chain != dkim.Pass && chain != dkim.Fail, n == 0 && chain == dkim.Pass, n > 0 && chain == dkim.None:
		return nil, fmt.Errorf("seal: a chain of %d sets can't have the status %q", n, chain)
	case chain == dkim.Pass && broken != nil:
		return nil, fmt.Errorf("seal: the chain can't have passed: %w", broken)
	case chain == dkim.Fail:
		sets = nil // §5.1.2: as if the new set were the only one
	}
	return s.set(header, sets, n+1, chain, results)
}

// set makes the fields: each covers those before it (§5.1, step 4).
func (s *Sealing) set(h dkim.Header, sets []set, instance int, chain dkim.Status, results string) ([]byte, error) {
	own, names := resultsOf(instance, results), s.names(h)
	signature, err := s.key.SignField(messageField, s.messageTags(names, instance), dkim.Relaxed, func(dst []byte) []byte {
		return dkim.AppendPicked(dst, h, names, dkim.Relaxed)
	})
	if err != nil {
		return nil, err
	}
	seal, err := s.key.SignField(sealField, s.sealTags(instance, chain), dkim.Relaxed, func(dst []byte) []byte {
		for _, old := range sets {
			dst = old.results.AppendRelaxed(dst)
			dst = old.message.Field.AppendRelaxed(dst)
			dst = old.seal.Field.AppendRelaxed(dst)
		}
		dst = dkim.Field{Raw: own}.AppendRelaxed(dst)
		return dkim.Field{Raw: signature}.AppendRelaxed(dst)
	})
	if err != nil {
		return nil, err
	}
	return append(append(seal, signature...), own...), nil
}

// names are what our message signature lists: never Authentication-Results or
// a field of a chain (§4.1.2).
func (s *Sealing) names(h dkim.Header) []string {
	if s.options.Names != nil {
		return s.options.Names
	}
	names := dkim.SignedNames(h)
	for range h.Count("DKIM-Signature") {
		names = append(names, "dkim-signature")
	}
	return names
}

// messageTags are those of an ARC-Message-Signature, in alphabetical order.
func (s *Sealing) messageTags(names []string, instance int) []dkim.Tag {
	return []dkim.Tag{
		{Name: "a", Value: s.key.Algorithm()},
		{Name: "b"},
		{Name: "bh", Value: base64.StdEncoding.EncodeToString(s.body.Sum())},
		{Name: "c", Value: "relaxed/relaxed"},
		{Name: "d", Value: s.key.Domain},
		{Name: "h", Value: strings.Join(names, ":")},
		{Name: "i", Value: strconv.Itoa(instance)},
		{Name: "s", Value: s.key.Selector},
		{Name: "t", Value: strconv.FormatInt(s.options.Now().Unix(), 10)},
	}
}

func (s *Sealing) sealTags(instance int, chain dkim.Status) []dkim.Tag {
	return []dkim.Tag{
		{Name: "a", Value: s.key.Algorithm()},
		{Name: "b"},
		{Name: "cv", Value: string(chain)},
		{Name: "d", Value: s.key.Domain},
		{Name: "i", Value: strconv.Itoa(instance)},
		{Name: "s", Value: s.key.Selector},
		{Name: "t", Value: strconv.FormatInt(s.options.Now().Unix(), 10)},
	}
}

// resultsOf writes an ARC-Authentication-Results, folded between words.
func resultsOf(instance int, results string) []byte {
	const columns = 76
	field := fmt.Appendf(nil, "%s: i=%d;", resultsField, instance)
	column := len(field)
	for word := range strings.FieldsSeq(results) {
		space := " "
		if column+1+len(word) > columns {
			space, column = "\r\n ", 0
		}
		field = append(append(field, space...), word...)
		column += 1 + len(word)
	}
	return append(field, "\r\n"...)
}
