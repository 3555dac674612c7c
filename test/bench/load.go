package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tem/test/bench/machine"
)

// run sends l.messages letters over l.sessions connections and waits until all
// of them are in their mailboxes.
func (t *target) run(l load) (result, error) {
	before, err := t.count()
	if err != nil {
		return result{}, err
	}
	cpu := machine.CPUSeconds(t.pids)
	start := time.Now()
	times, err := t.send(l)
	if err != nil {
		return result{}, err
	}
	accepted := time.Since(start)
	if err := t.await(before + l.messages); err != nil {
		return result{}, err
	}
	visible := time.Since(start)
	slices.Sort(times)
	n := float64(l.messages)
	return result{
		accepted: n / accepted.Seconds(), visible: n / visible.Seconds(),
		p50: times[len(times)/2], p99: times[len(times)*99/100],
		cpu: (machine.CPUSeconds(t.pids) - cpu) / n * 1000,
	}, nil
}

// send returns how long each reply to the final dot took.
func (t *target) send(l load) ([]time.Duration, error) {
	var next atomic.Int64
	times := make([]time.Duration, l.messages)
	errs := make([]error, l.sessions)
	var wg sync.WaitGroup
	for s := range l.sessions {
		wg.Go(func() {
			errs[s] = t.session(func() int { return int(next.Add(1)) - 1 }, l, times)
		})
	}
	wg.Wait()
	return times, errors.Join(errs...)
}

// session sends letters on one connection until take says there are no more.
func (t *target) session(take func() int, l load, times []time.Duration) error {
	c, err := dial(t.smtp)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, step := range []string{"", "EHLO bench.example\r\n"} {
		if err := c.say(step, "2"); err != nil {
			return err
		}
	}
	for {
		i := take()
		if i >= l.messages {
			return c.say("QUIT\r\n", "2")
		}
		for _, step := range [][2]string{
			{"MAIL FROM:<sender@elsewhere.example>\r\n", "250"},
			{"RCPT TO:<" + t.address(i%users) + ">\r\n", "250"},
			{"DATA\r\n", "354"},
		} {
			if err := c.say(step[0], step[1]); err != nil {
				return err
			}
		}
		start := time.Now()
		if err := c.say(letter(i, l.size, t.address(i%users)), "250"); err != nil {
			return err
		}
		times[i] = time.Since(start)
	}
}

// letter is letter number i with its final dot; exactly size octets without it.
func letter(i, size int, to string) string {
	var b strings.Builder
	b.Grow(size + 8)
	fmt.Fprintf(&b, "From: Sender <sender@elsewhere.example>\r\nTo: <%s>\r\nSubject: Letter number %d\r\n"+
		"Date: Mon, 23 Nov 2026 10:00:00 +0700\r\nMessage-ID: <%d.%d@elsewhere.example>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", to, i, i, time.Now().UnixNano())
	for line := 0; b.Len() < size-2; line++ {
		text := fmt.Sprintf("%06d the quick brown fox jumps over the lazy dog while %d rivers run", line, i)
		b.WriteString(text[:min(len(text), size-2-b.Len())])
		b.WriteString("\r\n")
	}
	b.WriteString(".\r\n")
	return b.String()
}

// conn is a connection with a reader of lines.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Minute))
	return &conn{c, bufio.NewReader(c)}, nil
}

// say sends text and reads one SMTP reply, which must begin with want.
func (c *conn) say(text, want string) error {
	if text != "" {
		if _, err := c.Write([]byte(text)); err != nil {
			return err
		}
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) > 3 && line[3] == '-' {
			continue
		}
		if !bytes.HasPrefix(line, []byte(want)) {
			return fmt.Errorf("%.40q was answered %q", text, line)
		}
		return nil
	}
}

// await polls until the mailboxes hold total letters.
func (t *target) await(total int) error {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); {
		n, err := t.count()
		if err != nil {
			return err
		}
		if n >= total {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the mailboxes did not fill to %d letters in ten minutes", total)
}

// count adds up the letters of all INBOXes.
func (t *target) count() (total int, err error) {
	if t.watchers == nil {
		for i := range users {
			w, err := t.login(i)
			if err != nil {
				return 0, err
			}
			t.watchers = append(t.watchers, w)
		}
	}
	for _, w := range t.watchers {
		n, err := w.messages()
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (t *target) login(i int) (*conn, error) {
	c, err := dial(t.imap)
	if err != nil {
		return nil, err
	}
	if _, err := c.in.ReadString('\n'); err != nil {
		return nil, err
	}
	_, err = c.command(fmt.Sprintf("LOGIN %s %s", t.address(i), t.password))
	return c, err
}

// messages asks for the number of letters in the INBOX.
func (c *conn) messages() (n int, err error) {
	lines, err := c.command("STATUS INBOX (MESSAGES)")
	if err != nil {
		return 0, err
	}
	for _, line := range lines {
		if _, rest, ok := strings.Cut(line, "(MESSAGES "); ok {
			_, err = fmt.Sscanf(rest, "%d", &n)
			return n, err
		}
	}
	return 0, fmt.Errorf("no STATUS in %q", lines)
}

// command sends one IMAP command and returns the untagged lines of its answer.
func (c *conn) command(text string) (lines []string, err error) {
	if _, err := c.Write([]byte("a " + text + "\r\n")); err != nil {
		return nil, err
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(line, "a ") {
			if !strings.HasPrefix(line, "a OK") {
				return nil, fmt.Errorf("%.20q was answered %q", text, line)
			}
			return lines, nil
		}
		lines = append(lines, line)
	}
}
