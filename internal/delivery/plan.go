package delivery

import (
	"context"
	"fmt"
	"slices"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// plan is where one message goes: each account once, each remote address once.
type plan struct {
	local   []local
	remote  []queue.Recipient
	refused []queue.Recipient
	seen    map[string]bool // keys of remote, and ids of local

	leads map[string][]string   // by the key of a recipient: those of seen that it stands for
	lost  map[string]dsn.Status // of seen, who were refused after all
}

// local is an account and the recipient that stood for it.
type local struct {
	account directory.Account
	rcpt    address.Address
}

// plan resolves the recipients of an envelope.
func (d *Delivery) plan(ctx context.Context, e *Envelope) (*plan, error) {
	p := &plan{seen: make(map[string]bool, len(e.Recipients)), leads: make(map[string][]string, len(e.Recipients)), lost: map[string]dsn.Status{}}
	for _, rcpt := range e.Recipients {
		found, status, err := d.resolve(ctx, e, rcpt)
		if err != nil {
			return nil, err
		}
		if !status.OK() {
			p.refuse(rcpt, "", status)
			continue
		}
		for _, a := range found.Accounts {
			if p.first(rcpt, fmt.Sprint(a.ID)) {
				p.local = append(p.local, local{a, rcpt})
			}
		}
		for _, a := range found.Remote {
			if p.first(rcpt, a.Key()) {
				p.remote = append(p.remote, queue.Recipient{Address: a.String(), Original: original(rcpt, a)})
			}
		}
	}
	return p, nil
}

// original is the address that the sender gave, if another came of it.
func original(rcpt, a address.Address) string {
	if rcpt == a {
		return ""
	}
	return rcpt.String()
}

// first reports that nobody before rcpt led to key.
func (p *plan) first(rcpt address.Address, key string) bool {
	p.leads[rcpt.Key()] = append(p.leads[rcpt.Key()], key)
	was := p.seen[key]
	p.seen[key] = true
	return !was
}

func (p *plan) refuse(a address.Address, original string, status dsn.Status) {
	p.refused = append(p.refused, queue.Recipient{Address: a.String(), Original: original, Status: status, Done: true})
}

// refuseAccount takes an account out of the plan; false if it isn't in there.
func (p *plan) refuseAccount(id kv.Part, status func(directory.Account) dsn.Status) bool {
	i := slices.IndexFunc(p.local, func(l local) bool { return l.account.ID == id })
	if i < 0 {
		return false
	}
	l := p.local[i]
	p.local = slices.Delete(p.local, i, i+1)
	p.lost[fmt.Sprint(id)] = status(l.account)
	p.refuse(l.account.Address, original(l.rcpt, l.account.Address), status(l.account))
	return true
}

// empty reports that nobody is left to accept the message for.
func (p *plan) empty() bool { return len(p.local)+len(p.remote) == 0 }

// refusal is the answer when nobody is left: temporary if it is for one of
// them, so that this one is not lost.
func (p *plan) refusal() dsn.Status {
	if len(p.refused) == 0 {
		return dsn.Status{Reply: 554, Code: dsn.Code{5, 5, 1}, Text: "No valid recipients"}
	}
	i := max(0, slices.IndexFunc(p.refused, func(r queue.Recipient) bool { return r.Status.Temporary() }))
	return p.refused[i].Status
}

func (p *plan) targets() []mail.Target {
	list := make([]mail.Target, len(p.local))
	for i, l := range p.local {
		list[i].Account = l.account.ID
	}
	return list
}

// jobs are the queue rows of the plan: one for each domain, and one that has
// the refused recipients reported to the sender, if there is one.
func (p *plan) jobs(e *Envelope, body *mail.Body) []*queue.Job {
	var jobs []*queue.Job
	byDomain := make(map[string]*queue.Job)
	add := func(domain string, r queue.Recipient) {
		j := byDomain[domain]
		if j == nil {
			j = &queue.Job{
				ID: fmt.Sprintf("%s-%d", body.ID, len(jobs)+1), Body: body.ID, Skip: e.Skip, Size: body.Size - e.Skip,
				ReturnPath: e.ReturnPath.String(), Domain: domain, UTF8: e.UTF8, EightBit: e.EightBit,
			}
			byDomain[domain] = j
			jobs = append(jobs, j)
		}
		j.Recipients = append(j.Recipients, r)
	}
	for _, r := range p.remote {
		add(domainOf(r.Address), r)
	}
	if !e.ReturnPath.IsNull() && !e.answered {
		for _, r := range p.refused {
			add("", r)
		}
	}
	return jobs
}
