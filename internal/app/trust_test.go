package app

import (
	"context"
	"crypto"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/trust/dkim"
)

// TestSealWithoutAKey is said once a day at most, and no more once there is one.
func TestSealWithoutAKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var found []dkim.Key
		s := &sealer{domain: "elsewhere.example", log: slog.New(slog.NewTextHandler(&log, nil)), keys: func(context.Context, string) ([]dkim.Key, error) { return found, nil }}
		for _, c := range []struct {
			after time.Duration
			lines int
		}{{0, 1}, {time.Hour, 1}, {22 * time.Hour, 1}, {time.Hour, 2}, {time.Second, 2}} {
			time.Sleep(c.after)
			if _, ok := s.key(t.Context()); ok || strings.Count(log.String(), "is not sealed") != c.lines {
				t.Errorf("after %v more: %v, want %d lines of\n%s", c.after, ok, c.lines, log.String())
			}
		}
		key, err := dkim.GenerateKey("rsa2048")
		if err != nil {
			t.Fatal(err)
		}
		found = []dkim.Key{{Domain: "elsewhere.example", Selector: "s", Signer: key.(crypto.Signer)}}
		if got, ok := s.key(t.Context()); !ok || got.Selector != "s" {
			t.Errorf("%v, %v", got, ok)
		}
	})
}
