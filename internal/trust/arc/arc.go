// Package arc verifies and extends Authenticated Received Chains: what those
// who passed a message on say that they found when it came to them
// (draft-ietf-dmarc-arc-protocol-23, which became RFC 8617).
//
// Invariant: a chain passes only if every seal verifies and so does the newest
// signature of the message; anything in doubt is a failure, trouble with DNS too.
//
// It starts no goroutines of its own; look-ups are those of package dkim.
package arc

import (
	"fmt"
	"strings"

	"tem/internal/trust/dkim"
)

// The fields of a set (§4.1).
const (
	resultsField = "ARC-Authentication-Results"
	messageField = "ARC-Message-Signature"
	sealField    = "ARC-Seal"
)

// maxSets is how long a chain may be (§4.2.1).
const maxSets = 50

// Result is what became of a chain.
type Result struct {
	Status     dkim.Status // None, Pass or Fail
	Reason     string      // for people: why it failed
	Temporary  bool        // it failed because DNS did not answer
	Sets       []Set       // oldest first; of a chain without form, those that could be told
	OldestPass int         // instance of the oldest signature that still verifies; 0: all do (Options.OldestPass)
}

// Set is what one who passed the message on added.
type Set struct {
	Instance int
	Results  string      // the Authentication-Results as they were then, after i=
	CV       string      // what the seal says of the chain before it: none, pass or fail
	Message  dkim.Result // of the ARC-Message-Signature; Status "" where it was not verified
	Seal     dkim.Result // of the ARC-Seal, likewise
}

// String is the result in a line, as a journey shows it.
func (r Result) String() string {
	s := string(r.Status)
	var who []string
	for _, set := range r.Sets {
		who = append(who, set.Seal.Domain)
	}
	if len(who) > 0 {
		s += ", sealed by " + strings.Join(who, ", then ")
	}
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	return s
}

// Steps tells how the result was come by, in order.
func (r Result) Steps() []dkim.Step {
	var steps []dkim.Step
	for _, set := range r.Sets {
		steps = append(steps, dkim.Step{What: fmt.Sprintf("%s %d", resultsField, set.Instance), Found: set.Results})
		steps = append(steps, labelled(messageField, set.Instance, &set.Message)...)
		steps = append(steps, labelled(sealField, set.Instance, &set.Seal)...)
	}
	return append(steps, dkim.Step{What: "chain", Found: r.String()})
}

// labelled are the steps of one signature; none of one that was not verified.
func labelled(field string, instance int, r *dkim.Result) []dkim.Step {
	if r.Status == "" {
		return nil
	}
	steps := r.Steps()
	for i := range steps {
		steps[i].What = fmt.Sprintf("%s %d: %s", field, instance, steps[i].What)
	}
	return steps
}
