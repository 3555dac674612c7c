package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what this process has used since it began, or in between.
type usage struct {
	cpu       time.Duration
	allocated float64 // octets on the heap
	traffic
}

// traffic is what has been written, in octets.
type traffic struct {
	process float64 // pages made dirty; where the system keeps large ones, more than goes to the disk
	device  float64 // by everybody on the device, the file system's journal too; none if nobody says
}

// used reads the meters; dir is on the device that counts.
func used(dir string) (u usage, err error) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	u.cpu, u.allocated = cpuTime(), float64(mem.TotalAlloc)
	u.traffic, err = writtenBy(dir)
	return u, err
}

func (t traffic) since(before traffic) traffic {
	return traffic{t.process - before.process, t.device - before.device}
}

// writtenBy has what is dirty under dir written and reads both meters.
func writtenBy(dir string) (t traffic, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return t, err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return t, err
	}
	n, err := writtenOctets()
	return traffic{float64(n), deviceOctets(dir)}, err
}

// deviceOctets is what the device under dir has written so far, see
// Documentation/block/stat.rst of Linux.
func deviceOctets(dir string) float64 {
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		return none
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(s.Dev), unix.Minor(s.Dev)))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 7 {
		return none
	}
	var sectors float64
	if _, err := fmt.Sscan(fields[6], &sectors); err != nil {
		return none
	}
	return sectors * 512
}

// cpuTime is how long this process has been on the processors.
func cpuTime() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// writtenOctets are the pages that this process has made dirty so far, see proc(5).
func writtenOctets() (n int64, err error) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(text, []byte("\nwrite_bytes: "))
	if !ok {
		return 0, fmt.Errorf("/proc/self/io has no write_bytes: %q", text)
	}
	_, err = fmt.Sscan(string(rest), &n)
	return n, err
}

// heap is how many octets are in use once the garbage is gone.
func heap() int64 {
	var mem runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held for one round
	runtime.ReadMemStats(&mem)
	return int64(mem.HeapAlloc)
}
