package imapserver

import (
	"fmt"
	"slices"
	"strings"
)

// order is one command that a client gives.
type order struct {
	text    string
	numbers bool // the answer has numbers: no EXPUNGE (RFC 9051 §7.5.1)
	expunge bool // EXPUNGE and MOVE tell at once what is gone
	moves   bool // EXPUNGE and MOVE, also where they are refused
	opens   bool // SELECT and what closes: nothing of the mailbox before is told
	// happen says what the command does to what is there, and to what the client
	// expects; it is called once the answer is there, before any of it is heard.
	happen func(a *answer)
	check  func(a *answer) // after it was heard; nil: nothing more
	want   string          // the status; "": OK
}

// answer is what the server said to a command.
type answer struct {
	tag       string
	last      response // the tagged one
	responses []response
}

func (a *answer) ok() bool { return a.last.verb == "OK" }

// untagged are the responses of that kind.
func (a *answer) untagged(verb string) (list []response) {
	for _, r := range a.responses {
		if r.verb == verb {
			list = append(list, r)
		}
	}
	return list
}

// run gives one order and takes in the answer.
func (c *client) run(o *order) {
	c.runAll([]*order{o})
}

// write sends orders and returns their tags.
func (c *client) write(orders []*order) (tags []string) {
	var text strings.Builder
	for _, o := range orders {
		c.tags++
		tags = append(tags, fmt.Sprint("t", c.tags))
		fmt.Fprintf(&text, "t%d %s\r\n", c.tags, o.text)
	}
	c.send(text.String())
	return tags
}

// runAll gives orders in one write; they are answered in turn.
func (c *client) runAll(orders []*order) {
	tags := c.write(orders)
	for i, o := range orders {
		a := &answer{tag: tags[i]}
		for a.last.tag == "" && !c.dropped {
			switch r := c.read(); r.tag {
			case tags[i]:
				a.last = r
			case "*":
				a.responses = append(a.responses, r)
			case "":
				c.dropped = true
			default:
				c.fail("expected %s, got %s", tags[i], r.text)
			}
		}
		if !c.dropped {
			c.take(o, a, i == len(orders)-1)
		}
	}
	c.afterBye()
}

// runTogether gives orders in one write that may be answered in any order, and
// must agree with all that is said meanwhile.
func (c *client) runTogether(orders []*order) {
	var all []response
	answers := make([]*answer, len(orders))
	for i, tag := range c.write(orders) {
		answers[i] = &answer{tag: tag}
	}
	for range orders {
		r := c.read()
		for ; r.tag == "*"; r = c.read() {
			all = append(all, r)
		}
		i := slices.IndexFunc(answers, func(a *answer) bool { return a.tag == r.tag && a.last.tag == "" })
		if i < 0 {
			c.fail("no such tag: %s", r.text)
		}
		answers[i].last = r
	}
	for i, o := range orders {
		a := answers[i]
		if want := or(o.want, "OK"); want != "?" && a.last.verb != want {
			c.fail("%s: %s, expected %s", o.text, a.last.text, want)
		}
		if o.happen != nil {
			o.happen(a)
		}
	}
	for i := range all {
		c.hear(&all[i], nil)
	}
	for i, o := range orders {
		if answers[i].responses = all; o.check != nil {
			o.check(answers[i])
		}
	}
	c.settle(true)
	c.afterBye()
}

// take takes in an answer.
func (c *client) take(o *order, a *answer, last bool) {
	box := c.box
	lost := box != nil && box.deleted && !o.opens // then anything of it may fail
	if want := or(o.want, "OK"); want != "?" && a.last.verb != want && !lost {
		c.fail("%s: %s, expected %s", o.text, a.last.text, want)
	}
	rest := a.responses
	if o.opens && box != nil {
		rest = c.hearBefore(o, rest)
	}
	if o.happen != nil && (a.ok() || !lost) {
		o.happen(a)
	}
	for i := range rest {
		c.hear(&rest[i], o)
	}
	if a.ok() {
		c.hearCode(&a.last)
	}
	if _, is := a.last.codeIs("HIGHESTMODSEQ"); is && c.box != nil {
		c.noteHighest(&a.last)
	}
	if c.box != nil && c.box.deleted && !o.opens && !c.dropped {
		c.fail("%s: the mailbox was deleted, and nothing said", o.text)
	}
	if o.check != nil && !c.dropped {
		o.check(a)
	}
	c.settle(o.expunge || last && !o.numbers)
}

// hearBefore takes in what is said of the mailbox that is being closed, and
// returns what follows CLOSED (RFC 9051 §7.1).
func (c *client) hearBefore(o *order, list []response) []response {
	for i := range list {
		if list[i].code == "CLOSED" {
			return list[i+1:]
		}
		c.hear(&list[i], o)
	}
	return nil
}

// afterBye begins anew after the server ended the session.
func (c *client) afterBye() {
	if <-c.wrote; c.dropped {
		c.reconnect()
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
