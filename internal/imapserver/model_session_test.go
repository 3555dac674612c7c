package imapserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"tem/internal/line"
)

func (w *world) newClient(n int) *client {
	c := &client{w: w, n: n, truth: pickOne(w.dice, w.accounts)}
	kinds := [][]string{nil, {"IMAP4rev2"}, {"CONDSTORE"}, {"QRESYNC"}, {"QRESYNC", "IMAP4rev2"}, {"UIDONLY"}, {"UIDONLY", "QRESYNC"}}
	c.enables = pickOne(w.dice, kinds)
	if n == 0 {
		c.enables = kinds[3]
	}
	c.connect()
	return c
}

// connect begins a session.
func (c *client) connect() {
	server := pickOne(c.w.dice, c.w.servers)
	near, far := net.Pipe()
	ended := make(chan struct{})
	ctx := context.WithoutCancel(c.w.t.Context())
	go func() {
		defer close(ended)
		server.Handle(ctx, line.NewConn(far, line.Server, server.Options()))
	}()
	c.w.t.Cleanup(func() { near.Close(); <-ended })
	c.nc, c.said, c.ended, c.dropped = near, make(chan *response, 4096), ended, false
	go readAll(near, c.said)
	c.rev2, c.modseqs, c.qresync, c.uidOnly = false, false, false, false
	c.w.note("%d -- connects", c.n)
	if r := c.read(); r.verb != "OK" {
		c.fail("greeting %s", r.text)
	}
	c.run(&order{text: `LOGIN ` + c.truth.user + ` "pass word"`})
	if len(c.enables) > 0 {
		c.run(c.enable(c.enables...))
	}
}

// readAll reads all the time, so that the server never waits for the client.
func readAll(nc net.Conn, said chan<- *response) {
	in := bufio.NewReader(nc)
	for {
		r, err := readResponse(in)
		if r.err = err; errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
			close(said)
			return
		}
		said <- &r
	}
}

// hangUp ends the session; what a client with QRESYNC knows it keeps.
func (c *client) hangUp() {
	c.leave()
	c.w.note("%d -- hangs up", c.n)
	c.nc.Close()
	<-c.ended
	c.idle = nil
}

// leave closes the mailbox in the client's mind.
func (c *client) leave() {
	if c.box != nil && c.qresync {
		c.memory = &remembered{c.box, c.high, c.nums, c.told}
	}
	c.box, c.nums, c.told, c.saved, c.horizon, c.heard, c.high, c.keywords = nil, nil, nil, nil, 0, 0, 0, 0
}

func (c *client) fail(format string, args ...any) {
	c.w.t.Helper()
	c.w.fail("session %d: "+format, append([]any{c.n}, args...)...)
}

func (c *client) send(text string) {
	for l := range strings.Lines(text) {
		c.w.note("%d C: %s", c.n, strings.TrimRight(l, "\r\n"))
	}
	c.wrote = make(chan error, 1)
	go func() {
		_, err := c.nc.Write([]byte(text))
		c.wrote <- err
	}()
}

// read returns the next response; at the end of the session it is one with no tag.
func (c *client) read() response {
	r, more := <-c.said
	switch {
	case !more && (c.box == nil || !c.box.deleted):
		c.fail("the server hung up")
	case !more:
		return response{}
	case r.err != nil:
		c.fail("%v in %q", r.err, r.text)
	}
	c.w.note("%d S: %s", c.n, strings.ReplaceAll(r.text, "\r\n", "~"))
	return *r
}

func (c *client) reconnect() {
	c.hangUp()
	c.connect()
}
