package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryMailVerbHasExamples: --help of a verb shows how it is used.
func TestEveryMailVerbHasExamples(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(new(struct {
		Mail MailCommand `cmd:""`
	}))
	if err != nil {
		t.Fatal(err)
	}
	verbs := parser.Model.Leaves(true)
	if len(verbs) < 19 {
		t.Errorf("only %d verbs", len(verbs))
	}
	for _, v := range verbs {
		if want := "  tem mail "; !strings.HasPrefix(v.Detail, "Examples:\n"+want) {
			t.Errorf("%s: %q", v.Path(), v.Detail)
		}
		if !strings.Contains(v.Detail, v.Name) {
			t.Errorf("%s is not in its examples: %q", v.Name, v.Detail)
		}
		for _, f := range v.Flags {
			if f.Help == "" && f.PlaceHolder == "" && f.Name != "subject" {
				t.Errorf("%s --%s has no help", v.Path(), f.Name)
			}
		}
	}
}
