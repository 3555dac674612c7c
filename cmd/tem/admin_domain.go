package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tem/internal/config"
	"tem/internal/control"
)

type domainCommand struct {
	Add    domainAdd    `cmd:"" help:"Make a domain ours."`
	List   domainList   `cmd:"" help:"List the domains."`
	Set    domainSet    `cmd:"" help:"Limit what the accounts of a domain may keep together."`
	DKIM   dkimCommand  `cmd:"" name:"dkim" help:"The keys that sign for a domain."`
	Remove domainRemove `cmd:"" help:"Give up a domain that has no accounts, aliases or groups left."`
}

func (domainCommand) Help() string {
	return `Examples:
  tem domain add hanoi.example
  tem domain set hanoi.example --quota 500G
  tem domain set hanoi.example --quota 0       no limit
  tem domain dkim list hanoi.example          what to publish
  tem domain list`
}

type domainAdd struct {
	adminFlags
	Name string `arg:"" help:"The domain, hanoi.example."`
}

func (c *domainAdd) Run(ctx context.Context, env *adminEnv) error {
	resp := struct {
		control.Domain
		control.Keys
	}{Domain: control.Domain{Name: c.Name}}
	err := c.ask(ctx, env, control.Call{Verb: "domain.add", Request: resp.Domain, Response: &resp.Keys})
	return c.say(env, err, resp, "added the domain %s\nits mail is signed; publish the keys: tem domain dkim list %[1]s\n", c.Name)
}

type domainList struct{ adminFlags }

func (c *domainList) Run(ctx context.Context, env *adminEnv) error {
	var resp control.Domains
	err := c.ask(ctx, env, control.Call{Verb: "domain.list", Request: control.Nothing{}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) {
		quotas := make(map[string]control.DomainQuota)
		for _, q := range resp.Quotas {
			quotas[q.Domain] = q
		}
		for _, name := range resp.Domains {
			if q, limited := quotas[name]; limited {
				tableRow(w, name, usageText(q))
			} else {
				tableRow(w, name)
			}
		}
	})
}

// usageText is what a domain uses of what it may use.
func usageText(q control.DomainQuota) string {
	var parts []string
	if q.BytesLimit > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", sizeText(q.Bytes), config.Size(q.BytesLimit)))
	}
	if q.MessagesLimit > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d messages", q.Messages, q.MessagesLimit))
	}
	return strings.Join(parts, ", ")
}

type domainSet struct {
	adminFlags
	Name     string       `arg:"" help:"The domain."`
	Quota    *config.Size `placeholder:"SIZE" help:"How much mail its accounts may keep together: 500G; 0 is no limit."`
	Messages *int64       `placeholder:"N" help:"How many messages its accounts may keep together; 0 is no limit."`
}

func (c *domainSet) Run(ctx context.Context, env *adminEnv) error {
	if c.Quota == nil && c.Messages == nil {
		return usagef("domain set %s: nothing to change: give --quota or --messages", c.Name)
	}
	if c.Messages != nil && *c.Messages < 0 {
		return usagef("--messages %d: it may not be negative", *c.Messages)
	}
	bar := &progressBar{w: env.Err, what: "accounts", on: isTerminal(env.Err)}
	var resp control.DomainQuota
	err := c.ask(ctx, env, control.Call{
		Verb:     "domain.set",
		Request:  control.DomainSet{Name: c.Name, Bytes: (*int64)(c.Quota), Messages: c.Messages},
		Response: &resp, Progress: bar.show,
	})
	bar.clear()
	if usageText(resp) == "" {
		return c.say(env, err, resp, "changed the domain %s: no limit\n", resp.Domain)
	}
	return c.say(env, err, resp, "changed the domain %s: %s\n", resp.Domain, usageText(resp))
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
