package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"tem/internal/explain"
)

// ExplainCommand tells what reply codes mean.
type ExplainCommand struct {
	Code []string `arg:"" optional:"" help:"A code, several, or a whole reply in quotes; without one, the list of all codes."`
	Lang string   `enum:"en,vi,both" default:"both" help:"Language of the answer: en, vi or both."`
	JSON bool     `help:"Answer with JSON: a list of objects."`
	// POP3's -ERR looks like a flag E with the value RR.
	Err string `short:"E" name:"err" hidden:"" placeholder:"RR"`
}

// exitUnknown: a code that is not in the catalogue.
const exitUnknown = 3

func (ExplainCommand) Help() string {
	return `Examples:
  tem explain 550
  tem explain 421 4.3.2 --lang vi
  tem explain "550 5.1.1 <an@hanoi.example>: no such user"
  tem explain "-ERR [IN-USE]"
  tem explain "NO [OVERQUOTA]" --json
  tem explain | grep AUTH

Exit code 3: the code is in no catalogue, and was explained by its form if it has one.`
}

// Run explains.
func (c *ExplainCommand) Run(std *streams) error {
	if len(c.replies()) == 0 {
		return c.list(std.out)
	}
	var notes []explain.Note
	var unknown error
	for _, reply := range c.replies() {
		found := explain.Find(reply)
		if len(found) == 0 {
			unknown = &traceError{exitUnknown, fmt.Errorf("%s: %w", reply, explain.ErrUnknown)}
		}
		for _, n := range found {
			notes = append(notes, n.Only(c.Lang))
			if !n.Known && unknown == nil {
				unknown = &traceError{code: exitUnknown}
			}
		}
	}
	if err := c.print(std.out, notes); err != nil {
		return err
	}
	return unknown
}

// replies are what to explain: each argument that was quoted by itself, or all
// of them as one reply.
func (c *ExplainCommand) replies() []string {
	words := c.Code
	if c.Err != "" {
		words = append([]string{"-E" + c.Err}, words...)
	}
	for _, w := range words {
		if strings.Contains(w, " ") {
			return words
		}
	}
	if len(words) == 0 {
		return nil
	}
	return []string{strings.Join(words, " ")}
}

func (c *ExplainCommand) print(w io.Writer, notes []explain.Note) error {
	if c.JSON {
		if notes == nil {
			notes = []explain.Note{}
		}
		return json.NewEncoder(w).Encode(notes)
	}
	for i, n := range notes {
		if i > 0 {
			io.WriteString(w, "\n")
		}
		if err := n.Print(w, c.Lang); err != nil {
			return err
		}
	}
	return nil
}

// list shows the whole catalogue, a line for each code.
func (c *ExplainCommand) list(out io.Writer) error {
	notes := explain.All()
	if c.JSON {
		for i := range notes {
			notes[i] = notes[i].Only(c.Lang)
		}
		return json.NewEncoder(out).Encode(notes)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, n := range notes {
		switch c.Lang {
		case "en":
			tableRow(w, n.Protocol, n.Code, n.Meaning.EN)
		case "vi":
			tableRow(w, n.Protocol, n.Code, n.Meaning.VI)
		default:
			tableRow(w, n.Protocol, n.Code, n.Meaning.EN+" / "+n.Meaning.VI)
		}
	}
	return w.Flush()
}
