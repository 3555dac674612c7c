package directory

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tem/internal/address"
	"tem/internal/kv"
)

// Settings are what one person wants done with mail that comes. The zero value
// is how it is at first: everything goes to INBOX.
type Settings struct {
	Forward Forward
	Blocked Blocked
	Reply   Reply
	Filed   bool // what comes to an address with a +tag goes into the mailbox of that name, if there is one
}

// Forward is where mail is sent on to.
type Forward struct {
	To   []address.Address // none: nowhere
	Keep bool              // a copy stays here
}

// Blocked are the senders that somebody does not want to hear from.
type Blocked struct {
	Senders []string // addresses, and domains, which stand for those below them too
	Refuse  bool     // their mail is refused rather than put to junk
}

// Reply is the answer of somebody who is away. It is sent while Text is not
// empty, between From and Until (zero: from always, until ever).
type Reply struct {
	Subject     string // "": made from that of the letter
	Text        string
	From, Until time.Time
	Ours        bool // only to people of our domains
}

// What settings may hold.
const (
	maxForwards     = 20
	maxBlocked      = 1000
	maxReplySubject = 250      // octets
	maxReplyText    = 16 << 10 // octets
)

// Active says whether the reply is sent at a time.
func (r Reply) Active(now time.Time) bool {
	return r.Text != "" && !now.Before(r.From) && (r.Until.IsZero() || now.Before(r.Until))
}

// Has says whether a sender is blocked: the address, its domain, or one above it.
func (b Blocked) Has(sender address.Address) bool {
	if len(b.Senders) == 0 || sender.IsNull() {
		return false
	}
	if b.names(sender.Key()) {
		return true
	}
	for name := sender.Domain; name != ""; _, name, _ = strings.Cut(name, ".") {
		if b.names(name) {
			return true
		}
	}
	return false
}

// names looks into the list, which is kept in order.
func (b Blocked) names(s string) bool {
	_, found := slices.BinarySearch(b.Senders, s)
	return found
}

// BlockPattern is the form in which a blocked sender is kept: an address in
// the form in which addresses are the same, or a domain (an @ before it is left out).
func BlockPattern(s string) (string, error) {
	if name := strings.TrimPrefix(s, "@"); !strings.Contains(name, "@") {
		domain, err := address.Domain(name)
		if err != nil || domain == "" {
			return "", problemf(ErrInvalid, "%q is neither an address nor a domain", s)
		}
		return domain, nil
	}
	a, err := address.Parse(s)
	if err != nil {
		return "", problemf(ErrInvalid, "%q is no address: %v", s, err)
	}
	return a.Key(), nil
}

// Settings returns what the account of exactly this address wants; it must not be changed.
func (d *Directory) Settings(ctx context.Context, a address.Address) (s Settings, err error) {
	err = d.look(ctx, func(x *index) error {
		if _, err := x.account(a); err != nil {
			return err
		}
		if have := x.settings[key(a)]; have != nil {
			s = *have
		}
		return nil
	})
	return s, err
}

// SetSettings gives an account other settings: those that change, which may be
// called more than once, makes of the present ones. It must replace lists, not
// write into them. The result is what is kept.
func (d *Directory) SetSettings(ctx context.Context, a address.Address, change func(*Settings) error) (s Settings, err error) {
	err = d.change(ctx, func(x *index, b *kv.Batch) error {
		acc, err := x.account(a)
		if err != nil {
			return err
		}
		s = Settings{}
		if have := x.settings[key(a)]; have != nil {
			s = *have
		}
		if err := change(&s); err != nil {
			return err
		}
		if s, err = s.checked(acc.Address); err != nil {
			return err
		}
		if s.empty() {
			b.Delete(kv.Directory, rowKey(settingsRow, key(a)))
		} else {
			b.Set(kv.Directory, rowKey(settingsRow, key(a)), encodeSettings(s))
		}
		return nil
	})
	return s, err
}

func (s Settings) empty() bool {
	return len(s.Forward.To) == 0 && len(s.Blocked.Senders) == 0 && !s.Blocked.Refuse && !s.Filed && s.Reply == Reply{}
}

