package pop3server

import (
	"sync"
	"time"

	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// locks are the maildrops that sessions hold, and when each was last opened.
type locks struct {
	delay time.Duration // between logins to one maildrop; 0: none

	mu    sync.Mutex
	held  map[mail.AccountID]struct{}
	last  map[mail.AccountID]time.Time // younger than delay, and some that are not
	sweep int                          // how large last may grow until the old ones go
}

// minSweep is how many logins are worth looking through for old ones.
const minSweep = 1024

func newLocks(delay time.Duration) *locks {
	return &locks{delay: delay, held: map[mail.AccountID]struct{}{}, last: map[mail.AccountID]time.Time{}, sweep: minSweep}
}

// try takes the exclusive lock of one maildrop (RFC 1939 §4), unless it was
// opened less than the delay ago (RFC 2449 §6.5).
func (l *locks) try(account mail.AccountID, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.held[account]; ok {
		return &pop3.Error{Code: pop3.CodeInUse, Text: "another session has this maildrop open"} // RFC 2449 §8.1.2
	}
	if at, ok := l.last[account]; ok && now.Before(at.Add(l.delay)) {
		wait := at.Add(l.delay).Sub(now).Round(time.Second)
		return &pop3.Error{ // RFC 2449 §8.1.1
			Code: pop3.CodeDelay, Text: "the last login was too short a time ago, try again in %d seconds", Args: []any{max(1, int(wait.Seconds()))},
		}
	}
	l.held[account] = struct{}{}
	return nil
}

// opened notes that a login succeeded: the delay counts from its +OK.
func (l *locks) opened(account mail.AccountID, now time.Time) {
	if l.delay == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.last) >= l.sweep {
		for a, at := range l.last {
			if !now.Before(at.Add(l.delay)) {
				delete(l.last, a)
			}
		}
		l.sweep = max(minSweep, 2*len(l.last))
	}
	l.last[account] = now
}

func (l *locks) release(account mail.AccountID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, account)
}
