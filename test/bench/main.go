// Command bench drives Tem, and Debian's Postfix with Dovecot behind it, with
// the same letters on the same machine in one run, and prints tables of what
// each reached, to be pasted into RESULTS.md: of mail that comes in (smtp),
// beside the floor, which is what the disk allows; and of mail that goes out
// (out), beside Postfix alone. It uses loopback only and ends only what it started.
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
	"time"

	"tem/internal/dns"
	"tem/test/bench/machine"
)

// users is how many mailboxes the letters are spread over.
const users = 100

// options are what a call of the bench asks for.
type options struct {
	tem      string
	runs     int
	postfix  bool
	seconds  float64
	only     string
	profiles string // directory for those of perf(1), "" for none
	memory   time.Duration
	dir      string // for everything of this call
	names    string // the bench's name server
	ended    chan os.Signal
}

func main() {
	o := options{ended: make(chan os.Signal, 1)}
	flag.StringVar(&o.tem, "tem", "./tem", "the program to measure")
	flag.IntVar(&o.runs, "runs", 3, "runs of each load; the median is printed")
	flag.BoolVar(&o.postfix, "postfix", true, "measure Postfix with Dovecot as well")
	flag.Float64Var(&o.seconds, "seconds", 2, "aim for so many seconds a run")
	flag.StringVar(&o.only, "only", "", "only rows whose name holds this text")
	flag.StringVar(&o.profiles, "profile", "", "have perf record each row of Tem in this directory; figures of such a call are not to be published")
	flag.DurationVar(&o.memory, "memory", 20*time.Second, "how long mail is sent to see whether memory grows; 0 for not at all")
	flag.Parse()
	measure, ok := map[string]func(*options) error{"": inbound, "smtp": inbound, "out": outbound}[flag.Arg(0)]
	if !ok || flag.NArg() > 1 {
		fmt.Fprintf(os.Stderr, "bench: unknown words %q: smtp or out is expected, after the options\n", flag.Args())
		os.Exit(2)
	}
	if err := run(&o, measure); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures in a directory that does not outlast it, beside a name server.
func run(o *options, measure func(*options) error) error {
	dir, err := os.MkdirTemp(".", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.Chmod(o.dir, 0o755); err != nil { // Postfix and Dovecot are several users
		return err
	}
	signal.Notify(o.ended, os.Interrupt, syscall.SIGTERM)
	describe()
	return measure(o)
}

// serveNames answers for the zone until stop.
func (o *options) serveNames(zone []string) (stop func(), err error) {
	server, err := dns.Serve("127.0.0.1:0", zone...)
	if err != nil {
		return nil, err
	}
	o.names = server.Address()
	return func() { _ = server.Close() }, nil
}

// wants says whether a row is asked for, and that it begins.
func (o *options) wants(name string) bool {
	if !strings.Contains(name, o.only) {
		return false
	}
	fmt.Fprintln(os.Stderr, "measuring", name)
	return true
}

// interrupted is an error once the bench is told to end.
func (o *options) interrupted() error {
	select {
	case s := <-o.ended:
		return fmt.Errorf("ended by %v", s)
	default:
		return nil
	}
}

func describe() {
	fmt.Printf("%s, %d CPUs, %s. Load generator and servers share the machine; no TLS; medians of the runs.\n\n",
		runtime.Version(), runtime.NumCPU(), machine.CPUModel())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
