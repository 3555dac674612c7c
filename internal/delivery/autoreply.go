package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/message"
)

// answer is an account that answers by itself, and the recipient that stood for
// it: its own address if that was a group, which is nobody's.
type answer struct {
	account directory.Account
	rcpt    address.Address
	reply   directory.Reply
}

const (
	// maxNamed bounds how many addresses of To and Cc are looked at for one's own.
	maxNamed = 200
	// maxReferences is how many Message-IDs of a thread a reply names.
	maxReferences = 20
)

// answerAll sends the replies to a message that was accepted. What fails is
// logged: the message is in its mailbox all the same.
func (d *Delivery) answerAll(ctx context.Context, e *Envelope, h message.Header, p *plan) {
	for _, a := range p.replies {
		if !placed(p, a) || !d.answerable(ctx, e, h, a) {
			continue
		}
		if err := d.answer(ctx, e, h, a); err != nil {
			d.o.Log.Error("delivery: no automatic reply", "account", a.account.Address.String(), "err", err)
		}
	}
}

// placed says that the message was not refused for the account after all.
func placed(p *plan, a answer) bool {
	return !slices.ContainsFunc(p.refused, func(r refusal) bool { return r.Address == a.account.Address.String() })
}

// answerable says whether a message is one from a person to the person that
// answers, as far as can be seen (RFC 3834 §2).
func (d *Delivery) answerable(ctx context.Context, e *Envelope, h message.Header, a answer) bool {
	to := e.ReturnPath
	forged := e.SPF == "fail" || e.SPF == "softfail" // by the word of the path's own domain: somebody else would get the answer
	if to.IsNull() || e.Junk || forged || samePerson(to, a.account.Address) || robot(to.Local) || names(to.Local, a.account.Address) || automatic(h) || !named(h, a) {
		return false
	}
	if !a.reply.Ours {
		return true
	}
	ours, err := d.o.Directory.IsLocal(ctx, to.Domain)
	return err == nil && ours
}

// robot says that nobody reads what is sent to a local part (RFC 3834 §2, RFC 5230 §4.6).
func robot(local string) bool {
	l := strings.ToLower(local)
	if prefix, _ := srsPrefix(local); prefix != "" {
		return false // it was forwarded; the person is behind it
	}
	switch strings.NewReplacer("-", "", "_", "", ".", "").Replace(l) {
	case "mailerdaemon", "noreply", "donotreply", "postmaster", "listserv", "majordomo", "bounce", "bounces":
		return true
	}
	for _, s := range []string{"owner-", "bounce-", "bounces-", "bounce+", "bounces+", "no-reply", "noreply", "mailer-daemon"} {
		if strings.HasPrefix(l, s) {
			return true
		}
	}
	list, _, _ := strings.Cut(l, "+")
	for _, s := range []string{"-request", "-owner", "-bounces", "-relay", "-noreply", "-no-reply"} {
		if strings.HasSuffix(list, s) {
			return true
		}
	}
	return false
}

// names says that the return path has the recipient in it (friends-return-7-an=hanoi.example),
// by which programs that send to many tell whose report comes back.
func names(path string, a address.Address) bool {
	return strings.Contains(strings.ToLower(path), strings.ToLower(a.Local+"="+a.Domain))
}

// automatic says that a header is of something that a program sent to many, or by itself.
func automatic(h message.Header) bool {
	byItself := func(v string) bool { return v != "" && firstWord(v) != "no" } // RFC 3834 §5
	toMany := func(v string) bool { return slices.Contains([]string{"bulk", "list", "junk"}, firstWord(v)) }
	if slices.ContainsFunc(h.Values("Auto-Submitted"), byItself) || slices.ContainsFunc(h.Values("Precedence"), toMany) { // RFC 3834 §2
		return true
	}
	// QUIRK(Exchange): it says what is not to be answered with.
	suppress := strings.ToLower(h.Get("X-Auto-Response-Suppress"))
	for _, s := range []string{"all", "oof", "autoreply"} {
		if strings.Contains(suppress, s) {
			return true
		}
	}
	found := false
	h.RawFields(func(name, _ []byte) bool { // RFC 2369, RFC 2919
		n := strings.ToLower(string(name))
		found = strings.HasPrefix(n, "list-") || n == "x-autoreply" || n == "x-autorespond" || n == "feedback-id"
		return !found
	})
	return found
}

