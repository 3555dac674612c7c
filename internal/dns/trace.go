package dns

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Step is one question as it was asked of one server, or answered from memory.
type Step struct {
	Kind          Kind
	Name          string        // without a final dot
	Answer        []string      // the records as zone files write them, without names and TTLs; those of another kind with that
	Err           error         // ErrNotFound, ErrTemporary
	Server        string        // host:port; "" for memory and for a zone in this process
	Cached        bool          // answered from memory
	Authenticated bool          // by the word of a trusted server
	Took          time.Duration // until the answer came
}

type traceKey struct{}

// WithTrace makes every question asked under ctx be told, in the order of
// answers. Calls of tell do not overlap.
func WithTrace(ctx context.Context, tell func(Step)) context.Context {
	var mu sync.Mutex
	return context.WithValue(ctx, traceKey{}, func(s Step) {
		mu.Lock()
		defer mu.Unlock()
		tell(s)
	})
}

// tracer is who is told of the steps under ctx; nil: nobody.
func tracer(ctx context.Context) func(Step) {
	tell, _ := ctx.Value(traceKey{}).(func(Step))
	return tell
}

// attempt is a Step before anybody wants to read it.
type attempt struct {
	question question
	server   string
	reply    *dns.Msg // nil: err says why
	err      error
	took     time.Duration
}

// tell tells the step to whoever traces ctx.
func (a attempt) tell(ctx context.Context) {
	tell := tracer(ctx)
	if tell == nil {
		return
	}
	s := Step{Kind: Kind(a.question.kind), Name: a.question.name, Server: a.server, Err: a.err, Took: a.took}
	if a.reply != nil {
		s.Authenticated = a.reply.AuthenticatedData
		s.Answer = recordTexts(a.reply.Answer, a.question.kind)
		if len(s.Answer) == 0 || a.reply.Rcode == dns.RcodeNameError {
			s.Err = ErrNotFound
		}
	}
	tell(s)
}

// tellRemembered tells that a question was answered from memory.
func tellRemembered(ctx context.Context, q question, a answer) {
	if tell := tracer(ctx); tell != nil {
		tell(Step{
			Kind: Kind(q.kind), Name: q.name, Answer: recordTexts(a.records, q.kind),
			Err: a.err, Cached: true, Authenticated: a.authenticated,
		})
	}
}

func recordTexts(records []dns.RR, kind uint16) []string {
	var texts []string
	for _, rr := range records {
		text := strings.TrimPrefix(rr.String(), rr.Header().String())
		if t := rr.Header().Rrtype; t != kind {
			text = Kind(t).String() + " " + text
		}
		texts = append(texts, text)
	}
	return texts
}
