// Command access measures Tem's IMAP and POP3 beside Debian's Dovecot: both
// hold the same letters on the same machine, and are given the same work in
// turn. It prints a table of ratios, with what each used of the processor and of memory. It uses loopback only, and ends and
// removes only what it started and made.
//
// One goroutine runs the rows; a row with several sessions starts a goroutine
// for each and waits for all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"tem/test/bench/machine"
)

// options are those of the command line.
type options struct {
	protocol    string // imap or pop3
	program     string
	runs        int
	rows        []string
	tls         bool
	certificate string // PEM files with .pem and .key; "" without TLS
	maildir     bool
	scheme      string // of Dovecot's passwords
	peer        bool
	profiles    string // directory of perf's files; "" for none
	idle        int    // that many sleeping sessions of Tem alone, and nothing else
	scale
}

// people are all addresses.
func (o *options) people() []string {
	list := []string{big, post}
	for i := range o.users {
		list = append(list, user(i))
	}
	return list
}

// bench is one run of the program.
type bench struct {
	options
	ctx     context.Context
	corpus  *corpus
	servers []*server // Tem first
	notes   []string
}

func main() {
	o := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	b := &bench{options: *o, ctx: ctx, corpus: newCorpus()}
	err := b.run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() *options {
	o := &options{protocol: "imap"}
	small := false
	rows := ""
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		o.protocol = os.Args[1]
		os.Args = slices.Delete(os.Args, 1, 2)
	}
	flag.StringVar(&o.program, "tem", "./tem", "the program to measure")
	flag.IntVar(&o.runs, "runs", 3, "runs of each row; the median is printed")
	flag.StringVar(&rows, "rows", "", "only rows whose group or name holds one of these words: fetch,search")
	flag.BoolVar(&o.tls, "tls", false, "TLS from the first octet")
	flag.BoolVar(&o.maildir, "maildir", false, "Dovecot with maildir rather than mdbox")
	flag.StringVar(&o.scheme, "scheme", "PLAIN", "how Dovecot keeps passwords: PLAIN, ARGON2ID, BLF-CRYPT, …; Tem has argon2id")
	flag.BoolVar(&o.peer, "dovecot", true, "measure Dovecot as well")
	flag.BoolVar(&small, "quick", false, "a tenth of the letters, to try things out")
	flag.StringVar(&o.profiles, "profile", "", "have perf record each row of Tem in this directory")
	flag.IntVar(&o.idle, "idle", 0, "only hold so many idle sessions of Tem, from several loopback addresses")
	flag.Parse()
	o.scale = full
	if small {
		o.scale = quick
	}
	if rows != "" {
		o.rows = strings.Split(strings.ToLower(rows), ",")
	}
	return o
}

// run makes the servers, runs what was asked for and takes all away.
func (b *bench) run() error {
	if b.protocol != "imap" && b.protocol != "pop3" {
		return fmt.Errorf("%q is neither imap nor pop3", b.protocol)
	}
	if err := raiseFiles(); err != nil {
		b.say("%v", err)
	}
	root, err := scratch()
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := b.make(root); err != nil {
		return err
	}
	defer func() {
		for _, s := range b.servers {
			s.stop()
		}
	}()
	for _, s := range b.servers {
		if err := errors.Join(s.start(), b.ctx.Err()); err != nil {
			return err
		}
	}
	b.describe()
	err = b.all()
	for _, n := range b.notes {
		fmt.Printf("\n* %s", n)
	}
	fmt.Println()
	return err
}

// all fills the servers and runs the rows.
func (b *bench) all() error {
	if b.idle > 0 {
		return b.hold(b.idle)
	}
	if err := b.fillAll(); err != nil {
		return err
	}
	b.header()
	for _, r := range rows() {
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		if r.protocol == b.protocol && b.wanted(r.group, r.name) {
			b.row(&r)
		}
	}
	if b.protocol == "imap" && b.wanted("idle", "sleeping sessions") {
		return b.sleep()
	}
	return nil
}

func (b *bench) wanted(words ...string) bool {
	return len(b.rows) == 0 || slices.ContainsFunc(b.rows, func(row string) bool {
		return strings.Contains(strings.ToLower(strings.Join(words, " ")), row)
	})
}

// fillAll fills one server after the other, and waits until they have done
// what they owe: Tem indexes texts behind its deliveries.
func (b *bench) fillAll() error {
	for _, s := range b.servers {
		start := time.Now()
		if err := errors.Join(b.fill(s), b.ctx.Err()); err != nil {
			return err
		}
		took := time.Since(start)
		quiet([]*server{s}, 2*time.Second)
		b.note("%s was filled in %.0f s, and was quiet %.0f s later: its process tree used next to nothing of the processor for 2 s, by when Tem's text index is whole", s.name, took.Seconds(), time.Since(start).Seconds()-took.Seconds())
	}
	return nil
}

// make configures the servers.
func (b *bench) make(root string) error {
	if b.tls {
		b.certificate = filepath.Join(root, "certificate")
		if err := writeCertificate(b.certificate); err != nil {
			return err
		}
	}
	tem, err := newTem(b.program, root, &b.options)
	if err != nil {
		return err
	}
	b.servers = []*server{tem}
	if b.peer && b.idle == 0 {
		peer, err := newPeer(root, &b.options)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, peer)
	}
	return nil
}

// scratch is a directory of this run, which other users can reach.
func scratch() (string, error) {
	root, err := os.MkdirTemp(".", "bench-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(root)
}

// raiseFiles lets this program and the servers hold a great many connections.
func raiseFiles() error {
	const files = 1 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}); err == nil {
		return nil
	}
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return errors.Join(fmt.Errorf("one program may have no more than %d files open here (hard limit)", l.Max), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l))
}

func (b *bench) describe() {
	fmt.Printf("%s, %d CPUs, %s; load %s\n", runtime.Version(), runtime.NumCPU(), machine.CPUModel(), loadAverage())
	for _, s := range b.servers {
		fmt.Printf("%s: %s\n", s.name, s.version)
	}
	fmt.Printf("%d letters of %d KiB in one mailbox; medians of %d runs after one that is not counted; servers in turn; client and servers share the machine; TLS %v\n",
		b.inbox, b.letters>>10, b.runs, b.tls)
	fmt.Printf("Tem keeps passwords as argon2id and remembers who was right; Dovecot keeps them as %s\n", b.scheme)
	fmt.Println("times: how much faster Tem is, bold below the aim; CPU: of the process tree, and of this client, for each thing done, in steps of 10 ms a run")
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// say reports progress.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// note keeps a line that is printed below the table.
func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
	b.say(format, args...)
}