// firstWord is the value of a field before its parameters and comments, in small letters.
func firstWord(v string) string {
	if i := strings.IndexAny(v, ";( \t"); i >= 0 {
		v = v[:i]
	}
	return strings.ToLower(v)
}

// named says that a message was written to the person, not to a list of which
// he is one (RFC 3834 §2): a field of recipients has his address, or the one of
// his that the message came to.
func named(h message.Header, a answer) bool {
	var values []string
	for _, name := range []string{"To", "Cc", "Resent-To", "Resent-Cc"} {
		values = append(values, h.Values(name)...)
	}
	return slices.ContainsFunc(addresses(values, maxNamed), func(to address.Address) bool {
		return samePerson(to, a.account.Address) || samePerson(to, a.rcpt)
	})
}

// samePerson compares addresses without +tags.
func samePerson(a, b address.Address) bool {
	return withoutTag(a).Key() == withoutTag(b).Key()
}

func withoutTag(a address.Address) address.Address {
	if user, _, ok := strings.Cut(a.Local, "+"); ok && user != "" {
		a.Local = user
	}
	return a
}

// answerTries bounds how often a reply is begun anew because another node
// answered somebody for the same account at that moment.
const answerTries = 10

// answer sends one reply, unless the sender had one of late.
func (d *Delivery) answer(ctx context.Context, e *Envelope, h message.Header, a answer) (err error) {
	turn := &d.answering[crc32.ChecksumIEEE([]byte(a.account.Address.Key()))%uint32(len(d.answering))]
	turn.Lock()
	defer turn.Unlock()
	for range answerTries {
		if err = d.answerOnce(ctx, e, h, a); !errors.Is(err, kv.ErrConflict) {
			break
		}
	}
	return err
}

// answerOnce notes whom it answers in the commit that accepts the reply, so
// that there is one, and one only, whatever happens.
func (d *Delivery) answerOnce(ctx context.Context, e *Envelope, h message.Header, a answer) error {
	note, err := d.o.Directory.ClaimReply(ctx, a.account.Address, e.ReturnPath)
	if err != nil || note == nil {
		return err
	}
	draft := d.reply(e.ReturnPath, h, a)
	// The null path: nothing comes back from a reply (RFC 3834 §3.3).
	_, status, err := d.Send(ctx, &Letter{
		From: a.account.Address.Domain, To: []address.Address{e.ReturnPath},
		Build: func(w io.Writer) error { return draft.Build(w, false) },
	}, note)
	if err == nil && !status.OK() {
		err = fmt.Errorf("reply to %s: %s", e.ReturnPath, status)
	}
	return err
}

// reply is a reply (RFC 3834 §3.1).
func (d *Delivery) reply(to address.Address, h message.Header, a answer) *message.Draft {
	ids := message.MessageIDs(h.Get("Message-ID"))
	if len(ids) > 1 {
		ids = ids[:1]
	}
	references := append(message.MessageIDs(cmp.Or(h.Get("References"), h.Get("In-Reply-To"))), ids...)
	return &message.Draft{
		From: []message.Mailbox{{Name: a.account.Name, Address: a.account.Address.String()}}, To: []message.Mailbox{{Address: to.String()}},
		Subject: cmp.Or(a.reply.Subject, strings.TrimSpace("Auto: "+h.Text("Subject"))), Date: d.o.Now(), Text: a.reply.Text,
		InReplyTo: ids, References: references[max(0, len(references)-maxReferences):],
		Extra: []message.Param{{Name: "Auto-Submitted", Value: "auto-replied"}},
	}
}
