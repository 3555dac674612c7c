package machine

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ticks is how many of /proc's units of processor time are a second, on every
// architecture that Linux has.
const ticks = 100

// CPUSeconds is what the process trees under roots have used so far, with
// those of their processes that have ended.
func CPUSeconds(roots []int) (total float64) {
	for _, p := range tree(roots) {
		for _, f := range p.stat[11:15] { // utime stime cutime cstime
			n, _ := strconv.ParseFloat(f, 64)
			total += n / ticks
		}
	}
	return total
}

// Usage is the memory of process trees. What they share is counted once in
// PSS, and each time in RSS; what the kernel keeps for them in neither.
type Usage struct {
	PSS, RSS  int64 // octets
	Processes int
}

// Memory adds up the memory of the process trees under roots.
func Memory(roots []int) (u Usage) {
	for _, p := range tree(roots) {
		file := filepath.Join("/proc", strconv.Itoa(p.pid), "smaps_rollup")
		u.PSS += kilobytes(value(file, "Pss", "0"))
		u.RSS += kilobytes(value(file, "Rss", "0"))
		u.Processes++
	}
	return u
}

// process is a row of the process table.
type process struct {
	pid  int
	stat []string // the fields of proc(5) /proc/pid/stat after the name: state, parent, …
}

// tree are roots and all that descends from them.
func tree(roots []int) []process {
	all := processes()
	return slices.DeleteFunc(slices.Collect(maps.Values(all)), func(p process) bool { return !descends(all, p.pid, roots) })
}

func descends(all map[int]process, pid int, roots []int) bool {
	for pid > 1 {
		if slices.Contains(roots, pid) {
			return true
		}
		p, ok := all[pid]
		if !ok {
			return false
		}
		pid, _ = strconv.Atoi(p.stat[1])
	}
	return false
}

func processes() map[int]process {
	all := make(map[int]process)
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, ok := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 15 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		all[pid] = process{pid, fields}
	}
	return all
}
