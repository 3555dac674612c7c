package postgres

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tem/internal/kv"
)

// Pauses between tries.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// isLoss says that an error leaves open what the server has done: the
// connection is broken, or the server is ending the session.
func isLoss(err error) bool {
	if err == nil {
		return false
	}
	pg := serverError(err)
	return pg == nil || pg.Severity == "FATAL" || pg.Severity == "PANIC"
}

// passing says that the same transaction may succeed later.
func passing(err error) bool {
	pg := serverError(err)
	if pg == nil || pg.Severity == "FATAL" || pg.Severity == "PANIC" {
		return err != nil && !errors.Is(err, errLayout) && !errors.Is(err, kv.ErrClosed)
	}
	switch pg.Code[:2] {
	case "40", // serialization failure, deadlock
		"08", // connection
		"57", // shutting down, starting up, cancelled
		"55": // a lock is not to be had
		return true
	}
	return pg.Code == readOnly
}

// readOnly is what a standby answers to writes, until it is promoted.
const readOnly = "25006"

// refused says that the server has understood the statements and will not do them.
func refused(err error) bool { return err != nil && serverError(err) != nil && !passing(err) }

func serverError(err error) *pgconn.PgError {
	pg := new(pgconn.PgError)
	if errors.As(err, &pg) {
		return pg
	}
	return nil
}
