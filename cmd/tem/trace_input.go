package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"tem/internal/line"
)

// maxTyped bounds one line of the input.
const maxTyped = 1 << 20

// input is where the commands come from, and the tap that shows the dialogue
// beside them; done closes the script.
func (c *TraceCommand) input(ctx context.Context, std *streams, printer line.Tap) (input func(bool) (string, error), tap line.Tap, done func(), err error) {
	if c.Script != "" {
		f, err := os.Open(c.Script)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("--script: %w", err)
		}
		return lines(f), printer, func() { f.Close() }, nil
	}
	if isTerminal(std.in) && isTerminal(std.out) {
		p := newPrompt(ctx, std.in.(*os.File), std.out, printer)
		return p.line, p, func() {}, nil
	}
	return lines(std.in), printer, func() {}, nil
}

// lines reads a script or a pipe.
func lines(r io.Reader) func(bool) (string, error) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxTyped)
	return func(bool) (string, error) {
		if s.Scan() {
			return s.Text(), nil
		}
		if s.Err() != nil {
			return "", fmt.Errorf("read the commands: %w", s.Err())
		}
		return "", io.EOF
	}
}

// prompt is a person at a terminal: each line is asked for behind "Client : ",
// where the terminal itself shows what is typed, so that it is not printed
// again; the steps of a login are read without echo.
type prompt struct {
	line func(secret bool) (string, error)
	out  io.Writer
	tap  line.Tap

	mu     sync.Mutex
	asking bool // the prompt is shown and nothing is typed yet, as far as known
	echoed bool // the terminal has shown the line that is sent next
}

// promptText is as wide as the heads of all other lines, which are printed over it.
const promptText = "Client : "

func newPrompt(ctx context.Context, tty *os.File, out io.Writer, tap line.Tap) *prompt {
	p := &prompt{out: out, tap: tap}
	plain := lines(tty)
	p.line = func(secret bool) (string, error) {
		p.ask()
		defer p.answered(!secret)
		if secret {
			return readUnseen(ctx, int(tty.Fd()))
		}
		return plain(false)
	}
	return p
}

func (p *prompt) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking = true
	io.WriteString(p.out, promptText)
}

func (p *prompt) answered(echoed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asking, p.echoed = false, echoed
	if !echoed {
		io.WriteString(p.out, "\r")
	}
}

// Event prints an event, over the prompt if it stands there.
func (p *prompt) Event(e line.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.From == line.Client && p.echoed {
		p.echoed = e.Kind == line.Data // a stuffed line comes in pieces
		return
	}
	silent := e.Kind == line.Opened || e.Kind == line.Closed && len(e.Text) == 0
	if p.asking && !silent {
		io.WriteString(p.out, "\r")
	}
	p.tap.Event(e)
	if p.asking && !silent {
		io.WriteString(p.out, promptText)
	}
}
