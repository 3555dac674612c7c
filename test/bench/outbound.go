package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tem/test/bench/machine"
)

const (
	destinations = 1000
	fillers      = 10 // sessions that submit
	outSize      = 4 << 10
)

// road is a server that mail leaves by.
type road struct {
	name    string
	steady  string   // address of SMTP where what is submitted leaves at once
	held    string   // where it waits for release
	hello   []string // what a session begins with
	sender  string
	hold    string // parameter of MAIL that makes it wait
	release func() error
	empty   func() (bool, error)
	pids    []int
	stop    func()
}

// way is one row: where mail is to go.
type way struct {
	name    string
	domains int
	foreign bool // to smtp-sink rather than to our own sink
}

// domain is the destination of message i.
func (w way) domain(i int) string {
	if w.foreign {
		return "foreign.example"
	}
	return destination(i % w.domains)
}

func destination(i int) string { return fmt.Sprintf("d%d.example", i) }

// host is an address of this machine for each destination.
func host(i int) string { return fmt.Sprintf("127.1.%d.%d", i/250, i%250+1) }

// foreignHost is where smtp-sink listens.
const foreignHost = "127.2.0.1"

// departures is what one road did with one row.
type departures struct {
	held, sink float64 // messages a second: from their release until the queue is empty; from the first to the last at the sink
	heldCPU    float64 // seconds for 1000 messages
	steady     float64 // messages a second, from the first that is submitted until the queue is empty
	steadyCPU  float64
}

const outboundText = `Letters of 4 KiB with one recipient each, submitted over ten sessions, durable when accepted and when gone; no TLS. *released*: all of them wait
(Tem: HOLDFOR; Postfix: HOLD), until tem queue retry --all, or postsuper -H ALL and postqueue -f, has begun; to the empty queue. *at the
sink*: from the first to the last there. *steady*: they leave while they are submitted; from the first submitted to the empty queue. Tem looks destinations
up at a name server of the bench, and MTA-STS with them; Postfix has them in a map. *signing*: with the two DKIM keys that a
domain has by default; the others sign nothing. *tuned*: 300 processes, 100 connections to a destination from the start, no in_flow_delay.
`

// outbound measures the queue: mail that waits and is released, and mail that leaves as it is submitted.
func outbound(o *options) error {
	hosts := make([]string, destinations)
	for i := range hosts {
		hosts[i] = host(i)
	}
	s, err := newSink(hosts)
	if err != nil {
		return err
	}
	defer s.close()
	stopForeign, err := startForeign(s.port)
	if err != nil {
		return err
	}
	defer stopForeign()
	stop, err := o.serveNames(append(destinationZone(), published("tem.example")...))
	if err != nil {
		return err
	}
	defer stop()
	roads, err := startRoads(o, s.port)
	defer func() {
		for _, r := range roads {
			r.stop()
		}
	}()
	if err != nil {
		return err
	}
	fmt.Print(outboundText, "\n")
	fmt.Println("| destinations | | released/s | at the sink/s | CPU s/1000 | steady/s | CPU s/1000 | times, released | times, steady |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, w := range []way{{"1, own sink", 1, false}, {"1,000, own sink", destinations, false}, {"1, smtp-sink", 1, true}} {
		if !o.wants(w.name) {
			continue
		}
		if err := outRow(o, roads, w, s); err != nil {
			return err
		}
	}
	return nil
}

// startForeign runs Postfix's smtp-sink.
func startForeign(port string) (stop func(), err error) {
	cmd := exec.Command("smtp-sink", "-u", "nobody", foreignHost+":"+port, "1000") // it wants no root
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start smtp-sink: %w", err)
	}
	stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }
	if err := answers(foreignHost + ":" + port); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func destinationZone() []string {
	zone := []string{"foreign.example. 300 IN MX 10 mx.foreign.example.", "mx.foreign.example. 300 IN A " + foreignHost}
	for i := range destinations {
		zone = append(zone, fmt.Sprintf("%[1]s. 300 IN MX 10 mx.%[1]s.", destination(i)), fmt.Sprintf("mx.%s. 300 IN A %s", destination(i), host(i)))
	}
	return zone
}

