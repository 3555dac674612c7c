// Package machine tells what the benches ask of the machine they run on: free
// ports, the user that mail belongs to, and what process trees use of it.
package machine

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// FreePort is a loopback address that nobody listens on.
func FreePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}

// MailUser is the user mail, which every Debian has.
func MailUser() (uid, gid int, err error) {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); f[0] == "mail" && len(f) > 3 {
			uid, _ = strconv.Atoi(f[2])
			gid, _ = strconv.Atoi(f[3])
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("no user mail on this machine")
}

// CPUModel is the name of the processor.
func CPUModel() string { return value("/proc/cpuinfo", "model name", runtime.GOARCH) }

// Available is how many octets of memory are free or can be freed.
func Available() int64 { return kilobytes(value("/proc/meminfo", "MemAvailable", "0")) }

// value is the first of "key: value" in a file of such lines.
func value(file, key, otherwise string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return otherwise
}

// kilobytes is "123 kB" in octets.
func kilobytes(text string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	return n << 10
}
