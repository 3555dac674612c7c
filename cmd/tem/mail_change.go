package main

import "context"

type mailSave struct {
	ID   string `arg:"" help:"Message, 7 or @last."`
	Dir  string `default:"." help:"Where to save; files are never overwritten."`
	Part int    `help:"Only this attachment, by its number."`
}

func (c *mailSave) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Save(ctx, []string{c.ID}, c.Dir, c.Part)
}

type mailMove struct {
	ID string `arg:"" help:"Messages: 7, 1,3-5 or @last."`
	To string `arg:"" help:"Folder to move to."`
}

func (c *mailMove) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Move(ctx, []string{c.ID}, c.To)
}

type mailFlag struct {
	ID      string   `arg:"" help:"Messages: 7, 1,3-5 or @last."`
	Changes []string `arg:"" passthrough:"" help:"+seen -seen +flagged -answered …"`
}

func (c *mailFlag) Run(ctx context.Context, m *MailCommand, s *streams) error {
	changes := c.changes(m)
	return m.env(s).Flag(ctx, []string{c.ID}, changes)
}

// changes are the flags without the options that stand among them, since a
// change may begin with "-" too.
func (c *mailFlag) changes(m *MailCommand) []string {
	var changes []string
	for _, w := range c.Changes {
		switch w {
		case "--json":
			m.JSON = true
		case "--trace":
			m.Trace = true
		case "--times":
			m.Times = true
		case "--":
		default:
			changes = append(changes, w)
		}
	}
	return changes
}

type mailDelete struct {
	IDs     []string `arg:"" name:"id" help:"7, 1,3-5 or @last."`
	Forever bool     `help:"Remove at once instead of moving to the trash."`
}

func (c *mailDelete) Run(ctx context.Context, m *MailCommand, s *streams) error {
	return m.env(s).Delete(ctx, c.IDs, c.Forever)
}