// outRow measures one row on every road, in turn, and prints it.
func outRow(o *options, roads []*road, w way, s *sink) error {
	all := make([][]departures, len(roads))
	counts := make([]int, len(roads))
	for range o.runs {
		for i, r := range roads {
			if err := o.interrupted(); err != nil {
				return err
			}
			if counts[i] == 0 { // a short run tells how long a long one must be, and warms caches
				first, err := r.run(o, w, s, max(200, w.domains))
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				counts[i] = max(500, w.domains, int(min(first.held, first.steady)*o.seconds))
			}
			d, err := r.run(o, w, s, counts[i])
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			all[i] = append(all[i], d)
		}
	}
	printOut(roads, w, all)
	return nil
}

func printOut(roads []*road, w way, all [][]departures) {
	peer := 2 // Postfix as it comes
	for i, r := range roads {
		name, times, atSink := "", "| |", "–"
		d := middleOut(all[i])
		if i == 0 {
			name = w.name
		}
		if i < peer && len(roads) > peer {
			p := middleOut(all[peer])
			times = fmt.Sprintf("| **%.1f** | **%.1f** |", d.held/p.held, d.steady/p.steady)
		}
		if d.sink > 0 {
			atSink = fmt.Sprintf("%.0f", d.sink)
		}
		fmt.Printf("| %s | %s | %.0f | %s | %.2f | %.0f | %.2f %s\n", name, r.name, d.held, atSink, d.heldCPU, d.steady, d.steadyCPU, times)
	}
}

func middleOut(ds []departures) departures {
	return departures{
		held:      middle(ds, func(d departures) float64 { return d.held }),
		sink:      middle(ds, func(d departures) float64 { return d.sink }),
		heldCPU:   middle(ds, func(d departures) float64 { return d.heldCPU }),
		steady:    middle(ds, func(d departures) float64 { return d.steady }),
		steadyCPU: middle(ds, func(d departures) float64 { return d.steadyCPU }),
	}
}

// run has n messages wait and releases them, and then n that need not wait.
func (r *road) run(o *options, w way, s *sink, n int) (d departures, err error) {
	if err := r.submit(r.held, r.hold, w, n); err != nil {
		return d, err
	}
	stop := o.profile(r.name+" released "+w.name, r.pids)
	d.held, d.heldCPU, err = r.clock(w, s, n, r.release)
	stop()
	if err != nil {
		return d, err
	}
	if !w.foreign {
		d.sink = s.rate(n)
	}
	stop = o.profile(r.name+" steady "+w.name, r.pids)
	defer stop()
	d.steady, d.steadyCPU, err = r.clock(w, s, n, func() error { return r.submit(r.steady, "", w, n) })
	return d, err
}

// clock is how many messages a second leave from begin on until none is left,
// and the processor time for 1000.
func (r *road) clock(w way, s *sink, n int, begin func() error) (rate, cpu float64, err error) {
	s.reset()
	before, used, start := s.count.Load(), machine.CPUSeconds(r.pids), time.Now()
	if err := begin(); err != nil {
		return 0, 0, err
	}
	for deadline := start.Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if !w.foreign && s.count.Load() < before+int64(n) {
			if time.Now().After(deadline) {
				return 0, 0, fmt.Errorf("%d of %d messages came to the sink in two minutes", s.count.Load()-before, n)
			}
			continue
		}
		switch empty, err := r.empty(); {
		case err != nil:
			return 0, 0, err
		case empty:
			rate = float64(n) / time.Since(start).Seconds()
			return rate, (machine.CPUSeconds(r.pids) - used) / float64(n) * 1000, nil
		case time.Now().After(deadline):
			return 0, 0, errors.New("the queue is not empty after two minutes")
		}
		if w.foreign { // nobody else tells how far it is, and asking costs time
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// submit gives n messages to the server over several sessions.
func (r *road) submit(address, parameter string, w way, n int) error {
	letters := newPlain(outSize, r.sender)
	var next atomic.Int64
	errs := make([]error, fillers)
	var wg sync.WaitGroup
	for f := range fillers {
		wg.Go(func() {
			errs[f] = r.session(address, parameter, w, letters, func() (int, bool) { i := int(next.Add(1)) - 1; return i, i < n })
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *road) session(address, parameter string, w way, letters letters, take func() (int, bool)) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, step := range r.hello {
		if err := c.say(step, "2"); err != nil {
			return err
		}
	}
	var text []byte
	for {
		i, ok := take()
		if !ok {
			return c.say("QUIT\r\n", "2")
		}
		to := "reader" + strconv.Itoa(i%100) + "@" + w.domain(i)
		text = letters.letter(text[:0], i, to)
		if err := c.envelope("<"+r.sender+">"+parameter, to); err != nil {
			return err
		}
		if err := c.send(text, "250"); err != nil {
			return err
		}
	}
}
