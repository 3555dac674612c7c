package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
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
	letters, err := t.letters(l.size)
	if err != nil {
		return result{}, err
	}
	cpu := machine.CPUSeconds(t.pids)
	start := time.Now()
	times, err := t.send(l, letters)
	if err != nil {
		return result{}, err
	}
	accepted := time.Since(start)
	if err := t.await(before + l.messages); err != nil {
		return result{}, err
	}
	visible := time.Since(start)
	n := float64(l.messages)
	r := result{
		accepted: n / accepted.Seconds(), visible: n / visible.Seconds(),
		memory: mb(machine.Memory(t.pids).PSS),
		cpu:    (t.rest() - cpu) / n * 1000,
	}
	if len(times) > 0 {
		slices.Sort(times)
		r.p50, r.p99 = times[len(times)/2], times[len(times)*99/100]
	}
	return r, nil
}

// rest waits until the server has done what it left for later, so that this is
// counted too and in nobody else's time, and returns its CPU seconds so far.
func (t *target) rest() (cpu float64) {
	const look, quiet, limit = 500 * time.Millisecond, 4, 120 // quiet: looks without work, one after the other
	cpu = machine.CPUSeconds(t.pids)
	for looks, still := 0, 0; looks < limit && still < quiet; looks++ {
		time.Sleep(look)
		now := machine.CPUSeconds(t.pids)
		if still++; now-cpu > 0.05*look.Seconds() {
			still = 0
		}
		cpu = now
	}
	return cpu
}

// send returns how long each reply to the final dot took, as far as it is known.
func (t *target) send(l load, letters letters) ([]time.Duration, error) {
	if l.source {
		return nil, t.smtpSource(l)
	}
	var next atomic.Int64
	times := make([]time.Duration, l.messages)
	errs := make([]error, l.sessions)
	var wg sync.WaitGroup
	for s := range l.sessions {
		wg.Go(func() {
			errs[s] = t.session(func() int { return int(next.Add(1)) - 1 }, letters, times)
		})
	}
	wg.Wait()
	return times, errors.Join(errs...)
}

// smtpSource has Postfix's generator send, all to the first mailbox.
func (t *target) smtpSource(l load) error {
	out, err := exec.Command("smtp-source", "-d", "-s", strconv.Itoa(l.sessions), "-m", strconv.Itoa(l.messages), "-l", strconv.Itoa(l.size),
		"-M", clientName, "-f", plainSender, "-t", t.address(0), t.smtp).CombinedOutput()
	if err != nil {
		return fmt.Errorf("smtp-source: %w: %s", err, out)
	}
	return nil
}

// session sends letters on one connection until take says there are no more.
func (t *target) session(take func() int, letters letters, times []time.Duration) error {
	c, err := dial(t.smtp)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, step := range []string{"", "EHLO " + clientName + "\r\n"} {
		if err := c.say(step, "2"); err != nil {
			return err
		}
	}
	var text []byte
	for {
		i := take()
		if i >= len(times) {
			return c.say("QUIT\r\n", "2")
		}
		to := t.address(i % users)
		text = letters.letter(text[:0], i, to)
		if err := c.envelope("<"+letters.from(i)+">", to); err != nil {
			return err
		}
		start := time.Now()
		if err := c.send(text, "250"); err != nil {
			return err
		}
		times[i] = time.Since(start)
	}
}

// envelope says all that goes before the text, command by command; from may
// have parameters.
func (c *conn) envelope(from, to string) error {
	for _, step := range [][2]string{
		{"MAIL FROM:" + from + "\r\n", "250"},
		{"RCPT TO:<" + to + ">\r\n", "250"},
		{"DATA\r\n", "354"},
	} {
		if err := c.say(step[0], step[1]); err != nil {
			return err
		}
	}
	return nil
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
func (c *conn) say(text, want string) error { return c.send([]byte(text), want) }

func (c *conn) send(text []byte, want string) error {
	if len(text) > 0 {
		if _, err := c.Write(text); err != nil {
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
