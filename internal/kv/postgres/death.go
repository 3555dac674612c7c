package postgres

import (
	"errors"
	"fmt"
	"sync"
)

// errFatal is what every call returns, wrapped, after the engine has died.
var errFatal = errors.New("kv: the store accepts nothing more")

// death is the one-way switch for errors that no waiting repairs.
type death struct {
	once sync.Once
	dead chan struct{} // closed when err is set
	err  error
	tell func(error)
}

func newDeath(tell func(error)) *death {
	return &death{dead: make(chan struct{}), tell: tell}
}

// die sets the error that every later call returns.
func (d *death) die(err error) {
	d.once.Do(func() {
		d.err = fmt.Errorf("%w: %w", errFatal, err)
		close(d.dead)
		if d.tell != nil {
			go d.tell(d.err) // it may close the engine
		}
	})
}

// failed is the reason of death, nil while alive.
func (d *death) failed() error {
	select {
	case <-d.dead:
		return d.err
	default:
		return nil
	}
}
