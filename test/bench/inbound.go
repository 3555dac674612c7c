package main

import (
	"cmp"
	"fmt"
	"time"

	"tem/test/bench/machine"
)

// target is a mail server under load.
type target struct {
	name     string
	smtp     string
	imap     string
	password string
	address  func(i int) string // of user i
	pids     []int              // roots of its process trees
	stop     func()
	watchers []*conn  // one IMAP session for each user
	signer   *signers // of the letters it gets; nil: they are not signed
}

// load is one row of the table.
type load struct {
	sessions, messages, size int
	source                   bool // sent by Postfix's smtp-source rather than by us
}

func (l load) String() string {
	name := fmt.Sprintf("%d KiB, %d sessions", l.size>>10, l.sessions)
	if l.source {
		name += ", smtp-source"
	}
	return name
}

// loads are the rows: those of our own generator, then those of Postfix's,
// which sends everything to one mailbox.
func loads() (list []load) {
	for _, size := range []int{4 << 10, 100 << 10} {
		for _, sessions := range []int{1, 10, 50} {
			list = append(list, load{sessions: sessions, size: size})
		}
	}
	for _, sessions := range []int{10, 50} {
		list = append(list, load{sessions: sessions, size: 4 << 10, source: true})
	}
	return list
}

// result is what one target did with one load.
type result struct {
	accepted, visible float64       // messages a second
	p50, p99          time.Duration // of the reply to the final dot; 0: not known
	cpu               float64       // seconds for 1000 messages
	memory            float64       // MB of all processes when the last letter was there, PSS
}

const inboundText = `SMTP without TLS and without pipelining, one connection a session, 100 mailboxes. *accepted* counts replies 250; *visible* is until IMAP
STATUS shows every letter. All are durable at 250; Tem keeps its journal. *checks on*: iprev, SPF, DKIM (RSA, 2048 bits), DMARC and ARC of letters by 20 domains, which
publish all of it at a name server of the bench; the others check nothing. *of floor* is visible letters beside a loop that appends the same
octets to one file and syncs it for whoever waits (no protocol, no parsing, no rows). *times* is beside Postfix with Dovecot behind it by LMTP:
mdbox, mail_fsync = optimized, no filters. smtp-source is Postfix's generator, which writes to one mailbox. *CPU* is counted until the server
rests again: what it leaves for later (Tem: the text index) is in it.
`

// inbound measures letters from outside into mailboxes.
func inbound(o *options) error {
	signers, err := newSigners()
	if err != nil {
		return err
	}
	stop, err := o.serveNames(append(signers.zone(), senderZone()...))
	if err != nil {
		return err
	}
	defer stop()
	var targets []*target
	defer func() {
		for _, t := range targets {
			t.stop()
		}
	}()
	for _, start := range starts(o, signers) {
		t, err := start()
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	fmt.Print(inboundText, "\n")
	fmt.Println("| letters, sessions | | accepted/s | visible/s | of floor | p50 ms | p99 ms | CPU s/1000 | PSS MB | times, visible | times, CPU |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, l := range loads() {
		if !o.wants(l.String()) {
			continue
		}
		if err := row(o, targets, l); err != nil {
			return err
		}
		if l.source { // its letters have no signature
			continue
		}
		if err := targets[1].passed(); err != nil {
			return err
		}
	}
	return flat(o, targets)
}

// starts are the servers: Tem without checks, as its peer is; Tem that judges
// signed letters; the peer.
func starts(o *options, s *signers) []func() (*target, error) {
	list := []func() (*target, error){
		func() (*target, error) { return startTem(o, "Tem", nil) },
		func() (*target, error) { return startTem(o, "Tem, checks on", s) },
	}
	if o.postfix {
		list = append(list, func() (*target, error) { return startPostfix(o.dir) })
	}
	return list
}

// row measures one load on every target, in turn, and prints it.
func row(o *options, targets []*target, l load) error {
	floor, err := groupCommit(o.dir, l.sessions, l.size, time.Second)
	if err != nil {
		return err
	}
	all := make([][]result, len(targets))
	counts := make([]int, len(targets))
	for range o.runs {
		for i, t := range targets {
			if err := o.interrupted(); err != nil {
				return err
			}
			if counts[i] == 0 { // a short run tells how long a long one must be
				l.messages = 20 * l.sessions
				first, err := t.run(l)
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				counts[i] = max(l.messages, int(first.visible*o.seconds))
			}
			l.messages = counts[i]
			stop := o.profile(t.name+" "+l.String(), t.pids)
			r, err := t.run(l)
			stop()
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			all[i] = append(all[i], r)
		}
	}
	printRow(o, targets, l, all, floor)
	return nil
}

func printRow(o *options, targets []*target, l load, all [][]result, floor float64) {
	peer := len(targets) - 1
	last := median(all[peer])
	for i, t := range targets {
		r, name, times := median(all[i]), "", "| |"
		if i == 0 {
			name = l.String()
		}
		if o.postfix && i != peer {
			times = fmt.Sprintf("| **%.1f** | %.1f |", r.visible/last.visible, last.cpu/r.cpu)
		}
		wait := "– | –"
		if r.p99 > 0 {
			wait = fmt.Sprintf("%.2f | %.2f", ms(r.p50), ms(r.p99))
		}
		fmt.Printf("| %s | %s | %.0f | %.0f | %.2f | %s | %.2f | %.0f %s\n", name, t.name, r.accepted, r.visible,
			r.visible/floor, wait, r.cpu, r.memory, times)
	}
}

// median takes the middle of each figure on its own.
func median(rs []result) result {
	return result{
		accepted: middle(rs, func(r result) float64 { return r.accepted }),
		visible:  middle(rs, func(r result) float64 { return r.visible }),
		p50:      time.Duration(middle(rs, func(r result) float64 { return float64(r.p50) })),
		p99:      time.Duration(middle(rs, func(r result) float64 { return float64(r.p99) })),
		cpu:      middle(rs, func(r result) float64 { return r.cpu }),
		memory:   middle(rs, func(r result) float64 { return r.memory }),
	}
}

// flat sends mail to both kinds of Tem for a while and prints what memory they have
// after each fifth of it.
func flat(o *options, targets []*target) error {
	if o.memory == 0 || !o.wants("memory, 4 KiB, 50 sessions") {
		return nil
	}
	const parts = 5
	fmt.Printf("\nMemory (RSS, MB) before and after each fifth of %v of 4 KiB at 50 sessions, and letters a second:\n\n", o.memory)
	for _, t := range targets[:2] {
		fmt.Printf("* %s: %.0f", t.name, mb(machine.Memory(t.pids).RSS))
		l := load{sessions: 50, messages: 1000, size: 4 << 10}
		for part := range parts + 1 {
			r, err := t.run(l)
			if err != nil {
				return err
			}
			if part > 0 { // the first one tells how many letters there must be
				fmt.Printf(", %.0f (%.0f/s)", mb(machine.Memory(t.pids).RSS), r.visible)
			}
			l.messages = cmp.Or(int(r.visible*o.memory.Seconds()/parts), 1000)
		}
		fmt.Println()
	}
	return nil
}

func mb(octets int64) float64 { return float64(octets) / 1e6 }
