package transport

import (
	"crypto/tls"
	"sync"
	"time"
)

const (
	maxSessions = 4096
	sessionLife = time.Hour // after the handshake in which the server showed its certificate
)

// sessions are TLS sessions that may be resumed, each only where a connection
// could be used again: with the same key, that is under the same demand on TLS.
// What a server showed when the session began is judged by need.check each time
// it is resumed, by the records, roots and clock of that day.
type sessions struct {
	mu   sync.Mutex
	kept map[key]resumable
}

// resumable is one of them.
type resumable struct {
	state *tls.ClientSessionState
	begun time.Time // with a certificate
}

// under is what a connection may resume, and where it puts what it is given.
// What would be logged in on is bound to the certificate of its own handshake.
func (s *sessions) under(k key, login bool) *tickets {
	if login {
		return nil
	}
	return &tickets{sessions: s, key: k, begun: time.Now()}
}

func (s *sessions) drop(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, k)
}

// tickets is the tls.ClientSessionCache of one connection.
type tickets struct {
	*sessions
	key     key
	begun   time.Time // of the session that it speaks
	offered bool      // there was one to resume
	spoilt  bool      // nothing is kept
}

// spoil sees to it that a session which was found wanting is not kept; of TLS
// 1.3 the ticket comes later. t may be nil.
func (t *tickets) spoil() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spoilt = true
	delete(t.kept, t.key)
}

// Get is tls.ClientSessionCache. Its key, the server's name, says too little.
func (t *tickets) Get(string) (*tls.ClientSessionState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.kept[t.key]
	if !ok {
		return nil, false
	}
	if time.Since(s.begun) > sessionLife {
		delete(t.kept, t.key)
		return nil, false
	}
	t.begun, t.offered = s.begun, true // a session that is resumed gets no younger by that
	return s.state, true
}

// Put is tls.ClientSessionCache; nil means that the session is of no use.
func (t *tickets) Put(_ string, state *tls.ClientSessionState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if state == nil || t.spoilt {
		delete(t.kept, t.key)
		return
	}
	if t.kept == nil {
		t.kept = make(map[key]resumable)
	}
	if _, there := t.kept[t.key]; !there && len(t.kept) >= maxSessions {
		for k := range t.kept { // any of them
			delete(t.kept, k)
			break
		}
	}
	t.kept[t.key] = resumable{state, t.begun}
}

// stale is what went wrong with a session that was resumed, or was to be: it
// says nothing of the server, which is asked without.
type stale struct{ error }

func (s stale) Unwrap() error { return s.error }
