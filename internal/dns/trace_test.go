package dns

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// oneStep answers as a server that tells of an alias but not of what it stands for.
func oneStep(z zone) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		reply := z.reply(q)
		if len(reply.Answer) > 1 {
			reply.Answer = reply.Answer[:1]
		}
		reply.AuthenticatedData = z.signed(dns.CanonicalName(q.Question[0].Name))
		send(w, q, reply)
	}
}

func stepText(s Step) string {
	err := ""
	switch {
	case errors.Is(s.Err, ErrNotFound):
		err = "not found"
	case errors.Is(s.Err, ErrTemporary):
		err = "temporary"
	}
	return fmt.Sprintf("%s %s %q %s cached=%v ad=%v", s.Kind, s.Name, s.Answer, err, s.Cached, s.Authenticated)
}

func TestTrace(t *testing.T) {
	t.Parallel()
	z, err := parseZone(signedZone)
	if err != nil {
		t.Fatal(err)
	}
	bad := serveHandler(t, func(w dns.ResponseWriter, q *dns.Msg) {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
	})
	good := serveHandler(t, oneStep(z))
	r := NewResolver(bad, good)
	var steps, servers []string
	ctx := WithTrace(t.Context(), func(s Step) {
		steps = append(steps, stepText(s))
		servers = append(servers, s.Server)
	})
	r.A(ctx, "OUT.signed.example")
	r.A(ctx, "out.signed.example.")
	r.TXT(ctx, "signed.example")
	want := []string{
		`A out.signed.example [] temporary cached=false ad=false`,
		`A out.signed.example ["CNAME mx.plain.example."]  cached=false ad=true`,
		`A mx.plain.example [] temporary cached=false ad=false`,
		`A mx.plain.example ["192.0.2.2"]  cached=false ad=false`,
		`A out.signed.example ["192.0.2.2"]  cached=true ad=false`,
		`TXT signed.example [] temporary cached=false ad=false`,
		`TXT signed.example [] not found cached=false ad=true`,
	}
	if !slices.Equal(steps, want) {
		t.Errorf("steps\n%q\nwant\n%q", steps, want)
	}
	if want := []string{bad, good, bad, good, "", bad, good}; !slices.Equal(servers, want) {
		t.Errorf("servers %q, want %q", servers, want)
	}
}

func TestTraceOfZone(t *testing.T) {
	t.Parallel()
	r, err := ZoneResolver(labZone...)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	ctx := WithTrace(t.Context(), func(s Step) { steps = append(steps, stepText(s)) })
	r.Addresses(ctx, "www.hanoi.example")
	r.MX(ctx, "no.example")
	want := []string{
		`AAAA www.hanoi.example ["CNAME web.hanoi.example." "CNAME mx.hanoi.example." "::1"]  cached=false ad=false`,
		`A www.hanoi.example ["CNAME web.hanoi.example." "CNAME mx.hanoi.example." "127.0.0.1"]  cached=false ad=false`,
		`MX no.example [] not found cached=false ad=false`,
	}
	if !slices.Equal(steps, want) {
		t.Errorf("steps\n%q\nwant\n%q", steps, want)
	}
}
