package arc

import (
	"context"
	"errors"
	"fmt"

	"tem/internal/trust/dkim"
)

// Options of a verification; the zero value is what a server wants.
type Options struct {
	OldestPass bool // also verify older message signatures, to tell which is the oldest that holds (§5.2, step 5)
}

// Chain is the verification of one message's chain. Like dkim.Message it is
// for one goroutine.
type Chain struct {
	message  *dkim.Message
	verifier *dkim.Verifier
	options  Options
	sets     []set
	err      error         // of the form
	messages []*dkim.Check // by instance; nil where it is not verified
	seals    []*dkim.Check
}

// Watch begins to verify the chain of a message that others watch as well.
// Look-ups end with ctx.
func Watch(ctx context.Context, v *dkim.Verifier, m *dkim.Message, o Options) *Chain {
	c := &Chain{message: m, verifier: v, options: o}
	m.Watch(func(*dkim.Message) { c.begin(ctx) })
	return c
}

// begin reads the sets and asks for what their signatures need.
func (c *Chain) begin(ctx context.Context) {
	header, err := c.message.Header()
	if err != nil {
		c.err = err
		return
	}
	if c.sets, c.err = collect(header); c.err != nil {
		return
	}
	c.messages = make([]*dkim.Check, len(c.sets))
	c.seals = make([]*dkim.Check, len(c.sets))
	for i := len(c.sets) - 1; i >= 0; i-- { // the newest is needed first
		s := &c.sets[i]
		if i == len(c.sets)-1 || c.options.OldestPass {
			c.messages[i] = c.check(ctx, s.message, s.messageErr)
		}
		c.seals[i] = c.check(ctx, s.seal, s.sealErr)
		c.seals[i].Over(func(dst []byte) []byte {
			return s.seal.AppendUnsigned(appendSets(dst, c.sets[:i+1]), dkim.Relaxed)
		})
	}
}

func (c *Chain) check(ctx context.Context, s *dkim.Signature, err error) *dkim.Check {
	if err == nil {
		err = c.verifier.Acceptable(s)
	}
	return c.verifier.Check(ctx, c.message, s, err)
}

// appendSets adds what a seal covers: the sets from the oldest on, without the
// seal of the newest, which is the one in question (§5.1.1).
func appendSets(dst []byte, sets []set) []byte {
	for i, s := range sets {
		dst = s.results.AppendRelaxed(dst)
		dst = s.message.Field.AppendRelaxed(dst)
		if i < len(sets)-1 {
			dst = s.seal.Field.AppendRelaxed(dst)
		}
	}
	return dst
}

// Result waits for the keys and verifies (§5.2). The message must be complete.
func (c *Chain) Result(ctx context.Context) Result {
	c.message.Close()
	r := Result{Status: dkim.None, Sets: c.describe()}
	if c.err == nil && len(c.sets) == 0 {
		return r
	}
	r.Status = dkim.Pass
	if err := c.verify(ctx, &r); err != nil {
		r.Status, r.Reason = dkim.Fail, err.Error()
	}
	return r
}

// describe tells the sets as they stand.
func (c *Chain) describe() []Set {
	sets := make([]Set, len(c.sets))
	for i, s := range c.sets {
		sets[i] = Set{Instance: i + 1, CV: s.cv}
		if s.results != nil {
			_, sets[i].Results, _ = resultsInstance(string(s.results.Value()))
		}
		if s.message != nil {
			sets[i].Message.Domain, sets[i].Message.Selector = s.message.Domain, s.message.Selector
		}
		if s.seal != nil {
			sets[i].Seal.Domain, sets[i].Seal.Selector = s.seal.Domain, s.seal.Selector
		}
	}
	return sets
}

// verify is steps 4 to 6 of §5.2, up to the first failure.
func (c *Chain) verify(ctx context.Context, r *Result) error {
	if c.err != nil {
		return c.err
	}
	newest := len(c.sets) - 1
	r.Sets[newest].Message = c.messages[newest].Result(ctx)
	if err := r.failed(&r.Sets[newest].Message, newest, "message signature"); err != nil {
		return err
	}
	if c.options.OldestPass {
		r.OldestPass = c.oldestPass(ctx, r)
	}
	for i := newest; i >= 0; i-- {
		r.Sets[i].Seal = c.seals[i].Result(ctx)
		if err := r.failed(&r.Sets[i].Seal, i, "seal"); err != nil {
			return err
		}
	}
	return nil
}

// failed is why one signature of the chain breaks it, nil if it passes.
func (r *Result) failed(s *dkim.Result, i int, what string) error {
	if s.Status == dkim.Pass && s.Unsigned > 0 { // RFC 6376 §8.2
		return errors.New("the message has text that the newest message signature does not cover (l=)")
	}
	if s.Status == dkim.Pass {
		return nil
	}
	r.Temporary = s.Status == dkim.TempError // §5.2.1: but no less final
	return fmt.Errorf("the %s of set %d (%s): %s", what, i+1, s.Domain, s.Reason)
}

// oldestPass is §5.2, step 5.
func (c *Chain) oldestPass(ctx context.Context, r *Result) int {
	for i := len(c.sets) - 2; i >= 0; i-- {
		r.Sets[i].Message = c.messages[i].Result(ctx)
		if r.Sets[i].Message.Status != dkim.Pass {
			return i + 2
		}
	}
	return 0
}
