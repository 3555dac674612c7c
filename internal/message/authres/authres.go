// Package authres reads and writes Authentication-Results (RFC 8601): what a
// server says of the checks that it made of one message.
//
// Invariant: a Field that Parse returned is written by String in a form that
// Parse reads as the same Field; nothing in a Field can end the line it is on.
package authres

import "strings"

// Name is the field's name.
const Name = "Authentication-Results"

// Field is one field.
type Field struct {
	Host    string   // authserv-id, who says so; "" where the writer left it out
	Version int      // of the syntax; 1 if none is said
	Results []Result // none: no check was made
}

// Result is the outcome of one method. Method, Value, and the type and name of
// properties are in lower case.
type Result struct {
	Method  string // spf, dkim, dmarc, arc, iprev, auth …
	Version int    // of the method; 1 if none is said
	Value   string // pass, fail, none …
	Comment string // the comments behind the value, joined: for people
	Reason  string
	Props   []Prop
}

// Prop is a property that was looked at: smtp.mailfrom=an@hanoi.example.
type Prop struct{ Type, Name, Value string }

// Get is the value of a property; "" if it is not there.
func (r *Result) Get(kind, name string) string {
	for _, p := range r.Props {
		if p.Type == kind && p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Is reports that the field claims to be the word of host.
func (f *Field) Is(host string) bool { return strings.EqualFold(f.Host, host) }
