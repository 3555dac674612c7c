package main

import (
	"context"

	"tem/internal/dns"
	"tem/internal/trust/arc"
	"tem/internal/trust/dkim"
)

// CheckDKIMCommand verifies the signatures of a message.
type CheckDKIMCommand struct {
	File string `arg:"" help:"The message; - for standard input."`
	checkFlags
}

func (CheckDKIMCommand) Help() string {
	return `Examples:
  tem check dkim letter.eml
  tem mail source 7 | tem check dkim - --json
  tem check dkim letter.eml --zone keys.zone

Exit codes: 0 a signature passes or there is none, 1 none passes, 2 a mistake in the command.`
}

// Run verifies.
func (c *CheckDKIMCommand) Run(ctx context.Context, std *streams) error {
	text, err := readLetter(c.File, std.in)
	if err != nil {
		return usageError{err}
	}
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		rep.Check = "dkim"
		results, _ := verifyDKIM(ctx, r, text)
		rep.Verdict, rep.Reason = rep.dkim(results)
		return nil
	})
}

// verifyDKIM verifies a whole message.
func verifyDKIM(ctx context.Context, r *dns.Resolver, text []byte) ([]dkim.Result, *dkim.Message) {
	v := dkim.NewVerifier(r, dkim.Options{Detail: true}).Verify(ctx)
	v.Write(text)
	v.Close()
	return v.Results(ctx), v.Message
}

// dkim adds the steps of each signature, and returns the best result.
func (r *checkReport) dkim(results []dkim.Result) (verdict, reason string) {
	r.Signatures = make([]checkSignature, 0, len(results))
	if len(results) == 0 {
		r.step("signatures", "there are none")
		return string(dkim.None), "the message is not signed"
	}
	verdict, reason = string(results[0].Status), results[0].String()
	for i := range results {
		f := &results[i]
		r.Signatures = append(r.Signatures, checkSignature{f.Domain, f.Selector, f.Algorithm, string(f.Status), f.Reason})
		for _, s := range f.Steps() {
			r.step(s.What, "%s", s.Found)
		}
		if results[i].Status == dkim.Pass && verdict != string(dkim.Pass) {
			verdict, reason = string(dkim.Pass), results[i].String()
		}
	}
	return verdict, reason
}

// CheckARCCommand verifies the chain of a message.
type CheckARCCommand struct {
	File string `arg:"" help:"The message; - for standard input."`
	checkFlags
}

func (CheckARCCommand) Help() string {
	return `Examples:
  tem check arc letter.eml
  tem check arc letter.eml --zone keys.zone --json

Exit codes: 0 the chain passes or there is none, 1 it is broken, 2 a mistake in the command.`
}

// Run verifies.
func (c *CheckARCCommand) Run(ctx context.Context, std *streams) error {
	text, err := readLetter(c.File, std.in)
	if err != nil {
		return usageError{err}
	}
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		m := dkim.NewMessage()
		chain := arc.Watch(ctx, dkim.NewVerifier(r, dkim.Options{Detail: true}), m, arc.Options{OldestPass: true})
		m.Write(text)
		m.Close()
		res := chain.Result(ctx)
		rep.Check, rep.Verdict, rep.Reason = "arc", string(res.Status), res.String()
		for _, s := range res.Steps() {
			rep.step(s.What, "%s", s.Found)
		}
		return nil
	})
}
