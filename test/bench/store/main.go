// Command store measures the mail store, each figure beside a floor taken in
// the same run: what the disk, or TLS, allows whoever does nothing else. Unlike
// the rest of test/bench it works from inside: it imports tem/internal/mail and
// its engines, so that no protocol is in the figures.
//
// Every figure is the median of the runs, in which the store and its floor take
// turns. It writes into one directory and removes what it wrote, except for the
// filled mailboxes under --dir.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"tem/internal/kv"
)

// options are the command line.
type options struct {
	only     string
	runs     int
	span     time.Duration // of one measurement
	dir      string        // "": a directory of this process, removed at the end
	postgres string        // URL, "auto", or "" for no such rows
	messages int           // in the mailbox that is measured
	large    bool
	profile  string // directory for profiles of deliveries; "": none
}

// bench is one call of the program.
type bench struct {
	options
	ctx     context.Context
	dir     string // for what does not outlive this process
	letters *letters
	disk    line         // how long a sync takes, by octets
	scratch *os.File     // scratchSize octets, for the floors of reading
	serial  atomic.Int64 // of letters made so far
	parts   atomic.Int64 // accounts handed out so far
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "only tables and rows whose name holds this text")
	flag.IntVar(&o.runs, "runs", 3, "runs of each row; the median is printed")
	seconds := flag.Float64("seconds", 4, "how long one measurement of deliveries takes")
	flag.StringVar(&o.dir, "dir", "", "where to write; filled mailboxes stay there for the next call")
	flag.StringVar(&o.postgres, "postgres", "", "URL of an empty database, or auto for a private server: measure that engine too")
	flag.IntVar(&o.messages, "messages", 50000, "messages in the mailbox")
	flag.BoolVar(&o.large, "large", false, "a mailbox of 1,000,000 messages as well")
	flag.StringVar(&o.profile, "profile", "", "write profiles of the deliveries into this directory")
	flag.Parse()
	o.span = time.Duration(*seconds * float64(time.Second))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "store:", err)
		stop()
		os.Exit(1)
	}
}

// run makes the directory and prints the machine and the tables.
func run(ctx context.Context, o options) (err error) {
	if o.runs < 1 || o.messages < 1 || o.span <= 0 {
		return errors.New("--runs, --messages and --seconds must be more than 0")
	}
	parent := o.dir
	if parent == "" {
		parent = "."
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	b := &bench{options: o, ctx: ctx}
	if b.dir, err = os.MkdirTemp(parent, "bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	b.letters = newLetters()
	b.serial.Store(time.Now().Unix() % (1 << 24) << 20) // letters of an earlier call are in a filled mailbox
	if err := b.machine(); err != nil {
		return fmt.Errorf("describe the machine: %w", err)
	}
	defer b.scratch.Close()
	return b.tables()
}

// tables prints the tables that were asked for.
func (b *bench) tables() error {
	list := []struct {
		name string
		make func(name string) error
	}{
		{"deliveries", b.deliveries},
		{"recipients", b.recipients},
		{fmt.Sprintf("mailbox of %d", b.messages), func(name string) error { return b.mailbox(name, b.messages, 4<<10) }},
		{fmt.Sprintf("mailbox of %d", largeMailbox), b.largeMailbox},
		{"idle accounts", b.idleAccounts},
		{"postgres", b.beside},
	}
	for _, t := range list {
		if !strings.Contains(t.name, b.only) && !strings.HasPrefix(b.only, t.name) {
			continue
		}
		if err := t.make(t.name); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// largeMailbox is how many messages --large puts into one.
const largeMailbox = 1000000

func (b *bench) largeMailbox(name string) error {
	if !b.large {
		return nil
	}
	return b.mailbox(name, largeMailbox, 500)
}

// wants tells whether a row was asked for, and says that it is being measured.
func (b *bench) wants(name string) bool {
	if !strings.Contains(name, b.only) {
		return false
	}
	fmt.Fprintln(os.Stderr, "measuring", name)
	return true
}

// accounts returns the first of n accounts that nobody has used.
func (b *bench) accounts(n int) kv.Part {
	return kv.FirstAccount + kv.Part(b.parts.Add(int64(n))) - kv.Part(n)
}
