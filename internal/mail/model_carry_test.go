package mail

import (
	"slices"

	"pgregory.net/rapid"
)

// carry copies or moves messages between the two accounts.
func (m *machine) carry(t *rapid.T) {
	p := m.player(t)
	other := m.as(1-int(p.id-m.base), p.s)
	box, have := p.box(t, m.ctx)
	to := Destination{Account: other.id, Mailbox: name(t), Without: drawFlags(t)}
	if box == nil {
		return
	}
	uids, move := drawUIDs(t, box), rapid.Bool().Draw(t, "move")
	from := slices.DeleteFunc(sorted(uids), func(u UID) bool { _, there := box.msgs[u]; return !there })
	emails := make(map[EmailID]EmailID)
	for _, u := range from {
		emails[box.msgs[u].email] = 0
	}
	dst := other.boxes[to.Mailbox]
	fine := dst != nil && (len(emails) == 0 || !other.full(len(emails)))
	do := p.a.CopyTo
	if move {
		do = p.a.MoveTo
	}
	c, err := do(m.ctx, have.ID, uids, to)
	if (err == nil) != fine {
		t.Fatalf("carry to %+v: %v", to, err)
	}
	if err != nil {
		return
	}
	if !slices.Equal(c.From, from) || len(c.To) != len(from) {
		t.Fatalf("carried %+v, want %v", c, from)
	}
	for n, u := range from {
		msg := box.msgs[u]
		known := emails[msg.email]
		msg.flags &^= to.Without
		emails[msg.email] = m.emailAt(t, other, to.Mailbox, c.To[n])
		if msg.email = emails[msg.email]; known != 0 && msg.email != known {
			t.Fatalf("uid %d became email %d, another instance of it %d", u, msg.email, known)
		}
		if got := dst.add(msg); got != c.To[n] {
			t.Fatalf("carried to uid %d, want %d", c.To[n], got)
		}
	}
	if move {
		p.bury(have.Name, box, from, m.clock.t)
	}
}

// emailAt asks the store which email a message is.
func (m *machine) emailAt(t *rapid.T, p *player, name string, uid UID) (email EmailID) {
	box, err := p.a.Mailbox(m.ctx, name)
	if err == nil {
		err = p.a.Fetch(m.ctx, box.ID, []UID{uid}, func(m *Meta) error { email = m.Email; return nil })
	}
	if err != nil || email == 0 {
		t.Fatalf("email of uid %d in %s: %d, %v", uid, name, email, err)
	}
	return email
}
