package smtpserver

import (
	"errors"
	"strconv"
	"strings"

	"tem/internal/address"
	"tem/internal/message/dsn"
	"tem/internal/wire/smtp"
)

// parameter is one row of what MAIL can have behind the address. It is known
// where its extension is offered.
type parameter struct {
	take func(x *session, p smtp.Param, t *transaction) error
	when func(*session) bool // nil: always
	flag bool                // has no value; else it must have one
}

var mailParameters = map[string]parameter{
	"SIZE":        {take: (*session).declared},
	"BODY":        {take: (*session).body},
	"SMTPUTF8":    {take: func(_ *session, _ smtp.Param, t *transaction) error { t.envelope.UTF8 = true; return nil }, flag: true},
	"AUTH":        {take: (*session).onBehalf, when: func(x *session) bool { return x.o.Auth != nil }},
	"RET":         {take: (*session).returned},
	"ENVID":       {take: (*session).envelopeID},
	"REQUIRETLS":  {take: func(_ *session, _ smtp.Param, t *transaction) error { t.envelope.RequireTLS = true; return nil }, flag: true, when: func(x *session) bool { return x.c.TLS() != nil }},
	"BY":          {take: (*session).by, when: (*session).relays},
	"MT-PRIORITY": {take: (*session).priority, when: (*session).relays},
	"HOLDFOR":     {take: (*session).hold, when: (*session).holds},
	"HOLDUNTIL":   {take: (*session).hold, when: (*session).holds},
}

func (x *session) mailParams(c *smtp.Command, t *transaction) error {
	for _, given := range c.Params {
		p, known := mailParameters[given.Name]
		switch {
		case !x.extended: // RFC 5321 §4.1.1.1: HELO offers no extensions
			return smtp.NewReply(555, "5.5.4", given.Name+": parameters need EHLO")
		case !known || p.when != nil && !p.when(x):
			return smtp.NewReply(555, "5.5.4", given.Name+": parameter not recognised")
		case p.flag != (given.Value == ""):
			return smtp.NewReply(501, "5.5.4", given.Name+": has no value where it needs one, or one where it has none")
		}
		if err := p.take(x, given, t); err != nil {
			return err
		}
	}
	return needUTF8(c.Path, t, 550)
}

// declared is SIZE (RFC 1870 §6).
func (x *session) declared(p smtp.Param, t *transaction) error {
	n, err := strconv.ParseUint(p.Value, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) || len(p.Value) > 20 {
		return smtp.NewReply(501, "5.5.4", "SIZE="+p.Value+": not a number of octets")
	}
	if err != nil || int64(n) > x.o.MaxSize {
		return x.tooLarge()
	}
	t.size = int64(n)
	return nil
}

func (x *session) tooLarge() *smtp.Reply {
	return smtp.NewReply(552, "5.3.4", "Message larger than "+strconv.FormatInt(x.o.MaxSize, 10)+" octets")
}

// body is BODY (RFC 6152 §2, RFC 3030 §3).
func (x *session) body(p smtp.Param, t *transaction) error {
	switch strings.ToUpper(p.Value) {
	case "7BIT":
	case "8BITMIME":
		t.envelope.EightBit = true
	case "BINARYMIME":
		t.envelope.EightBit, t.envelope.Binary = true, true
	default:
		return smtp.NewReply(504, "5.5.4", "BODY="+p.Value+": not implemented")
	}
	return nil
}

// onBehalf is AUTH (RFC 4954 §5): it must be an address in xtext or <>. What
// it says is not believed, and is not passed on.
func (x *session) onBehalf(p smtp.Param, _ *transaction) error {
	who, ok := smtp.DecodeXtext(p.Value)
	if ok && who != "<>" {
		if inside, bracketed := strings.CutPrefix(who, "<"); bracketed { // QUIRK(curl): --mail-auth is sent in brackets
			who = strings.TrimSuffix(inside, ">")
		}
		_, err := address.Parse(who)
		ok = err == nil
	}
	if !ok {
		return smtp.NewReply(501, "5.5.4", "AUTH="+p.Value+": not <>, nor an address in xtext")
	}
	return nil
}

func (x *session) returned(p smtp.Param, t *transaction) (err error) {
	t.envelope.Return, err = smtp.ParseReturn(p.Value)
	return err
}

func (x *session) envelopeID(p smtp.Param, t *transaction) (err error) {
	t.envelope.EnvID, err = smtp.ParseEnvID(p.Value)
	return err
}

func (x *session) by(p smtp.Param, t *transaction) (err error) {
	t.envelope.By, err = smtp.ParseBy(p.Value, x.o.Now())
	return err
}

// priority is MT-PRIORITY (RFC 6710 §4.1): whoever has not logged in can only
// be in less of a hurry than others.
func (x *session) priority(p smtp.Param, t *transaction) (err error) {
	n, err := smtp.ParsePriority(p.Value)
	if x.principal == "" && n > 0 {
		n, t.lowered = 0, true
	}
	t.envelope.Priority = n
	return err
}

// hold is HOLDFOR and HOLDUNTIL (RFC 4865 §4), of which one may be given.
func (x *session) hold(p smtp.Param, t *transaction) (err error) {
	if !t.envelope.Release.IsZero() {
		return smtp.NewReply(501, "5.5.4", "HOLDFOR and HOLDUNTIL exclude each other")
	}
	t.envelope.Release, err = smtp.ParseHold(p.Name, p.Value, x.o.Now(), maxHold)
	return err
}

// wanted is what came behind the address of a RCPT.
type wanted struct {
	wish dsn.Wish
	rrvs string // the value of RRVS; "": not given
}

func (x *session) rcptParams(c *smtp.Command) (w wanted, err error) {
	for _, p := range c.Params {
		known := p.Name == "NOTIFY" || p.Name == "ORCPT" || p.Name == "RRVS" && x.delivers()
		switch {
		case !x.extended:
			return w, smtp.NewReply(555, "5.5.4", p.Name+": parameters need EHLO")
		case !known:
			return w, smtp.NewReply(555, "5.5.4", p.Name+": parameter not recognised")
		case p.Value == "":
			return w, smtp.NewReply(501, "5.5.4", p.Name+": needs a value")
		case p.Name == "NOTIFY":
			w.wish.Notify, err = smtp.ParseNotify(p.Value)
		case p.Name == "ORCPT":
			w.wish.ORCPT, err = smtp.ParseORCPT(p.Value, x.mail.envelope.UTF8)
		default:
			w.rrvs = p.Value
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// add takes a recipient that was accepted. Wishes are kept only once there is one.
func (t *transaction) add(rcpt address.Address, w dsn.Wish) {
	e := &t.envelope
	e.Recipients = append(e.Recipients, rcpt)
	if w != (dsn.Wish{}) {
		e.Wishes = append(e.Wishes, make([]dsn.Wish, len(e.Recipients)-1-len(e.Wishes))...)
		e.Wishes = append(e.Wishes, w)
	}
}
