package smtpserver

import (
	"context"
	"strings"

	"tem/internal/address"
	"tem/internal/wire/smtp"
)

// vrfy tells nothing (RFC 5321 §7.3).
func (x *session) vrfy(_ context.Context, c *smtp.Command) {
	if c.Arg == "" {
		x.reply(501, "5.5.4", "Syntax: VRFY address")
		return
	}
	x.reply(252, "2.5.2", "Cannot verify the user, but will take a message and try to deliver it")
}

// expn lists a group's members to who has logged in (RFC 5321 §3.5.1, §7.3).
func (x *session) expn(ctx context.Context, c *smtp.Command) {
	if x.principal == "" {
		x.reply(550, "5.7.1", "EXPN is for those who have logged in")
		return
	}
	name, wide := cutUTF8(c.Arg)
	a, err := address.Parse(strings.Trim(name, "<>"))
	if err != nil {
		x.reply(501, "5.5.4", "Syntax: EXPN group@domain [SMTPUTF8]")
		return
	}
	lists, err := x.o.Directory.Lists(ctx)
	if err != nil {
		x.refuse(err)
		return
	}
	for _, l := range lists {
		if l.Group && l.Address.Key() == a.Key() && len(l.Members) > 0 {
			x.members(l.Members, wide)
			return
		}
	}
	x.reply(550, "5.1.1", "<"+a.String()+">: no such group")
}

// cutUTF8 takes SMTPUTF8 off an argument: the client can read UTF-8 in the reply (RFC 6531 §3.7.4.2).
func cutUTF8(arg string) (rest string, given bool) {
	const word = " SMTPUTF8"
	n := len(arg) - len(word)
	if n < 0 || !strings.EqualFold(arg[n:], word) {
		return arg, false
	}
	return strings.TrimRight(arg[:n], " "), true
}

func (x *session) members(all []address.Address, wide bool) {
	lines := make([]string, len(all))
	for i, m := range all {
		if !wide && !m.ASCII() {
			x.reply(550, "5.6.8", "The group has addresses that need SMTPUTF8: say EXPN group@domain SMTPUTF8")
			return
		}
		lines[i] = "<" + m.String() + ">"
	}
	r := smtp.NewReply(250, "2.1.5", lines...)
	r.UTF8 = wide
	x.send(r)
}

func (x *session) help(context.Context, *smtp.Command) {
	x.reply(214, "2.0.0", "Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP",
		"VRFY EXPN HELP QUIT STARTTLS AUTH", "See RFC 5321; tem explain CODE tells what a reply means")
}
