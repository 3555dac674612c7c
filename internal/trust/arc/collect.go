package arc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tem/internal/trust/dkim"
)

// set is a set as it stands in the header.
type set struct {
	results    *dkim.Field
	message    *dkim.Signature
	messageErr error // why message can't be verified
	seal       *dkim.Signature
	sealErr    error
	cv         string
}

// collect returns the sets by instance, [0] being that of 1, and what is wrong
// with their form (§5.2, steps 1 to 3). The sets are told as far as they can be.
func collect(h dkim.Header) (sets []set, err error) {
	complain := func(e error) {
		if err == nil {
			err = e
		}
	}
	for _, f := range h {
		field := nameOf(f)
		if field == "" {
			continue
		}
		add, instance, e := read(f, field)
		if e != nil {
			complain(fmt.Errorf("%s: %w", field, e))
			continue
		}
		for len(sets) < instance {
			sets = append(sets, set{})
		}
		if !add(&sets[instance-1]) {
			complain(fmt.Errorf("there are two fields %s with i=%d", field, instance))
		}
	}
	if n := len(sets); n > 0 && sets[n-1].cv == "fail" {
		return sets, fmt.Errorf("the newest seal, of set %d, says that the chain was broken before (cv=fail)", n)
	}
	for i, s := range sets {
		complain(s.check(i + 1))
	}
	return sets, err
}

// nameOf is the name of an ARC field as we write it, "" for others.
func nameOf(f dkim.Field) string {
	for _, name := range []string{resultsField, messageField, sealField} {
		if f.Is(name) {
			return name
		}
	}
	return ""
}

// read returns how to put the field in the set of its instance: false when
// there is one already.
func read(f dkim.Field, name string) (add func(*set) bool, instance int, err error) {
	if name == resultsField {
		instance, _, err = resultsInstance(string(f.Value()))
		return func(s *set) bool {
			first := s.results == nil
			s.results = &f
			return first
		}, instance, err
	}
	form := dkim.FormARC
	if name == sealField {
		form = dkim.FormSeal
	}
	sig, problem := dkim.ParseSignature(f, form)
	text, there := sig.Tags.Get("i")
	switch {
	case sig.Tags == nil:
		return nil, 0, problem
	case !there:
		return nil, 0, errors.New("it has no i=")
	}
	instance, err = position(text)
	if name == messageField {
		return func(s *set) bool { return s.setMessage(sig, problem) }, instance, err
	}
	return func(s *set) bool { return s.setSeal(sig, problem) }, instance, err
}

func (s *set) setMessage(sig *dkim.Signature, problem error) bool {
	first := s.message == nil
	s.message, s.messageErr = sig, problem
	for _, name := range sig.Names {
		if problem == nil && strings.EqualFold(name, sealField) { // §4.1.2
			s.messageErr = errors.New("the signature covers a seal, which is made after it")
		}
	}
	return first
}

func (s *set) setSeal(sig *dkim.Signature, problem error) bool {
	first := s.seal == nil
	s.seal, s.sealErr = sig, problem
	s.cv, _ = sig.Tags.Get("cv")
	if _, listed := sig.Tags.Get("h"); listed && problem == nil { // §4.1.3
		s.sealErr = errors.New("the seal has an h=, which is not allowed")
	}
	return first
}

// check says what is wrong with the form of a set (§5.2, step 3).
func (s *set) check(instance int) error {
	want := "pass"
	if instance == 1 {
		want = "none"
	}
	switch {
	case s.results == nil:
		return fmt.Errorf("set %d has no %s", instance, resultsField)
	case s.message == nil:
		return fmt.Errorf("set %d has no %s", instance, messageField)
	case s.seal == nil:
		return fmt.Errorf("set %d has no %s", instance, sealField)
	case s.cv != want:
		return fmt.Errorf("the seal of set %d says cv=%.20q where it must say %s", instance, s.cv, want)
	}
	return nil
}

// position reads an instance: 1 to 50 in one or two digits (§3.9).
func position(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || len(s) > 2 || n < 1 || n > maxSets {
		return 0, fmt.Errorf("i=%.20q is not a number from 1 to %d", s, maxSets)
	}
	return int(n), nil
}

// resultsInstance reads the start of an ARC-Authentication-Results: i=N and a
// semicolon, with comments anywhere between (§3.9, §4.1.1), and returns what follows.
func resultsInstance(value string) (instance int, payload string, err error) {
	head, payload, found := strings.Cut(value, ";")
	head = strings.Join(strings.Fields(withoutComments(head)), "")
	number, isInstance := strings.CutPrefix(head, "i=")
	if !found || !isInstance {
		return 0, "", errors.New("it does not begin with i= and a number")
	}
	instance, err = position(number)
	return instance, strings.Join(strings.Fields(payload), " "), err
}

// withoutComments is s with a space in place of each comment (RFC 5322 §3.2.2).
func withoutComments(s string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			if depth--; depth == 0 {
				b.WriteByte(' ')
			}
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
