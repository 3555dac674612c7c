package trust

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"

	"tem/internal/address"
	"tem/internal/dns"
	"tem/internal/throttle"
	"tem/internal/trust/arc"
	"tem/internal/trust/dkim"
	"tem/internal/trust/dmarc"
	"tem/internal/trust/dnsbl"
	"tem/internal/trust/iprev"
	"tem/internal/trust/spf"
)

// Client is who sends.
type Client struct {
	Addr    netip.Addr
	Hello   string // what it called itself
	Trusted bool   // it logged in, or is known otherwise: nothing is judged
}

// asks has the questions of the name servers count as caused by the client's network.
func (c *Client) asks(ctx context.Context) context.Context {
	return dns.OnBehalf(ctx, throttle.Network(c.Addr))
}

// Visit is one client's connection, after its greeting. It is for many
// messages, one after the other.
type Visit struct {
	judge  *Judge
	client Client
	iprev  *task[iprev.Result]
	hello  *task[spf.Outcome]
	lists  *task[[]dnsbl.Result]
	crowd  atomic.Bool // a question about the client was not asked: too many were under way
}

// Visit begins the checks of the client.
func (j *Judge) Visit(ctx context.Context, c Client) *Visit {
	c.Trusted = c.Trusted || j.trusts(c.Addr)
	v := &Visit{judge: j, client: c}
	if c.Trusted {
		return v
	}
	ctx = dns.NoteTurnedAway(c.asks(ctx), &v.crowd)
	v.iprev = begin(ctx, j.options.Timeout, func(ctx context.Context) iprev.Result {
		return iprev.Check(ctx, j.resolver, c.Addr)
	})
	v.hello = begin(ctx, j.options.Timeout, func(ctx context.Context) spf.Outcome {
		return spf.CheckHello(ctx, j.resolver, v.query(""))
	})
	if len(j.zones) > 0 {
		v.lists = begin(ctx, j.options.Timeout, func(ctx context.Context) []dnsbl.Result {
			return dnsbl.Check(ctx, j.resolver, j.zones, c.Addr)
		})
	}
	return v
}

func (v *Visit) query(path string) spf.Query {
	o := &v.judge.options
	return spf.Query{IP: v.client.Addr, Hello: v.client.Hello, Sender: path, Receiver: o.Hostname, Now: o.Now(), Detail: o.Detail}
}

// Exam is the examination of one message. It is for one goroutine.
type Exam struct {
	visit   *Visit
	path    string
	message *dkim.Message
	dkim    *dkim.Verification
	chain   *arc.Chain
	spf     *task[spf.Outcome] // nil for the null path: it is that of the greeting
	policy  *task[*dmarc.Discovery]
	author  *dmarc.Result // instead of policy: there is no one author domain
	verdict *Verdict
	sealing *arc.Sealing // nil: it is not to be sealed
	crowd   atomic.Bool  // a question about the message was not asked: too many were under way
}

// From begins a message with its return path, local@domain or "" for the null
// path. The message is then written to the Exam, exactly as it came.
func (v *Visit) From(ctx context.Context, returnPath string) *Exam {
	e := &Exam{visit: v, path: returnPath}
	if v.client.Trusted {
		return e
	}
	ctx = e.asks(ctx)
	j := v.judge
	if returnPath != "" {
		e.spf = begin(ctx, j.options.Timeout, func(ctx context.Context) spf.Outcome {
			return spf.Check(ctx, j.resolver, v.query(returnPath))
		})
	}
	e.message = dkim.NewMessage()
	e.dkim = j.verifier.Watch(ctx, e.message)
	e.chain = arc.Watch(ctx, j.verifier, e.message, arc.Options{})
	e.message.Watch(func(*dkim.Message) { e.begin(ctx) })
	return e
}

// asks is Client.asks, and notes what could not be asked.
func (e *Exam) asks(ctx context.Context) context.Context {
	return dns.NoteTurnedAway(e.visit.client.asks(ctx), &e.crowd)
}

// Seal has the message sealed (ARC) for those that it is passed on to. It is
// for before the first Write; what nobody judges is not sealed.
func (e *Exam) Seal(key dkim.Key) (err error) {
	if e.message != nil {
		e.sealing, err = arc.NewSealing(e.message, key, arc.SealOptions{Now: e.visit.judge.options.Now})
	}
	return err
}

// Sealed returns the fields of the seal, to be put in front of the message;
// nothing without Seal, nor where the chain was broken before it came here.
func (e *Exam) Sealed(ctx context.Context, host string) ([]byte, error) {
	if e.sealing == nil {
		return nil, nil
	}
	v := e.Verdict(ctx)
	_, results, _ := strings.Cut(string(v.AuthenticationResults(host)), ":")
	return e.sealing.Fields(v.ARC.Status, results)
}

