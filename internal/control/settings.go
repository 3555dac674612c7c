package control

import (
	"context"
	"errors"
	"slices"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
)

// Settings are what one person wants done with mail that comes.
type Settings struct {
	Address string   `json:"address"`
	Forward []string `json:"forward"`
	Keep    bool     `json:"keep"` // a copy of what is forwarded stays
	Blocked []string `json:"blocked"`
	Refuse  bool     `json:"refuse"` // mail of blocked senders is refused, rather than put to junk
	Tags    string   `json:"tags"`   // where mail to ADDRESS+TAG goes: "inbox", or "mailbox", that of the tag's name
	Reply   *Reply   `json:"reply,omitempty"`
}

// The values of Settings.Tags.
const (
	TagsInbox   = "inbox"
	TagsMailbox = "mailbox"
)

// TagsSet says where mail to ADDRESS+TAG goes.
type TagsSet struct {
	Address string `json:"address"`
	Tags    string `json:"tags"`
}

// Reply is the answer of somebody who is away.
type Reply struct {
	Subject string     `json:"subject,omitempty"`
	Text    string     `json:"text"`
	From    *time.Time `json:"from,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Ours    bool       `json:"ours,omitempty"` // only to people of our domains
}

// ForwardSet changes what is not nil; Off ends forwarding.
type ForwardSet struct {
	Address string   `json:"address"`
	To      []string `json:"to,omitempty"`
	Keep    *bool    `json:"keep,omitempty"`
	Off     bool     `json:"off,omitempty"`
}

// BlockSet blocks senders, and others no longer.
type BlockSet struct {
	Address string   `json:"address"`
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
	Refuse  *bool    `json:"refuse,omitempty"`
}

// ReplySet replaces the automatic reply; without a Reply there is none.
type ReplySet struct {
	Address string `json:"address"`
	Reply   *Reply `json:"reply,omitempty"`
}

func toSettings(a address.Address, s directory.Settings) Settings {
	out := Settings{Address: a.String(), Forward: showAddresses(s.Forward.To), Keep: s.Forward.Keep,
		Blocked: append([]string{}, s.Blocked.Senders...), Refuse: s.Blocked.Refuse, Tags: TagsInbox}
	if s.Filed {
		out.Tags = TagsMailbox
	}
	if s.Reply != (directory.Reply{}) {
		out.Reply = &Reply{s.Reply.Subject, s.Reply.Text, timeOrNil(s.Reply.From), timeOrNil(s.Reply.Until), s.Reply.Ours}
	}
	return out
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ShowSettings shows what somebody wants.
func (s *Service) ShowSettings(ctx context.Context, r Address) (Settings, error) {
	acc, err := s.ourAccount(ctx, r.Address)
	if err != nil {
		return Settings{}, err
	}
	have, err := s.Directory.Settings(ctx, acc.Address)
	return toSettings(acc.Address, have), err
}

func (s *Service) changeSettings(ctx context.Context, name string, change func(*directory.Settings) error) (Settings, error) {
	acc, err := s.ourAccount(ctx, name)
	if err != nil {
		return Settings{}, err
	}
	have, err := s.Directory.SetSettings(ctx, acc.Address, change)
	return toSettings(acc.Address, have), err
}

// SetForward changes where somebody's mail is sent on to.
func (s *Service) SetForward(ctx context.Context, r ForwardSet) (Settings, error) {
	var to []address.Address
	for _, name := range r.To {
		a, err := parseAddress(name)
		if err != nil {
			return Settings{}, err
		}
		if _, err := s.Directory.Resolve(ctx, a); errors.Is(err, directory.ErrNotFound) {
			return Settings{}, errorf(NotFound, "%s: mail can't be forwarded to %s, who does not exist", r.Address, a)
		} else if err != nil {
			return Settings{}, err
		}
		to = append(to, a)
	}
	return s.changeSettings(ctx, r.Address, func(have *directory.Settings) error {
		if r.Off {
			have.Forward = directory.Forward{}
			return nil
		}
		if len(to) > 0 {
			have.Forward.To = to
		}
		if len(have.Forward.To) == 0 {
			return errorf(Invalid, "%s forwards nothing: say where to", r.Address)
		}
		assign(&have.Forward.Keep, r.Keep)
		return nil
	})
}

// SetBlocked changes whom somebody does not want to hear from.
func (s *Service) SetBlocked(ctx context.Context, r BlockSet) (Settings, error) {
	return s.changeSettings(ctx, r.Address, func(have *directory.Settings) error {
		senders := slices.Clone(have.Blocked.Senders)
		for _, pattern := range r.Remove {
			p, err := directory.BlockPattern(pattern)
			if err != nil {
				return err
			}
			i := slices.Index(senders, p)
			if i < 0 {
				return errorf(NotFound, "%s does not block %s", r.Address, p)
			}
			senders = slices.Delete(senders, i, i+1)
		}
		have.Blocked.Senders = append(senders, r.Add...)
		assign(&have.Blocked.Refuse, r.Refuse)
		return nil
	})
}

// SetTags changes where somebody's mail to an address with a tag goes.
func (s *Service) SetTags(ctx context.Context, r TagsSet) (Settings, error) {
	if r.Tags != TagsInbox && r.Tags != TagsMailbox {
		return Settings{}, errorf(Invalid, "tags %.20q: it may be inbox or mailbox", r.Tags)
	}
	return s.changeSettings(ctx, r.Address, func(have *directory.Settings) error {
		have.Filed = r.Tags == TagsMailbox
		return nil
	})
}

// SetReply changes what is answered while somebody is away.
func (s *Service) SetReply(ctx context.Context, r ReplySet) (Settings, error) {
	return s.changeSettings(ctx, r.Address, func(have *directory.Settings) error {
		have.Reply = directory.Reply{}
		if r.Reply != nil {
			have.Reply = directory.Reply{Subject: r.Reply.Subject, Text: r.Reply.Text, Ours: r.Reply.Ours}
			assign(&have.Reply.From, r.Reply.From)
			assign(&have.Reply.Until, r.Reply.Until)
			if r.Reply.Text == "" {
				return errorf(Invalid, "%s: a reply needs a text", r.Address)
			}
		}
		return nil
	})
}
