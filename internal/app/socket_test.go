package app

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "lmtp")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}) // by a server that died
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := listenSocket("lmtp", path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := listenSocket("lmtp", path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a socket that answers: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenSocket("lmtp", path); err == nil || !strings.Contains(err.Error(), "another kind") {
		t.Errorf("a file: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "a letter" {
		t.Errorf("the file has become %q", text)
	}
}

// A socket that took the name meanwhile is not taken away with ours.
func TestSocketOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lmtp")
	l, err := listenSocket("lmtp", path)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}
