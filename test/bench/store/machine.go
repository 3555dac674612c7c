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

// machine prints what the figures were measured on and keeps how long syncs take.
func (b *bench) machine() error {
	var info unix.Sysinfo_t
	var name unix.Utsname
	if err := unix.Sysinfo(&info); err != nil {
		return err
	}
	if err := unix.Uname(&name); err != nil {
		return err
	}
	fmt.Printf("# The store, %s\n\n", time.Now().Format("2006-01-02"))
	fmt.Printf("%s, %d processors, %.0f GiB, Linux %s, %s. Load and store share the processors. Medians of %d runs.\n\n",
		cpuModel(), runtime.NumCPU(), float64(info.Totalram)*float64(info.Unit)/(1<<30),
		string(name.Release[:bytes.IndexByte(name.Release[:], 0)]), runtime.Version(), b.runs)
	return b.diskFigures()
}

// diskFigures prints what the disk takes.
func (b *bench) diskFigures() error {
	growing, err := b.syncTimes(4<<10, 1000)
	if err != nil {
		return err
	}
	rewritten, err := b.rewriteTimes(4<<10, 1000)
	if err != nil {
		return err
	}
	if b.disk, err = b.measureLine(); err != nil {
		return err
	}
	rate, err := b.writeScratch()
	if err != nil {
		return err
	}
	fmt.Printf("4 KiB and fdatasync: p50 %.0f µs (p99 %.0f) on a growing file, %.0f µs (p99 %.0f) on blocks written before. "+
		"Sequential write: %.0f MB/s.\n", us(percentile(growing, 50)), us(percentile(growing, 99)),
		us(percentile(rewritten, 50)), us(percentile(rewritten, 99)), rate/1e6)
	fmt.Print("Appended and synced, p50:")
	for _, p := range b.disk {
		fmt.Printf(" %s %.2f ms", sizeName(int(p.octets)), p.seconds*1e3)
	}
	fmt.Println(".")
	return nil
}

// sizeName is 4 KiB or 5 MiB.
func sizeName(octets int) string {
	if octets >= 1<<20 {
		return fmt.Sprintf("%d MiB", octets>>20)
	}
	return fmt.Sprintf("%d KiB", octets>>10)
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
