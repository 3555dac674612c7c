package main

import (
	"context"
	"io"

	"tem/internal/control"
)

type domainCommand struct {
	Add    domainAdd    `cmd:"" help:"Make a domain ours."`
	List   domainList   `cmd:"" help:"List the domains."`
	Remove domainRemove `cmd:"" help:"Give up a domain that has no accounts, aliases or groups left."`
}

func (domainCommand) Help() string {
	return `Examples:
  tem domain add hanoi.example
  tem domain list`
}

type domainAdd struct {
	adminFlags
	Name string `arg:"" help:"The domain, hanoi.example."`
}

func (c *domainAdd) Run(ctx context.Context, env *adminEnv) error {
	req := control.Domain{Name: c.Name}
	err := c.ask(ctx, env, control.Call{Verb: "domain.add", Request: req})
	return c.say(env, err, req, "added the domain %s\n", c.Name)
}

type domainList struct{ adminFlags }

func (c *domainList) Run(ctx context.Context, env *adminEnv) error {
	var resp control.Domains
	err := c.ask(ctx, env, control.Call{Verb: "domain.list", Request: control.Nothing{}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) {
		for _, name := range resp.Domains {
			tableRow(w, name)
		}
	})
}

type domainRemove struct {
	adminFlags
	Name string `arg:"" help:"The domain."`
}

func (c *domainRemove) Run(ctx context.Context, env *adminEnv) error {
	req := control.Domain{Name: c.Name}
	err := c.ask(ctx, env, control.Call{Verb: "domain.remove", Request: req})
	return c.say(env, err, req, "removed the domain %s\n", c.Name)
}
