package imapserver

import (
	"context"

	"tem/internal/mail"
)

// What rights mean for a mailbox that is open, and for flags (RFC 4314 §4).

// kept are the flags that this user may not change there.
func (p *place) kept() (f mail.Flags) {
	const bySelf = mail.Seen | mail.Deleted
	if p.rights&mail.RightSeen == 0 {
		f |= mail.Seen
	}
	if p.rights&mail.RightDeleteMessage == 0 {
		f |= mail.Deleted
	}
	if p.rights&mail.RightWrite == 0 {
		f |= ^mail.Flags(bySelf)
	}
	return f
}

// keepsKeywords: none can be set or made known.
func (p *place) keepsKeywords() bool { return p.rights&mail.RightWrite == 0 }

// allow leaves of flags for a new message those that may be set there: a flag
// that may not is no reason to refuse the message (RFC 4314 §4).
func (p *place) allow(system mail.Flags, keywords []string) (mail.Flags, []string) {
	if p.keepsKeywords() {
		keywords = nil
	}
	return system &^ p.kept(), keywords
}

// destination is the place as one that messages go to.
func (p *place) destination() mail.Destination {
	return mail.Destination{Account: p.owner, Mailbox: p.box.Name, ID: p.box.ID, Without: p.kept()}
}

// changes are the rights without any of which a mailbox is READ-ONLY (RFC 4314 §5.2).
const changes = mail.RightInsert | mail.RightExpunge | mail.RightSeen | mail.RightWrite | mail.RightDeleteMessage

// hold sets what the user may do with the open mailbox.
func (v *view) hold(rights mail.Rights) {
	v.rights = rights
	v.readOnly = v.examined || rights&changes == 0
}

// seeable: looking at a message may set \Seen.
func (v *view) seeable() bool { return !v.readOnly && v.rights&mail.RightSeen != 0 }

// may refuses what needs rights that the user does not have, and changes of a
// mailbox that was opened by EXAMINE.
func (t *turn) may(need mail.Rights) error {
	if t.view.readOnly {
		return no("NOPERM", "the mailbox is open read-only")
	}
	if t.view.rights&need != need {
		return errNoRight
	}
	return nil
}

// recheck reads again what the user may do with somebody else's mailbox that is
// open, and tells if that has changed; without the right to read it the session
// ends (RFC 4314 §5.1.1).
func (s *session) recheck(ctx context.Context) error {
	v := s.view
	if v == nil || !v.isShared() {
		return nil
	}
	const least = mail.RightLookup | mail.RightRead
	rights, err := s.rightsTo(ctx, &v.place)
	switch {
	case isKind(err, mail.NotFound): // sync tells that it was deleted
		return nil
	case err != nil || rights == v.rights:
		return err
	case rights&least != least:
		s.ended, s.view = true, nil
		return s.say("* BYE the mailbox is no longer shared with you")
	}
	was := v.readOnly
	v.hold(rights)
	s.sayFlags()
	if v.readOnly != was {
		return s.say("* OK [%s] your rights have changed", v.access())
	}
	return nil
}

// access is the response code of SELECT.
func (v *view) access() string {
	if v.readOnly {
		return "READ-ONLY"
	}
	return "READ-WRITE"
}
