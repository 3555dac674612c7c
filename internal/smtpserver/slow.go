package smtpserver

import (
	"errors"
	"time"
)

// maxIdle is how many commands there may be that bring no message on, until one
// has brought a recipient.
const maxIdle = 1000

const (
	patientFor = 5 * time.Minute // a text may come as slowly as it likes that long
	leastRate  = 100             // octets a second that it must come in, on the average, after that
)

// errSlow says that a text comes so slowly that its client only holds a session.
var errSlow = errors.New("slower than 100 octets a second")

// errEndless says that a text is so much larger than the largest that nobody waits for its end.
var errEndless = errors.New("text without end")

// slow reports a text that has come too slowly for too long. The time-out for
// each step alone would let an octet every few minutes hold a session for years.
func (in *intake) slow() bool {
	took := in.x.o.Now().Sub(in.begins)
	return took > patientFor && float64(in.size) < leastRate*(took-patientFor).Seconds()
}
