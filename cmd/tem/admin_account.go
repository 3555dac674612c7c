package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tem/internal/config"
	"tem/internal/control"
)

type accountCommand struct {
	Add      accountAdd      `cmd:"" help:"Give somebody a mailbox."`
	List     accountList     `cmd:"" help:"List the accounts."`
	Remove   accountRemove   `cmd:"" help:"Remove an account and all of its mail."`
	Password accountPassword `cmd:"" help:"Change an account's password."`
	Set      accountSet      `cmd:"" help:"Change an account's name, quota or POP3, disable it, or make it an administrator's."`
	Forward  accountForward  `cmd:"" help:"Send an account's mail on to other addresses."`
	Block    accountBlock    `cmd:"" help:"Keep mail of some senders away from an account."`
	Reply    accountReply    `cmd:"" help:"Answer for somebody who is away."`
	Settings accountSettings `cmd:"" help:"Show what an account does with mail that comes, or change where mail to a +tag goes."`
	Import   accountImport   `cmd:"" help:"Add many accounts from a CSV file."`
	Deleted  accountDeleted  `cmd:"" help:"List messages that were removed and can be brought back."`
	Restore  accountRestore  `cmd:"" help:"Bring removed messages back."`
}

func (accountCommand) Help() string {
	return `Examples:
  tem account add linh@hanoi.example --name "Nguyễn Thùy Linh" --quota 2G
  tem account add linh@hanoi.example --generate
  tem account password linh@hanoi.example --password-file -
  tem account set linh@hanoi.example --disable
  tem account set linh@hanoi.example --pop new --pop-after archive
  tem account restore linh@hanoi.example --since 2026-11-23
  tem account import students.csv`
}

// withPassword is an account and the password that was made for it.
type withPassword struct {
	control.Account
	Password string `json:"password,omitempty"`
}

type accountAdd struct {
	adminFlags
	passwordFlags
	Address  string      `arg:"" help:"The address, linh@hanoi.example."`
	Name     string      `placeholder:"NAME" help:"The person's name."`
	Quota    config.Size `placeholder:"SIZE" help:"How much mail may be kept: 500M, 2G (default: no limit)."`
	Messages int64       `placeholder:"N" help:"How many messages may be kept (default: no limit)."`
}

func (c *accountAdd) Run(ctx context.Context, env *adminEnv) error {
	password, err := c.password(ctx, env, c.Address)
	if err != nil {
		return err
	}
	var resp withPassword
	err = c.ask(ctx, env, control.Call{
		Verb:     "account.add",
		Request:  control.AccountAdd{Address: c.Address, Name: c.Name, Password: password, Quota: int64(c.Quota), Messages: c.Messages},
		Response: &resp.Account,
	})
	resp.Password = c.generated(password)
	return c.say(env, err, resp, "added %s\n%s", resp.Address, c.generatedLine(password))
}

type accountList struct {
	adminFlags
	Domain string `arg:"" optional:"" help:"Only the accounts of this domain."`
}

func (c *accountList) Run(ctx context.Context, env *adminEnv) error {
	var resp control.Accounts
	err := c.ask(ctx, env, control.Call{
		Verb: "account.list", Request: control.AccountList{Domain: c.Domain}, Response: &resp,
	})
	return c.show(env, err, resp, func(w io.Writer) {
		tableRow(w, "ADDRESS", "NAME", "QUOTA", "LOGIN", "POP", "ADMIN", "CREATED")
		for _, a := range resp.Accounts {
			tableRow(w, a.Address, orDash(a.Name), quotaOf(a), loginText(a), popText(a), adminText(a), timeText(a.Created))
		}
	})
}

// quotaOf shows both quotas of an account.
func quotaOf(a control.Account) string {
	switch {
	case a.Messages == 0:
		return quotaText(a.Quota)
	case a.Quota == 0:
		return fmt.Sprintf("%d messages", a.Messages)
	}
	return fmt.Sprintf("%s, %d messages", quotaText(a.Quota), a.Messages)
}

func loginText(a control.Account) string {
	if a.Disabled {
		return "disabled"
	}
	return "yes"
}

func adminText(a control.Account) string {
	if a.Admin {
		return "yes"
	}
	return "-"
}

// popText is what POP3 shows and, unless it is kept, what becomes of it.
func popText(a control.Account) string {
	if a.POPAfter == "keep" {
		return a.POP
	}
	return a.POP + ", " + a.POPAfter
}

