package main

import (
	"context"
	"path/filepath"

	"tem/internal/agent"
)

// letterFlags are what a letter can be given on the command line.
type letterFlags struct {
	To      []string `sep:"none" placeholder:"ADDR"`
	Cc      []string `sep:"none" placeholder:"ADDR"`
	Bcc     []string `sep:"none" placeholder:"ADDR"`
	Subject string
	Attach  []string `sep:"none" placeholder:"FILE"`
	Body    string   `help:"Text of the letter (default: standard input, or the editor)."`
	Draft   bool     `help:"Keep as a draft, do not send."`
}

func (f *letterFlags) letter() agent.Letter {
	for i, name := range f.Attach { // a draft may be sent from another directory
		if full, err := filepath.Abs(name); err == nil {
			f.Attach[i] = full
		}
	}
	return agent.Letter{To: f.To, Cc: f.Cc, Bcc: f.Bcc, Subject: f.Subject, Attach: f.Attach, Body: f.Body, Draft: f.Draft}
}

type mailWrite struct{ letterFlags }

func (c *mailWrite) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Write(ctx, c.letter())
}

type mailReply struct {
	ID  string `arg:"" help:"Message to answer."`
	All bool   `help:"Answer everybody."`
	letterFlags
}

func (c *mailReply) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Reply(ctx, c.ID, c.All, c.letter())
}

type mailForward struct {
	ID string `arg:"" help:"Message to send on."`
	letterFlags
}

func (c *mailForward) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Forward(ctx, c.ID, c.letter())
}

type mailDraft struct {
	List draftList `cmd:"" help:"List the drafts."`
	Edit draftEdit `cmd:"" help:"Open a draft in the editor."`
	Send draftSend `cmd:"" help:"Send a draft."`
}

type draftList struct{}

func (draftList) Run(m *MailCommand, s *streams) error { return m.env(s).DraftList() }

type draftEdit struct {
	Name string `arg:"" help:"Draft."`
}

func (c *draftEdit) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).DraftEdit(ctx, c.Name)
}

type draftSend struct {
	Name string `arg:"" help:"Draft."`
}

func (c *draftSend) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).DraftSend(ctx, c.Name)
}
