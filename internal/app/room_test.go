package app

import (
	"path/filepath"
	"testing"

	"tem/internal/config"
	"tem/internal/control"
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

// Only disks of this machine are asked for room.
func TestRoomIsAskedWhereMailIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		places control.Places
		want   bool
	}{
		{control.Places{Rows: "postgres://db/tem", Bodies: "s3://h/b"}, true},
		{control.Places{RowsDir: dir, Bodies: "s3://h/b"}, false},
		{control.Places{Rows: "postgres://db/tem", BodiesDir: dir}, false},
	} {
		s := &Server{config: config.Config{Data: dir}, stores: &Stores{Places: c.places}}
		if got := s.hasRoom(1 << 62); got != c.want {
			t.Errorf("%+v: %v", c.places, got)
		}
	}
}
