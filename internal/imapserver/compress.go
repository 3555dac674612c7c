package imapserver

import (
	"context"
	"fmt"

	"tem/internal/wire/imap"
)

// Compress turns DEFLATE on behind its OK (RFC 4978 §3).
func (t *turn) Compress(_ context.Context, c *imap.Compress) error {
	if c.Mechanism != "DEFLATE" {
		return bad("unknown mechanism")
	}
	if t.c.Compressed() {
		return &reply{"BAD", "COMPRESSIONACTIVE", "DEFLATE is active already"}
	}
	if err := t.say("%s OK DEFLATE active", t.cmd.Tag); err != nil {
		return err
	}
	if err := t.c.Compress(); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return errAnswered
}
