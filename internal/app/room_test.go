package app

import (
	"path/filepath"
	"testing"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if !hasRoom(dir, 1, 0) {
		t.Error("no room for one octet")
	}
	if hasRoom(dir, 1<<62, 0) || hasRoom(dir, 0, 1<<62) {
		t.Error("room for more than any disk has")
	}
	if !hasRoom(filepath.Join(dir, "missing"), 1<<62, 0) {
		t.Error("a disk that does not tell has no room")
	}
}
