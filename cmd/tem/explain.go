package main

import (
	"encoding/json"
	"strings"

	"tem/internal/agent"
	"tem/internal/explain"
)

// ExplainCommand tells what a reply code means.
type ExplainCommand struct {
	Code []string `arg:"" passthrough:"" help:"550, 5.7.1, '421 4.3.2', '-ERR [IN-USE]', 'NO [OVERQUOTA]'."`
	JSON bool     `help:"One JSON object per line."`
	Lang string   `enum:",en,vi" default:"" help:"Only en or vi (default: both)."`
}

// Help shows how to use it.
func (ExplainCommand) Help() string {
	return "Examples:\n  tem explain 550 5.7.1\n  tem explain --lang vi 421\n  tem explain 'NO [OVERQUOTA]'"
}

// Run prints what is known of each code.
func (c *ExplainCommand) Run(s *streams) error {
	found := explain.Find(strings.Join(c.words(), " "))
	if len(found) == 0 {
		return &agent.Error{Code: agent.NoMatch, Err: explain.ErrUnknown}
	}
	for _, n := range found {
		if err := c.show(s, n); err != nil {
			return err
		}
	}
	return nil
}

// words are the codes; flags may stand behind them, and a code may begin with "-".
func (c *ExplainCommand) words() []string {
	var codes []string
	for i := 0; i < len(c.Code); i++ {
		switch w := c.Code[i]; {
		case w == "--json":
			c.JSON = true
		case w == "--lang" && i+1 < len(c.Code):
			i++
			c.Lang = c.Code[i]
		case strings.HasPrefix(w, "--lang="):
			c.Lang = strings.TrimPrefix(w, "--lang=")
		case w != "--":
			codes = append(codes, w)
		}
	}
	return codes
}

func (c *ExplainCommand) show(s *streams, n explain.Note) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(n)
	}
	return n.Print(s.out, c.Lang)
}