type accountRemove struct {
	adminFlags
	Address string `arg:"" help:"The address."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

func (c *accountRemove) Run(ctx context.Context, env *adminEnv) error {
	if !c.Yes {
		if err := confirmRemoval(env, fmt.Sprintf("Remove %s and all of its mail?", c.Address)); err != nil {
			return err
		}
	}
	var resp control.AccountRemoved
	err := c.ask(ctx, env, control.Call{
		Verb: "account.remove", Request: control.Address{Address: c.Address}, Response: &resp,
	})
	if err == nil && len(resp.ListedIn) > 0 {
		fmt.Fprintf(env.Err, "note: %s still names it\n", strings.Join(resp.ListedIn, ", "))
	}
	return c.say(env, err, resp, "removed %s and its mail\n", resp.Account.Address)
}

type accountPassword struct {
	adminFlags
	passwordFlags
	Address string `arg:"" help:"The address."`
}

func (c *accountPassword) Run(ctx context.Context, env *adminEnv) error {
	password, err := c.password(ctx, env, c.Address)
	if err != nil {
		return err
	}
	err = c.ask(ctx, env, control.Call{
		Verb: "account.password", Request: control.AccountPassword{Address: c.Address, Password: password},
	})
	answer := struct {
		Address  string `json:"address"`
		Password string `json:"password,omitempty"`
	}{c.Address, c.generated(password)}
	return c.say(env, err, answer, "changed the password of %s\n%s", c.Address, c.generatedLine(password))
}

type accountSet struct {
	adminFlags
	Address  string       `arg:"" help:"The address."`
	Name     *string      `placeholder:"NAME" help:"The person's name."`
	Quota    *config.Size `placeholder:"SIZE" help:"How much mail may be kept: 500M, 2G; 0 is no limit."`
	Messages *int64       `placeholder:"N" help:"How many messages may be kept; 0 is no limit."`
	Disable  bool         `xor:"login" help:"Refuse logins; mail is still received."`
	Enable   bool         `xor:"login" help:"Allow logins again."`
	POP      *string      `name:"pop" placeholder:"WHICH" help:"Mail that POP3 shows: all of INBOX; new, what comes from now on; or off."`
	POPAfter *string      `name:"pop-after" placeholder:"WHAT" help:"What becomes of a message once POP3 has collected it: keep, read (marked so), archive or trash (moved there)."`
	Admin    *onOff       `placeholder:"on|off" help:"Whether the person may set quotas, and annotations that everybody reads, over IMAP."`
}

func (accountSet) Help() string {
	return `Examples:
  tem account set linh@hanoi.example --name "Nguyễn Thùy Linh" --quota 2G
  tem account set linh@hanoi.example --pop all --pop-after keep    (as it is at first)
  tem account set linh@hanoi.example --pop new --pop-after archive
  tem account set linh@hanoi.example --pop off
  tem account set an@hanoi.example --admin on`
}

func (c *accountSet) Run(ctx context.Context, env *adminEnv) error {
	req := control.AccountSet{
		Address: c.Address, Name: c.Name, Quota: (*int64)(c.Quota), Messages: c.Messages, POP: c.POP, POPAfter: c.POPAfter, Admin: (*bool)(c.Admin),
	}
	if c.Disable || c.Enable {
		req.Disabled = &c.Disable
	}
	if req == (control.AccountSet{Address: c.Address}) {
		return usagef("account set %s: nothing to change: give --name, --quota, --messages, --pop, --pop-after, --admin, --disable or --enable", c.Address)
	}
	var resp control.Account
	err := c.ask(ctx, env, control.Call{Verb: "account.set", Request: req, Response: &resp})
	return c.say(env, err, resp, "changed %s: name %s, quota %s, login %s, POP %s%s\n",
		resp.Address, orDash(resp.Name), quotaOf(resp), loginText(resp), popText(resp), administrator(resp))
}

// administrator is said only of those who are.
func administrator(a control.Account) string {
	if a.Admin {
		return ", administrator"
	}
	return ""
}

// onOff is a flag that can be set and taken back.
type onOff bool

// UnmarshalText takes on or off.
func (o *onOff) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "on", "off":
		*o = s == "on"
		return nil
	default:
		return fmt.Errorf("%q is neither on nor off", s)
	}
}
