package kv

import "context"

// Decision is the Pending of an engine that decides a batch in another
// goroutine than the one that submits it.
type Decision struct {
	done  chan struct{} // closed when err is set
	err   error
	death *Death
}

// NewDecision returns one that is open. Where death is not nil, those who wait
// are told of it rather than wait for a decision that may never come.
func NewDecision(death *Death) Decision { return Decision{done: make(chan struct{}), death: death} }

// Decide says what became of the batch. It is called once.
func (d *Decision) Decide(err error) {
	d.err = err
	close(d.done)
}

// Wait is Pending's.
func (d *Decision) Wait(ctx context.Context) error {
	if d.decided() {
		return d.err
	}
	var dead <-chan struct{} // for ever, without a death
	if d.death != nil {
		dead = d.death.Dead()
	}
	select {
	case <-d.done:
		return d.err
	case <-dead:
		if d.decided() { // just before
			return d.err
		}
		return d.death.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *Decision) decided() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}
