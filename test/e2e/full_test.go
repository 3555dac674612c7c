package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// smallDisk is a directory with a file system of its own, in memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tem-e2e", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk can't be mounted here, which wants root: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill writes a file until so many octets are left on its disk; 0: until nothing more fits.
func fill(t *testing.T, name string, leave int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	defer f.Close()
	chunk := make([]byte, 64<<10)
	for free(t, name) > leave {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			break
		} else {
			must(t, err)
		}
	}
}

func free(t *testing.T, name string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	must(t, syscall.Statfs(name, &s))
	return int64(s.Bavail) * int64(s.Bsize)
}

// TestFullDisk fills the disk to what mail must leave free: new mail waits
// outside, what was taken goes out and is read, and all goes on when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	var open atomic.Bool
	s := newSink(t, "mx.far.example", func(s *sink) {
		s.replies = func(_ int, line string) string {
			if strings.HasPrefix(line, "RCPT") && !open.Load() {
				return "450 4.2.0 later"
			}
			return ""
		}
	})
	disk := smallDisk(t, "160m")
	p := newPostIn(t, filepath.Join(disk, "data"), newNames(t, mx("far.example", s)...), []*sink{s}, "", "[limits]\nfree = \"48M\"\n")
	const letters = 5
	for i := range letters {
		p.writes(t, fmt.Sprintf("out-%d-end", i), "", "a@far.example")
	}
	p.journey(t, "a@far.example", func(a answer) bool { return a.Reply != "" })
	must(t, p.send(p.an.Address, "Subject: before\r\n\r\nx\r\n"))

	filler := filepath.Join(disk, "filler")
	fill(t, filler, 40<<20)
	for _, door := range []string{"smtp", "submission"} {
		var who *person
		if door == "submission" {
			who = &p.an
		}
		c, err := dialSMTP(p.At(door), who)
		must(t, err)
		must(t, c.PrintfLine("MAIL FROM:<%s>", p.an.Address))
		code, said, _ := c.ReadResponse(0)
		has(t, door, fmt.Sprint(code, " ", said), "452 4.3.1 Insufficient system storage")
		c.Close()
	}
	open.Store(true)
	p.do(t, "queue", "retry", "--all")
	s.await(t, letters)
	p.emptied(t)
	if n := len(popAll(t, p.town, p.an)); n != 1 {
		t.Errorf("%d letters to read", n)
	}
	must(t, os.Remove(filler))
	must(t, p.send(p.an.Address, "Subject: after\r\n\r\nx\r\n"))
	if got, _ := s.got(); len(got) != letters {
		t.Errorf("%d letters went out, want %d", len(got), letters)
	}
	has(t, "the check", p.do(t, "store", "check"), "all is well")
}

// TestNoRoomAtAll lets the disk run full while letters come and go, though mail
// was to leave nothing free: the server ends at once and says why and what to
// do. What was answered 250 is there when there is room again, and goes out once.
func TestNoRoomAtAll(t *testing.T) {
	t.Parallel()
	s := newSink(t, "mx.far.example", nil)
	disk := smallDisk(t, "160m")
	p := newPostIn(t, filepath.Join(disk, "data"), newNames(t, mx("far.example", s)...), []*sink{s}, "", "[limits]\nfree = 0\n")
	var local, remote ledger
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	var senders sync.WaitGroup
	senders.Go(func() {
		local.insists(ctx, p.At("smtp"), nil, "alice@crepes.fr", []string{p.an.Address, p.binh.Address}, "local")
	})
	senders.Go(func() {
		remote.insists(ctx, p.At("submission"), &p.an, p.an.Address, []string{"a@far.example"}, "remote")
	})
	s.await(t, 3)
	filler := filepath.Join(disk, "filler")
	fill(t, filler, 0)
	select {
	case <-p.Exited():
	case <-ctx.Done():
		t.Fatal("it goes on without room")
	}
	senders.Wait()
	if code := p.Wait(t); code != 1 {
		t.Errorf("exit %d", code)
	}
	has(t, "the end", p.log.String(), "no space left on device", "the disk is full: make room on it and start the server again")
	out, err := p.command(t, "serve").CombinedOutput()
	if code := exitCode(t, err); code == 0 {
		t.Errorf("it starts without room and ends with %d", code)
	}
	has(t, "a start without room", string(out), "no space left on device")
	must(t, os.Remove(filler))
	p.start(t)
	p.allThere(t, local.letters)
	p.wentOut(t, s, remote.letters, 2, func(m accepted) string { return tokenOf(m.text) })
}

// insists is work by somebody who comes again after a refusal, until the server is gone.
func (l *ledger) insists(ctx context.Context, address string, login *person, from string, to []string, name string) {
	for i := 0; ctx.Err() == nil; i++ {
		before := len(l.letters)
		l.work(ctx, address, login, from, to, fmt.Sprintf("%s-%d", name, i))
		if len(l.letters) == before { // nobody listens any more
			return
		}
	}
}
