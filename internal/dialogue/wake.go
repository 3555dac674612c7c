package dialogue

import (
	"net"
	"sync"
	"time"
)

// wakeable is a connection whose reader can be woken up without harm: while
// it idles nothing but wake ends its read, with a time-out; a TLS layer above
// lives through that.
type wakeable struct {
	net.Conn
	mu     sync.Mutex
	idling bool
	woken  bool
	by     time.Time
	most   time.Time // no read lasts longer, unless zero
}

// limit bounds the reads that follow; the zero time ends that.
func (w *wakeable) limit(most time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = most
}

// SetReadDeadline lets time not matter while the connection idles; a time
// that has passed, which cuts a read off for good, is passed on as it is.
func (w *wakeable) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.most.IsZero() && t.After(w.most) {
		t = w.most
	}
	w.by = t
	return w.apply()
}

func (w *wakeable) apply() error {
	t := w.by
	if w.idling && time.Until(t) > 0 {
		t = time.Time{}
		if w.woken {
			t = time.Unix(1, 0)
		}
	}
	return w.Conn.SetReadDeadline(t)
}

// wake ends the idle read that is going on, or the next one.
func (w *wakeable) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = true
	if w.idling {
		w.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// idle begins or ends idling; what woke it before is forgotten.
func (w *wakeable) idle(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idling, w.woken = on, false
	if !on {
		w.apply()
	}
}
