// Command bench drives Tem, and Debian's Postfix with Dovecot behind it, with
// the same letters on the same machine in one run, and prints what each
// reached beside the floor: what the disk allows. It uses loopback only and
// ends only what it started.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"tem/test/bench/machine"
)

// users is how many mailboxes the letters are spread over.
const users = 100

// target is a mail server under load.
type target struct {
	name     string
	smtp     string
	imap     string
	password string
	address  func(i int) string // of user i
	pids     []int              // roots of its process trees
	stop     func()
	watchers []*conn // one IMAP session for each user
}

// load is one row of the table.
type load struct {
	sessions, messages, size int
}

// result is what one target did with one load.
type result struct {
	accepted, visible float64 // messages a second
	p50, p99          time.Duration
	cpu               float64 // seconds for 1000 messages
}

func main() {
	tem := flag.String("tem", "./tem", "the program to measure")
	runs := flag.Int("runs", 3, "runs of each load; the median is printed")
	postfix := flag.Bool("postfix", true, "measure Postfix with Dovecot as well")
	seconds := flag.Float64("seconds", 4, "aim for so many seconds a run")
	only := flag.String("only", "", "only loads whose name holds this text")
	flag.Parse()
	if err := run(*tem, *runs, *postfix, *seconds, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(tem string, runs int, postfix bool, seconds float64, only string) error {
	dir, err := os.MkdirTemp(".", "bench-")
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var targets []*target
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	starts := []func(string) (*target, error){func(d string) (*target, error) { return startTem(tem, d) }}
	if postfix {
		starts = append(starts, startPostfix)
	}
	for _, start := range starts {
		t, err := start(dir)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	describe(targets)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "load\ttarget\taccepted/s\tvisible/s\tof floor\tp50 ms\tp99 ms\tCPU s/1000\ttimes Postfix\t")
	for _, size := range []int{4 << 10, 100 << 10} {
		for _, sessions := range []int{1, 10, 50} {
			name := fmt.Sprintf("%d KiB, %d sessions", size>>10, sessions)
			if !strings.Contains(name, only) {
				continue
			}
			select {
			case <-interrupted:
				return fmt.Errorf("interrupted")
			default:
			}
			fmt.Fprintln(os.Stderr, "measuring", name)
			if err := row(table, name, targets, load{sessions, 0, size}, runs, seconds, dir); err != nil {
				return err
			}
		}
	}
	return table.Flush()
}

// row measures one load on every target, in turn, runs times.
func row(table *tabwriter.Writer, name string, targets []*target, l load, runs int, seconds float64, dir string) error {
	floor, err := groupCommit(dir, l.sessions, l.size, time.Second)
	if err != nil {
		return err
	}
	all := make([][]result, len(targets))
	counts := make([]int, len(targets))
	for range runs {
		for i, t := range targets {
			l.messages = counts[i]
			if l.messages == 0 { // a short run tells how long a long one must be
				l.messages = 20 * l.sessions
				first, err := t.run(l)
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				counts[i] = max(l.messages, int(first.visible*seconds))
				l.messages = counts[i]
			}
			r, err := t.run(l)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			all[i] = append(all[i], r)
		}
	}
	last := median(all[len(all)-1])
	for i, t := range targets {
		r := median(all[i])
		fmt.Fprintf(table, "%s\t%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t\n", name, t.name, r.accepted, r.visible,
			r.visible/floor, ms(r.p50), ms(r.p99), r.cpu, r.visible/last.visible)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median takes the middle of each figure on its own.
func median(rs []result) result {
	return result{
		accepted: middle(rs, func(r result) float64 { return r.accepted }),
		visible:  middle(rs, func(r result) float64 { return r.visible }),
		p50:      time.Duration(middle(rs, func(r result) float64 { return float64(r.p50) })),
		p99:      time.Duration(middle(rs, func(r result) float64 { return float64(r.p99) })),
		cpu:      middle(rs, func(r result) float64 { return r.cpu }),
	}
}

func describe(targets []*target) {
	fmt.Printf("%s, %d CPUs, %s\n", runtime.Version(), runtime.NumCPU(), machine.CPUModel())
	for _, t := range targets {
		fmt.Printf("%s: SMTP %s, IMAP %s\n", t.name, t.smtp, t.imap)
	}
	fmt.Println("load generator and servers share the machine; no TLS; 100 mailboxes; medians of the runs")
}
