package imapserver

import (
	"context"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The bounds of named searches that refer to others (RFC 5466 §3.1), which also
// end those that refer to themselves.
const (
	maxFilterDepth = 5
	maxFilters     = 16 // in one command
)

// Where named searches are, among the annotations of the server (RFC 5466 §3.2).
const (
	ownFilters    = "/private/filters/values/"
	sharedFilters = "/shared/filters/values/"
)

// expansion puts named searches in the place of FILTER keys.
type expansion struct {
	t    *turn
	left int // how many may still be put in
}

// expand returns the key with what its FILTER keys stand for in their place. A
// charset that their texts don't have is refused (RFC 5466 §3.1).
func (t *turn) expand(ctx context.Context, charset string, key *imap.Key) (*imap.Key, error) {
	if !has(key, imap.Filter) {
		return key, nil
	}
	if charset != "" && charset != "UTF-8" && charset != "US-ASCII" {
		return nil, &reply{"BAD", "BADCHARSET (US-ASCII UTF-8)", "filters are in UTF-8"}
	}
	e := expansion{t, maxFilters}
	expanded, err := e.key(ctx, *key, maxFilterDepth)
	return &expanded, err
}

func (e *expansion) key(ctx context.Context, k imap.Key, depth int) (imap.Key, error) {
	if k.Op == imap.Filter {
		return e.filter(ctx, k.Text, depth)
	}
	keys := make([]imap.Key, len(k.Keys))
	for i := range k.Keys {
		var err error
		if keys[i], err = e.key(ctx, k.Keys[i], depth); err != nil {
			return k, err
		}
	}
	k.Keys = keys
	return k, nil
}

// filter reads a named search; one that is no search is as good as none.
func (e *expansion) filter(ctx context.Context, name string, depth int) (k imap.Key, err error) {
	undefined := no("UNDEFINED-FILTER "+name, "there is no such filter, or it goes too deep")
	if e.left--; depth == 0 || e.left < 0 {
		return k, undefined
	}
	text, err := e.t.filterText(ctx, name)
	if text == "" && err == nil || isKind(err, mail.Invalid) {
		return k, undefined
	} else if err != nil {
		return k, err
	}
	k, err = imap.ParseProgram(text, imap.Mode{UTF8: true, UIDOnly: e.t.enabled.uidOnly})
	if err != nil {
		return k, no("UNDEFINED-FILTER "+name, "the filter is no search: %s", err)
	}
	return e.key(ctx, k, depth-1)
}

// filterText is what a name stands for: a filter of the person's own before one
// that is shared (RFC 5466 §3.1); "" if there is neither.
func (t *turn) filterText(ctx context.Context, name string) (string, error) {
	name = strings.ToLower(name) // names of entries have no case
	list, err := t.account.Metadata(ctx, 0, t.person.ID, []string{ownFilters + name}, mail.Exact)
	if err == nil && len(list) == 0 {
		list, err = t.o.Mail.ServerMetadata(ctx, []string{sharedFilters + name}, mail.Exact)
	}
	if err != nil || len(list) == 0 {
		return "", err
	}
	return string(list[0].Value), nil
}

// checkFilter refuses a named search that is none (RFC 5466 §3.2). What other
// filters it refers to is seen when it is used.
func checkFilter(m imap.Metadata) error {
	name, is := strings.CutPrefix(m.Name, ownFilters)
	if !is {
		name, is = strings.CutPrefix(m.Name, sharedFilters)
	}
	if !is || m.Value == nil || strings.Contains(name, "/") { // which names of filters don't have (§4)
		return nil
	}
	if _, err := imap.ParseProgram(string(m.Value), imap.Mode{UTF8: true}); err != nil {
		return no("CANNOT", "the filter %s is no search: %s", name, err)
	}
	return nil
}
