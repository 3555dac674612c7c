package delivery

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// plan is where one message goes: each account once, each remote address once.
type plan struct {
	local   []local
	remote  []outgoing
	refused []refusal
	later   []refusal         // their mailboxes have no room just now
	held    []queue.Recipient // here, whose message is to come later
	done    []success
	replies []answer
	seen    map[string]bool // keys of remote, and ids of local

	leads map[string][]string   // by the key of a recipient: those of seen that it stands for
	lost  map[string]dsn.Status // of seen, who were refused after all

	wishes map[string]dsn.Wish // by recipient: what its sender wants to be told of those it stands for
}

// success is a recipient here whose sender wants to know that it has the message.
type success struct {
	queue.Recipient
	rcpt address.Address
}

// wish is what the sender asked about the recipient in a place.
func (e *Envelope) wish(i int) dsn.Wish {
	if i < len(e.Wishes) {
		return e.Wishes[i]
	}
	return dsn.Wish{}
}

// succeed notes the report of success that a recipient here is due, and returns
// what goes on to whom it stands for. A group is reported as such, and its
// members' successes are not (RFC 3461 §5.2.7.3 c).
func (p *plan) succeed(rcpt address.Address, w dsn.Wish, found directory.Resolved) dsn.Wish {
	n := len(found.Accounts) + len(found.Remote)
	if n == 1 && len(found.Accounts) == 0 {
		return w // RFC 3461 §5.2.7.2: it is the next server's to report
	}
	if w.Notify.Wants(dsn.NotifySuccess) {
		p.done = append(p.done, success{
			queue.Recipient{Address: rcpt.String(), ORCPT: w.ORCPT, Notify: w.Notify, Status: arrived, Done: true, Expanded: n > 1}, rcpt})
	}
	w.Notify = w.Notify.WithoutSuccess()
	return w
}

// arrived is the status of a recipient whose mailbox has the message.
var arrived = dsn.Status{Code: dsn.Code{2, 1, 5}, Text: "it has arrived"}

// local is an account and the recipient that stood for it.
type local struct {
	account directory.Account
	rcpt    address.Address
	junk    bool
	tag     string // of the address that led to it, if mail is filed by that
	mailbox string // "": INBOX
}

// outgoing is an address elsewhere, and the return path with which the message goes there.
type outgoing struct {
	queue.Recipient
	path address.Address
}

// refusal is a recipient who gets nothing, with the status that says why.
type refusal = queue.Recipient

// plan resolves the recipients of an envelope.
func (d *Delivery) plan(ctx context.Context, e *Envelope, header message.Header) (*plan, error) {
	p := &plan{seen: make(map[string]bool, len(e.Recipients)), leads: make(map[string][]string, len(e.Recipients)), lost: map[string]dsn.Status{},
		wishes: make(map[string]dsn.Wish, len(e.Wishes))}
	r := &route{plan: p, d: d, e: e, header: header, landed: make(map[kv.Part]bool, len(e.Recipients)), came: -1}
	for i, rcpt := range e.Recipients {
		name, w := rcpt.String(), e.wish(i)
		p.wishes[name] = w
		found, status, err := d.resolve(ctx, e, rcpt)
		if err != nil {
			return nil, err
		}
		if !status.OK() {
			p.refuse(rcpt, "", status)
			continue
		}
		if len(found.Accounts) > 0 && d.heldBack(e) {
			p.holdBack(rcpt, w)
			continue
		}
		p.wishes[name] = p.succeed(rcpt, w, found)
		if err := r.recipient(ctx, rcpt, found); err != nil {
			return nil, err
		}
	}
	if err := d.choose(ctx, p); err != nil {
		return nil, err
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
	w := p.wishes[cmp.Or(original, a.String())]
	p.refused = append(p.refused, refusal{Address: a.String(), Original: original, Status: status, Done: true, Notify: w.Notify, ORCPT: w.ORCPT})
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
	if last := len(p.refused) - 1; p.refused[last].Status.Temporary() && !l.junk { // what waits comes into INBOX
		p.refused[last].Done = false
		p.later = append(p.later, p.refused[last])
		p.refused = p.refused[:last]
	}
	return true
}

// empty reports that nobody is left to accept the message for.
func (p *plan) empty() bool { return len(p.local)+len(p.remote)+len(p.held) == 0 }

// refusal is the answer when nobody is left: temporary if it is for one of
// them, so that this one is not lost.
func (p *plan) refusal() dsn.Status {
	if len(p.later) > 0 {
		return p.later[0].Status
	}
	if len(p.refused) == 0 {
		return dsn.Status{Reply: 554, Code: dsn.Code{5, 5, 1}, Text: "No valid recipients"}
	}
	i := max(0, slices.IndexFunc(p.refused, func(r refusal) bool { return r.Status.Temporary() }))
	return p.refused[i].Status
}

func (p *plan) targets() []mail.Target {
	list := make([]mail.Target, len(p.local))
	for i, l := range p.local {
		list[i].Account, list[i].Mailbox = l.account.ID, l.mailbox
	}
	return list
}

// way is what the recipients of one queue row have in common.
type way struct {
	domain, path string
	now          bool // to be reported, although the message is held back
}

// job is the n-th queue row of a message, without recipients.
func (e *Envelope) job(body *mail.Body, n int, w way) *queue.Job {
	j := &queue.Job{
		ID: fmt.Sprintf("%s-%d", body.ID, n), Body: body.ID, Skip: e.Skip, Size: body.Size - e.Skip,
		ReturnPath: w.path, Domain: w.domain, UTF8: e.UTF8, EightBit: e.EightBit,
		EnvID: e.EnvID, Return: e.Return, RequireTLS: e.RequireTLS, Binary: e.Binary, Priority: min(9, max(-9, e.Priority)), By: e.By,
		Submitter: e.Submitter, Unverified: e.Unverified,
	}
	if !w.now {
		j.Release = e.Release
	}
	return j
}

// jobs are the queue rows of the plan: one for each domain and return path,
// and one without a domain for what is left to do here: mailboxes to be tried
// again, recipients of a message that is held back, refused recipients and successes to be reported to the sender, if there is one.
func (p *plan) jobs(e *Envelope, body *mail.Body) []*queue.Job {
	var jobs []*queue.Job
	byWay := make(map[way]*queue.Job)
	add := func(domain string, path address.Address, r queue.Recipient) {
		w := way{domain, path.String(), r.Done && !e.Release.IsZero()}
		j := byWay[w]
		if j == nil {
			j = e.job(body, len(jobs)+1, w)
			byWay[w] = j
			jobs = append(jobs, j)
		}
		j.Recipients = append(j.Recipients, r)
	}
	for _, r := range p.remote {
		add(domainOf(r.Address), r.path, r.Recipient)
	}
	for _, r := range p.held {
		add("", e.ReturnPath, r)
	}
	if !e.answered { // else whoever gave it to us tries these again, and reports them
		for _, r := range p.later {
			add("", e.ReturnPath, r)
		}
	}
	if !e.ReturnPath.IsNull() && !e.answered && !e.Junk { // whoever sends junk writes what return path he likes
		for _, r := range p.refused {
			add("", e.ReturnPath, r)
		}
	}
	if !e.ReturnPath.IsNull() {
		for _, s := range p.done {
			if p.statusOf(s.rcpt, arrived).OK() {
				add("", e.ReturnPath, s.Recipient)
			}
		}
	}
	return jobs
}
