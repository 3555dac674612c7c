package memory

import (
	"testing"

	"tem/internal/blob"
	"tem/internal/blob/blobtest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(*testing.T) blob.Store { return New() })
}
