package imapserver

import (
	"fmt"
	"math"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// A server may bound how many messages one command works on (RFC 9738). FETCH,
// STORE, SEARCH, MOVE and UID EXPUNGE work on those with the highest UIDs and
// say where they stopped; COPY, APPEND, SORT and THREAD, which do all or
// nothing, are refused. EXPUNGE, CLOSE and STATUS are not bounded.

// pick is view.pick, within the limit.
func (t *turn) pick(set imap.Set, uid bool) ([]int, error) {
	picked, err := t.view.pick(set, uid)
	return t.within(picked), err
}

// within leaves of the messages at indexes that ascend those that this command
// may work on.
func (t *turn) within(picked []int) []int {
	most := t.o.MessageLimit
	if most == 0 || len(picked) <= most {
		return picked
	}
	picked = picked[len(picked)-most:]
	t.cut = t.view.items[picked[0]].UID
	return picked
}

// notTooMany refuses more messages than are allowed (RFC 9738 §3.1).
func (t *turn) notTooMany(n int) error {
	if most := t.o.MessageLimit; most > 0 && n > most {
		return no(fmt.Sprintf("MESSAGELIMIT %d", most), "at most %d messages at a time", most)
	}
	return nil
}

// sayCut tells the lowest UID that was worked on, if the limit left some out:
// with the tagged answer, or before it if that has another code (RFC 9738 §3.1).
func (t *turn) sayCut(r *reply) {
	if t.cut == 0 || r.status != "OK" && !r.didSome() {
		return
	}
	code, text := fmt.Sprintf("MESSAGELIMIT %d %d", t.o.MessageLimit, t.cut), "done from this UID on only"
	if r.code == "" {
		r.code, r.text = code, text
		return
	}
	t.say("* NO [%s] %s", code, text)
}

// didSome reports a refusal of some messages, with the rest of which all was done.
func (r *reply) didSome() bool {
	return r.code == "EXPUNGEISSUED" || r.code == "UNKNOWN-CTE" || strings.HasPrefix(r.code, "MODIFIED ")
}

// limited bounds a query to the messages that may be looked at.
func (f *finder) limited(q mail.Query) (mail.Query, error) {
	t := f.t
	most := t.o.MessageLimit
	if most == 0 {
		return q, nil
	}
	at := f.v.named(q)
	if t.looked += len(at); t.looked <= most {
		return q, nil
	}
	if f.whole {
		return nil, t.notTooMany(t.looked)
	}
	t.cut = f.v.items[at[len(at)-most]].UID
	return mail.And{mail.UIDs{{From: t.cut, To: math.MaxUint32}}, q}, nil
}

// named are the messages that a query must look at: those whose UIDs it asks for
// if it does, else all.
func (v *view) named(q mail.Query) []int {
	terms, several := q.(mail.And)
	if !several {
		terms = mail.And{q}
	}
	sets, in := 0, make([]int, len(v.items)) // in how many of the sets each is
	for _, term := range terms {
		uids, is := term.(mail.UIDs)
		if !is {
			continue
		}
		sets++
		for _, i := range v.among(uids) {
			in[i]++
		}
	}
	at := make([]int, 0, len(in))
	for i, n := range in {
		if n == sets {
			at = append(at, i)
		}
	}
	return at
}

// among are the indexes of those that are in the ranges, ascending and each once.
func (v *view) among(list []mail.UIDRange) []int {
	spans := make([]imap.Range, len(list))
	for i, r := range list {
		spans[i] = v.spanOf(r)
	}
	return flat(spans)
}
