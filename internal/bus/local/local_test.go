package local

import (
	"testing"

	"tem/internal/bus"
	"tem/internal/bus/bustest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) bus.Bus { return New() })
	b := New()
	_, end := b.Watch(1)
	end()
	if len(b.watchers) != 0 {
		t.Error("an ended watch is still held")
	}
}
