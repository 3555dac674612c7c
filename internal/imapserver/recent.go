package imapserver

import (
	"sync"

	"tem/internal/mail"
)

// maxRecents bounds how many mailboxes are remembered; beyond it all is
// forgotten, and so recent once more.
const maxRecents = 1 << 20

// recents knows for each mailbox the first UID that no session has been told
// of. It lasts as long as the process: what it can't know of is \Recent, as
// RFC 3501 §2.3.2 wants.
type recents struct {
	mu    sync.Mutex
	first map[recentKey]mail.UID
}

// recentKey is an account and one of its mailboxes.
type recentKey struct {
	account uint64
	box     mail.MailboxID
}

// claim returns the first UID that is recent; with keep, those below next will
// not be for the sessions that come after.
func (r *recents) claim(k recentKey, next mail.UID, keep bool) mail.UID {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := max(r.first[k], 1)
	if !keep || first >= next {
		return first
	}
	if r.first == nil || len(r.first) >= maxRecents {
		r.first = map[recentKey]mail.UID{}
	}
	r.first[k] = next
	return first
}

// claimRecent makes recent to this session what arrived since it last looked,
// unless another one was told before. EXAMINE only looks (RFC 3501 §6.3.2).
func (s *session) claimRecent() {
	v := s.view
	first := s.recents.claim(recentKey{uint64(v.owner), v.box.ID}, v.box.UIDNext, !v.readOnly)
	if n := len(v.recent); n > 0 {
		first = max(first, v.recent[n-1].To+1)
	}
	if first >= v.box.UIDNext || s.enabled.rev2 {
		return
	}
	if n := len(v.recent); n > 0 && v.recent[n-1].To+1 == first {
		v.recent[n-1].To = v.box.UIDNext - 1
		return
	}
	v.recent = append(v.recent, mail.UIDRange{From: first, To: v.box.UIDNext - 1})
}

// sayExists tells how many messages there are, and how many of them are recent.
func (s *session) sayExists() {
	s.say("* %d EXISTS", len(s.view.items))
	if !s.enabled.rev2 {
		s.say("* %d RECENT", s.view.countRecent())
	}
}

func (v *view) isRecent(uid mail.UID) bool {
	for i := len(v.recent) - 1; i >= 0; i-- {
		if uid >= v.recent[i].From {
			return uid <= v.recent[i].To
		}
	}
	return false
}

func (v *view) countRecent() (n int) {
	for _, r := range v.recent {
		from, _ := v.find(r.From)
		to, _ := v.find(r.To + 1)
		n += to - from
	}
	return n
}
