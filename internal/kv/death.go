package kv

import (
	"errors"
	"fmt"
	"sync"
)

// ErrFailed is in every error of an engine that has died.
var ErrFailed = errors.New("kv: the store has failed and accepts nothing more")

// Death is an engine's one-way switch for errors that nobody can repair.
type Death struct {
	once sync.Once
	dead chan struct{} // closed when err is set
	err  error
	tell func(error)
}

// NewDeath returns one that calls tell, if it is not nil, once, in a goroutine
// of its own: it may close the engine.
func NewDeath(tell func(error)) *Death {
	return &Death{dead: make(chan struct{}), tell: tell}
}

// Die sets the error that every later call of the engine returns; the first
// stays.
func (d *Death) Die(err error) {
	d.once.Do(func() {
		d.err = fmt.Errorf("%w: %w", ErrFailed, err)
		close(d.dead)
		if d.tell != nil {
			go d.tell(d.err)
		}
	})
}

// Dead is closed when the engine has died.
func (d *Death) Dead() <-chan struct{} { return d.dead }

// Err is why the engine has died, nil while it lives.
func (d *Death) Err() error {
	select {
	case <-d.dead:
		return d.err
	default:
		return nil
	}
}