// Write takes a piece of the message. It takes everything and never fails.
func (e *Exam) Write(p []byte) (int, error) {
	if e.message == nil {
		return len(p), nil
	}
	return e.message.Write(p)
}

// begin looks for the author's policy once the header is there.
func (e *Exam) begin(ctx context.Context) {
	domain, author := Author(e.message)
	if e.author = author; author != nil {
		return
	}
	j := e.visit.judge
	e.policy = begin(ctx, j.options.Timeout, func(ctx context.Context) *dmarc.Discovery {
		return dmarc.Discover(ctx, j.resolver, domain)
	})
}

// Author is the one domain in From of a message whose header is complete. Without one, the result is what to say instead.
func Author(m *dkim.Message) (string, *dmarc.Result) {
	header, err := m.Header()
	if err != nil { // it may well name somebody, to programs that read it
		return "", &dmarc.Result{Value: dmarc.PermError, Apply: dmarc.PolicyNone, Reason: err.Error()}
	}
	var fields []string
	for _, f := range header {
		if f.Is("From") {
			fields = append(fields, strings.TrimSpace(string(f.Value())))
		}
	}
	return dmarc.Author(fields)
}

// Verdict ends the message and waits for all that was begun, at most as long as ctx lets it.
func (e *Exam) Verdict(ctx context.Context) *Verdict {
	if e.verdict != nil {
		return e.verdict
	}
	v := &Verdict{Client: e.visit.client, ReturnPath: e.path}
	e.verdict = v
	if e.visit.client.Trusted {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, e.visit.judge.options.Timeout)
	defer cancel()
	e.message.Close()
	e.collect(ctx, v)
	e.judge(e.asks(ctx), v)
	v.crowded = e.crowd.Load() || e.path == "" && e.visit.crowd.Load() // then SPF is that of the client
	v.decide(&e.visit.judge.options)
	return v
}

// collect waits for the results of the checks.
func (e *Exam) collect(ctx context.Context, v *Verdict) {
	const late = "there was no answer in time"
	c := e.visit.client
	v.IPRev = e.visit.iprev.wait(ctx, iprev.Result{Value: iprev.TempError, Addr: c.Addr, Reason: late})
	v.Hello = e.visit.hello.wait(ctx, spf.Outcome{Identity: "helo", Domain: c.Hello, IP: c.Addr, Result: spf.TempError, Reason: late})
	v.SPF = v.Hello
	if e.spf != nil {
		domain := e.path[strings.LastIndexByte(e.path, '@')+1:]
		v.SPF = e.spf.wait(ctx, spf.Outcome{Identity: "mailfrom", Sender: e.path, Domain: domain, IP: c.Addr, Result: spf.TempError, Reason: late})
	}
	if e.visit.lists != nil {
		v.Lists = e.visit.lists.wait(ctx, nil)
	}
	v.DKIM = e.dkim.Results(ctx)
	v.ARC = e.chain.Result(ctx)
}

// judge comes to the DMARC result.
func (e *Exam) judge(ctx context.Context, v *Verdict) {
	if e.author != nil {
		v.DMARC = e.author
		return
	}
	d := e.policy.wait(ctx, nil)
	if d == nil {
		v.DMARC = &dmarc.Result{Value: dmarc.TempError, Apply: dmarc.PolicyNone, Reason: "the author's policy was not found in time"}
		return
	}
	v.DMARC = d.Evaluate(ctx, e.visit.judge.resolver, Identifiers(&v.SPF, v.DKIM))
}

// Identifiers are what SPF (nil: it was not checked) and DKIM verified, or
// could not verify for now, in the form that DMARC takes.
func Identifiers(o *spf.Outcome, signatures []dkim.Result) []dmarc.Identifier {
	ids := make([]dmarc.Identifier, 0, 1+len(signatures))
	if o != nil {
		if domain, err := address.Domain(o.Domain); err == nil {
			ids = append(ids, dmarc.Identifier{Method: "spf", Domain: domain, Pass: o.Result == spf.Pass, Temporary: o.Result == spf.TempError})
		}
	}
	for i := range signatures {
		r := &signatures[i]
		if r.Domain != "" {
			// RFC 6376 §3.6.1: a key in testing (t=y) is as good as none. §8.2: what
			// stands behind l= anybody can have written, and it can hide what is before.
			pass := r.Status == dkim.Pass && !r.Testing && r.Unsigned == 0
			ids = append(ids, dmarc.Identifier{Method: "dkim", Domain: r.Domain, Pass: pass, Temporary: r.Status == dkim.TempError})
		}
	}
	return ids
}
