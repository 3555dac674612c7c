package imapserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Metadata (RFC 5464). What is private is the user's own, also of a mailbox that
// somebody else shares; what is shared is everybody's who may read the mailbox.
// Those of the server that are private are kept with the user's account; the
// shared ones are set by administrators and read by everybody.

const (
	specialUseEntry = "/private/specialuse" // RFC 6154 §5.4
	adminEntry      = "/shared/admin"       // RFC 5464 §6.2.2
)

// GetMetadata answers GETMETADATA (RFC 5464 §4.2).
func (t *turn) GetMetadata(ctx context.Context, c *imap.GetMetadata) error {
	if err := checkEntries(c.Entries); err != nil {
		return err
	}
	at, err := t.annotated(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	values, err := t.metadata(ctx, &at, c.Entries, c.Depth)
	if err != nil {
		return err
	}
	fitting, longest := fit(values, c.MaxSize)
	if len(fitting) > 0 {
		if err := t.line(imap.AppendMetadata([]byte("* "), at.name(), fitting, t.r.UTF8)); err != nil {
			return err
		}
	}
	if longest > 0 { // RFC 5464 §4.2.1
		return ok(fmt.Sprintf("METADATA LONGENTRIES %d", longest), "")
	}
	return nil
}

// fit leaves out values that are too long, and returns the length of the longest
// of them.
func fit(values []imap.Metadata, most *uint32) (fitting []imap.Metadata, longest int) {
	for _, m := range values {
		if most != nil && uint64(len(m.Value)) > uint64(*most) {
			longest = max(longest, len(m.Value))
			continue
		}
		fitting = append(fitting, m)
	}
	return fitting, longest
}

// annotated is the mailbox whose annotations are meant; "" is the server, whose
// place has no mailbox.
func (t *turn) annotated(ctx context.Context, name string) (place, error) {
	if name == "" {
		return place{account: t.account, owner: t.person.ID}, nil
	}
	at, err := t.place(ctx, name, 0)
	if err == nil && !at.isAnnotated() {
		err = errNoRight
	}
	return at, err
}

// isAnnotated: the user may know of the mailbox's annotations (RFC 5464 §3.3).
func (p *place) isAnnotated() bool {
	const any = mail.RightRead | mail.RightSeen | mail.RightWrite | mail.RightInsert | mail.RightPost
	return p.rights&any != 0
}

func checkEntries(names []string) error {
	for _, name := range names {
		first, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
		if first != "private" && first != "shared" || len(name) > mail.MaxEntryName { // RFC 5464 §6
			return bad("%.40q is no entry: entries begin with /private/ or /shared/", name)
		}
	}
	return nil
}

// metadata are the entries that were asked for, in the order of names. An entry
// that is named, not looked below, is told even if it has no value.
func (t *turn) metadata(ctx context.Context, at *place, names []string, depth imap.Depth) ([]imap.Metadata, error) {
	stored, err := t.stored(ctx, at, names, depth)
	var values []imap.Metadata
	for _, e := range stored {
		values = append(values, imap.Metadata{Name: e.Name, Value: e.Value})
	}
	for _, e := range t.computed(at) {
		if !hasValue(values, e.Name) && slices.ContainsFunc(names, func(name string) bool { return asks(name, depth, e.Name) }) {
			values = append(values, e)
		}
	}
	for _, name := range names {
		if depth == imap.DepthZero && !hasValue(values, name) {
			values = append(values, imap.Metadata{Name: name})
		}
	}
	slices.SortStableFunc(values, func(a, b imap.Metadata) int { return strings.Compare(a.Name, b.Name) })
	return values, err
}

func hasValue(values []imap.Metadata, name string) bool {
	return slices.ContainsFunc(values, func(m imap.Metadata) bool { return m.Name == name })
}

// stored are the entries that the store has; of the server, the user's own and
// those for everybody.
func (t *turn) stored(ctx context.Context, at *place, names []string, depth imap.Depth) ([]mail.Entry, error) {
	depths := [...]mail.Depth{imap.DepthZero: mail.Exact, imap.DepthOne: mail.Children, imap.DepthInfinity: mail.Tree}
	if at.box.ID != 0 {
		return at.account.Metadata(ctx, at.box.ID, t.person.ID, names, depths[depth])
	}
	var own, shared []string
	for _, name := range names {
		if isSharedEntry(name) {
			shared = append(shared, name)
		} else {
			own = append(own, name)
		}
	}
	list, err := t.account.Metadata(ctx, 0, t.person.ID, own, depths[depth])
	if err != nil {
		return nil, err
	}
	everybodys, err := t.o.Mail.ServerMetadata(ctx, shared, depths[depth])
	return append(list, everybodys...), err
}

// isSharedEntry: the entry is everybody's.
func isSharedEntry(name string) bool { return strings.HasPrefix(name+"/", "/shared/") }

// asks reports whether an entry is what a name with a depth asks for (RFC 5464 §4.2.2).
func asks(name string, depth imap.Depth, entry string) bool {
	below, is := strings.CutPrefix(entry, name)
	if !is || below == "" {
		return is
	}
	return below[0] == '/' && (depth == imap.DepthInfinity || depth == imap.DepthOne && strings.Count(below, "/") == 1)
}

// computed are entries that are there though nobody set them.
func (t *turn) computed(at *place) []imap.Metadata {
	switch {
	case at.box.ID == 0: // RFC 5321 §4.5.1: there is such an address
		return []imap.Metadata{{Name: adminEntry, Value: []byte("mailto:postmaster@" + t.person.Address.Domain)}}
	case !at.isShared() && at.box.SpecialUse != "":
		return []imap.Metadata{{Name: specialUseEntry, Value: []byte(at.box.SpecialUse)}}
	}
	return nil
}

// sayMetadata tells entries of a mailbox in a list; those without value too (RFC 9590).
func (t *turn) sayMetadata(ctx context.Context, at *place, names []string) error {
	if !at.isAnnotated() {
		return nil
	}
	if err := checkEntries(names); err != nil {
		return err
	}
	values, err := t.metadata(ctx, at, names, imap.DepthZero)
	if err != nil {
		return err
	}
	return t.line(imap.AppendMetadata([]byte("* "), at.name(), values, t.r.UTF8))
}

// SetMetadata answers SETMETADATA: all entries are set or none (RFC 5464 §4.3).
func (t *turn) SetMetadata(ctx context.Context, c *imap.SetMetadata) error {
	if err := checkEntries(names(c.Entries)); err != nil {
		return err
	}
	if c.Mailbox == "" {
		return t.setServerMetadata(ctx, c.Entries)
	}
	at, err := t.annotated(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	var use *string
	var entries []mail.Entry
	for _, m := range c.Entries {
		if err := at.mayAnnotate(m); err != nil {
			return err
		}
		if m.Name == specialUseEntry {
			text := string(m.Value)
			use = &text
			continue
		}
		entries = append(entries, t.entry(m))
	}
	return t.annotate(ctx, &at, entries, use)
}

// entry is an annotation as the store has it.
func (t *turn) entry(m imap.Metadata) mail.Entry {
	e := mail.Entry{Name: m.Name, Value: m.Value}
	if !isSharedEntry(m.Name) {
		e.User = t.person.ID
	}
	return e
}

func names(entries []imap.Metadata) (list []string) {
	for _, m := range entries {
		list = append(list, m.Name)
	}
	return list
}

// mayAnnotate refuses an entry that can't be set; what others see of a mailbox
// needs the right to write there.
func (p *place) mayAnnotate(m imap.Metadata) error {
	if err := checkLength(m); err != nil {
		return err
	}
	switch {
	case isSharedEntry(m.Name) && p.rights&mail.RightWrite == 0:
		return errNoRight
	case m.Name == specialUseEntry && p.isShared():
		return no("USEATTR", "special uses are for your own mailboxes")
	}
	return nil
}

func checkLength(m imap.Metadata) error {
	if len(m.Value) > mail.MaxEntryValue {
		return no(fmt.Sprintf("METADATA MAXSIZE %d", mail.MaxEntryValue), "the value of %s is too long", m.Name)
	}
	return nil
}

// annotate sets entries and then, if it is among what is set, the special use.
func (t *turn) annotate(ctx context.Context, at *place, entries []mail.Entry, use *string) error {
	if use != nil && len(entries) > 0 {
		return no("CANNOT", "%s is set by a command of its own", specialUseEntry)
	}
	if use != nil {
		return t.setUse(ctx, at, *use)
	}
	return tooMany(at.account.SetMetadata(ctx, at.box.ID, entries))
}

// tooMany gives the limit of annotations its code (RFC 5464 §4.3).
func tooMany(err error) error {
	var e *mail.Error
	if errors.As(err, &e) && e.Kind == mail.LimitReached {
		return no("METADATA TOOMANY", "%s", e.Text)
	}
	return err
}

// setUse gives a special use, and tells of the mailbox that loses it (RFC 6154 §5.4).
func (t *turn) setUse(ctx context.Context, at *place, use string) error {
	former, err := at.account.SetUse(ctx, at.box.ID, use)
	if err != nil || former == "" {
		return err
	}
	none := []imap.Metadata{{Name: specialUseEntry}}
	return t.line(imap.AppendMetadata([]byte("* "), former, none, t.r.UTF8))
}