// checked is s in the form in which it is kept.
func (s Settings) checked(owner address.Address) (Settings, error) {
	var err error
	if s.Forward, err = s.Forward.checked(owner); err != nil {
		return s, err
	}
	if s.Blocked.Senders, err = checkBlocked(owner, s.Blocked.Senders); err != nil {
		return s, err
	}
	return s, s.Reply.check(owner)
}

func (f Forward) checked(owner address.Address) (Forward, error) {
	to, err := checkMembers(owner, f.To)
	if err != nil {
		return f, err
	}
	if len(to) > maxForwards {
		return f, problemf(ErrInvalid, "%s: mail can be forwarded to %d addresses, not to %d", owner, maxForwards, len(to))
	}
	for _, a := range to {
		if a.Key() == owner.Key() {
			return f, problemf(ErrInvalid, "%s: mail can't be forwarded to the address that it came to", owner)
		}
	}
	if len(to) == 0 {
		return Forward{}, nil
	}
	return Forward{to, f.Keep}, nil
}

func checkBlocked(owner address.Address, senders []string) ([]string, error) {
	kept := make([]string, len(senders))
	for i, s := range senders {
		var err error
		if kept[i], err = BlockPattern(s); err != nil {
			return nil, err
		}
	}
	slices.Sort(kept)
	if kept = slices.Compact(kept); len(kept) > maxBlocked {
		return nil, problemf(ErrInvalid, "%s: %d senders can be blocked, not %d; a domain blocks all who are in it", owner, maxBlocked, len(kept))
	}
	return kept, nil
}

func (r Reply) check(owner address.Address) error {
	switch {
	case len(r.Subject) > maxReplySubject:
		return problemf(ErrInvalid, "%s: the reply's subject is longer than %d octets", owner, maxReplySubject)
	case len(r.Text) > maxReplyText:
		return problemf(ErrInvalid, "%s: the reply is longer than %d octets", owner, maxReplyText)
	case !utf8.ValidString(r.Subject + r.Text):
		return problemf(ErrInvalid, "%s: the reply is not UTF-8", owner)
	case strings.ContainsFunc(r.Subject, unicode.IsControl):
		return problemf(ErrInvalid, "%s: the reply's subject has a control character", owner)
	case strings.ContainsFunc(r.Text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t' }):
		return problemf(ErrInvalid, "%s: the reply has a control character", owner)
	case r.Text == "" && r != Reply{}:
		return problemf(ErrInvalid, "%s: a reply needs a text", owner)
	case !r.Until.IsZero() && !r.From.Before(r.Until):
		return problemf(ErrInvalid, "%s: the reply would end before it begins", owner)
	}
	return nil
}

// settingsValue is Settings as their row has them.
type settingsValue struct {
	Forward []addressValue `json:"forward,omitempty"`
	Keep    bool           `json:"keep,omitempty"`
	Blocked []string       `json:"blocked,omitempty"`
	Refuse  bool           `json:"refuse,omitempty"`
	Reply   replyValue     `json:"reply,omitzero"`
	Filed   bool           `json:"filed,omitempty"`
}

type replyValue struct {
	Subject string    `json:"subject,omitempty"`
	Text    string    `json:"text"`
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Ours    bool      `json:"ours,omitempty"`
}

func encodeSettings(s Settings) []byte {
	v := settingsValue{Keep: s.Forward.Keep, Blocked: s.Blocked.Senders, Refuse: s.Blocked.Refuse, Reply: replyValue(s.Reply), Filed: s.Filed}
	for _, a := range s.Forward.To {
		v.Forward = append(v.Forward, toValue(a))
	}
	return encode(v)
}

func (x *index) setSettings(name string, val []byte) error {
	var v settingsValue
	if err := json.Unmarshal(val, &v); err != nil {
		return err
	}
	s := &Settings{Forward{nil, v.Keep}, Blocked{v.Blocked, v.Refuse}, Reply(v.Reply), v.Filed}
	for _, a := range v.Forward {
		s.Forward.To = append(s.Forward.To, a.address())
	}
	x.settings[name] = s
	return nil
}
