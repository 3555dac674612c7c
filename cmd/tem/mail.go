package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"tem/internal/agent"
)

// MailCommand is the user agent.
type MailCommand struct {
	Account string `short:"a" placeholder:"ADDR" help:"Account to use (default: the file's default, or the only one)."`
	Folder  string `short:"f" default:"INBOX" help:"Folder of the messages."`
	JSON    bool   `help:"One JSON object per line."`
	Lang    string `enum:",en,vi" default:"" help:"Language of labels: en or vi (default: by LANG)."`
	Trace   bool   `help:"Show the dialogue on standard error."`
	Times   bool   `help:"With --trace: show timings."`

	Setup    mailSetup    `cmd:"" help:"Set up an account."`
	Accounts mailAccounts `cmd:"" help:"List the accounts."`
	List     mailList     `cmd:"" aliases:"ls" help:"List messages."`
	Read     mailRead     `cmd:"" help:"Show messages."`
	Search   mailSearch   `cmd:"" help:"Search by sender, subject, text, date and state."`
	Write    mailWrite    `cmd:"" help:"Write and send."`
	Draft    mailDraft    `cmd:"" help:"List, edit or send drafts."`
	Reply    mailReply    `cmd:"" help:"Answer a message."`
	Forward  mailForward  `cmd:"" help:"Send a message on."`
	Save     mailSave     `cmd:"" help:"Save attachments."`
	Move     mailMove     `cmd:"" help:"Move messages."`
	Flag     mailFlag     `cmd:"" help:"Change flags."`
	Delete   mailDelete   `cmd:"" aliases:"rm" help:"Move messages to the trash."`
	Folders  mailFolders  `cmd:"" help:"List the folders."`
	Watch    mailWatch    `cmd:"" help:"Wait for new messages."`
	Pop      mailPop      `cmd:"" help:"Download over POP3."`
	Source   mailSource   `cmd:"" help:"Show the header card, or the raw letter."`
}

// env is the agent's surroundings for one run.
func (m *MailCommand) env(s *streams) *agent.Env {
	e := &agent.Env{
		In: s.in, Out: s.out, Err: s.err,
		InTTY: isTerminal(s.in), OutTTY: isTerminal(s.out), ErrTTY: isTerminal(s.err),
		Width: width(s.out), Getenv: os.Getenv, Now: time.Now,
		Account: m.Account, Folder: m.Folder, JSON: m.JSON, Lang: m.Lang, Trace: m.Trace, Times: m.Times,
	}
	if e.Lang == "" {
		e.Lang = agent.Language(os.Getenv)
	}
	if m.JSON {
		e.InTTY = false // nothing is asked of a script
	}
	return e
}

// width is the number of columns to print in.
func width(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 80
}

type mailSetup struct {
	Address         string `arg:"" help:"Mail address of the account."`
	Name            string `help:"Name to show beside the address."`
	Provider        string `help:"gmail, outlook, yahoo, icloud, fastmail or localserve (default: by the address)."`
	IMAP            string `placeholder:"HOST:PORT"`
	SMTP            string `placeholder:"HOST:PORT"`
	POP             string `placeholder:"HOST:PORT"`
	TLS             string `enum:",implicit,starttls,none" default:"" help:"implicit, starttls or none, for the servers named here."`
	CA              string `placeholder:"FILE" help:"Certificate of a private authority."`
	PasswordCommand string `placeholder:"CMD" help:"Command whose first line of output is the password."`
	TokenCommand    string `placeholder:"CMD" help:"Command whose first line of output is an OAuth token, to log in with instead of a password."`
	PasswordFile    string `placeholder:"FILE" help:"File with the password, readable by you only."`
	Store           string `enum:",keyring,file" default:"" help:"Where to keep a typed password: keyring or file."`
	Default         bool   `help:"Make it the default account."`
}

func (c *mailSetup) Run(m *MailCommand, s *streams) error {
	return m.env(s).Setup(agent.Setup{
		Address: c.Address, Name: c.Name, Provider: c.Provider, IMAP: c.IMAP, SMTP: c.SMTP, POP: c.POP, TLS: c.TLS, CA: c.CA,
		PasswordCommand: c.PasswordCommand, TokenCommand: c.TokenCommand, PasswordFile: c.PasswordFile, Store: c.Store, Default: c.Default,
	})
}

type mailAccounts struct{}

func (mailAccounts) Run(m *MailCommand, s *streams) error { return m.env(s).Accounts() }

type mailList struct {
	Name   string `arg:"" optional:"" name:"folder" help:"Folder to list."`
	Limit  int    `short:"n" default:"50" help:"At most so many, the newest; 0: all."`
	Unseen bool   `help:"Only those not read yet."`
}

func (c *mailList) Run(ctx context.Context, m *MailCommand, s *streams) error {
	e := m.env(s)
	if c.Name != "" {
		e.Folder = c.Name
	}
	return e.List(ctx, c.Limit, c.Unseen)
}

type mailRead struct {
	IDs  []string `arg:"" name:"id" help:"7, 1,3-5 or @last."`
	Peek bool     `help:"Do not mark as read."`
}

func (c *mailRead) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Read(ctx, c.IDs, c.Peek)
}

type mailSearch struct {
	Query []string `arg:"" help:"Words, from: to: subject: body: since: before: (2026-11-23), unseen, flagged."`
	Limit int      `short:"n" default:"50" help:"At most so many, the newest; 0: all."`
}

func (c *mailSearch) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Search(ctx, c.Limit, strings.Join(c.Query, " "))
}

type mailFolders struct{}

func (mailFolders) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Folders(ctx)
}

type mailWatch struct {
	Exec string `placeholder:"CMD" help:"Run for each new message, with TEM_ID, TEM_FROM and TEM_SUBJECT set."`
}

func (c *mailWatch) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Watch(ctx, c.Exec)
}

type mailPop struct {
	Mbox    string `xor:"to" placeholder:"FILE" help:"Append to an mbox file."`
	Maildir string `xor:"to" placeholder:"DIR" help:"Deliver into a Maildir."`
	Delete  bool   `help:"Delete on the server what was downloaded."`
}

func (c *mailPop) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Pop(ctx, agent.Pop{Mbox: c.Mbox, Maildir: c.Maildir, Delete: c.Delete})
}

type mailSource struct {
	IDs []string `arg:"" name:"id" help:"7, 1,3-5 or @last."`
	Raw bool     `help:"The letter as it came."`
}

func (c *mailSource) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Source(ctx, c.IDs, c.Raw)
}
