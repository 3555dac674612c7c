package postgres

import (
	"slices"
	"testing"

	"tem/internal/kv"
)

func TestPayloads(t *testing.T) {
	t.Parallel()
	var parts []kv.Part
	for i := range kv.Part(10000) {
		parts = append(parts, 1<<64-1-i*i)
	}
	var got []kv.Part
	for _, text := range payloads("node-1", parts) {
		node, some, err := parsePayload(text)
		if err != nil || node != "node-1" || len(text) >= 8000 {
			t.Fatalf("%.50q of %d octets: %q, %v", text, len(text), node, err)
		}
		got = append(got, some...)
	}
	if !slices.Equal(got, parts) {
		t.Errorf("%d partitions came back of %d, or others", len(got), len(parts))
	}
	if list := payloads("node-1", nil); list != nil {
		t.Errorf("nothing is written as %q", list)
	}
}

// FuzzPayload checks that what is read is written back as something that reads
// the same.
func FuzzPayload(f *testing.F) {
	for _, text := range []string{"a 1", "node 1ekf zz 0", "", "a", "a ", " 1", "a 1  2", "a -1", "a 3w5e11264sgsg"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		node, parts, err := parsePayload(text)
		if err != nil {
			return
		}
		var again []kv.Part
		for _, text := range payloads(node, parts) {
			n, some, err := parsePayload(text)
			if err != nil || n != node {
				t.Fatalf("%q: node %q, %v", text, n, err)
			}
			again = append(again, some...)
		}
		if !slices.Equal(again, parts) {
			t.Errorf("%d became %d", parts, again)
		}
	})
}
