package memory

import (
	"testing"

	"tem/internal/kv"
	"tem/internal/kv/kvtest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kv.Engine { return New() })
}
