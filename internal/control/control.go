// Package control is the door for whoever runs the server: one method for each
// thing that can be asked, over the directory, the mail and the queue. It is
// reached through a unix socket in the data directory while a server runs, and
// directly in the store while none does (see Do).
//
// Invariant: both ways run the same code on the same request; no answer and no
// error has a password or a private key in it.
//
// Door.Serve owns the goroutines of its connections and waits for them.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/dnsplan"
	"tem/internal/journey"
	"tem/internal/mail"
	"tem/internal/queue"
	"tem/internal/reports"
)

// Service does what the verbs say. Of a letter no verb tells more than its
// sender, subject and size.
type Service struct {
	Directory *directory.Directory
	Mail      *mail.Store
	Queue     *queue.Queue
	Journal   *journey.Journal
	Reports   *reports.Reports
	Places    Places
	Reload    func(ctx context.Context) error                 // nil: there is no server to reload
	Site      func(ctx context.Context) (dnsplan.Site, error) // what others see of the server; nil: its configuration is not known
	Route     func(string) error                              // says what is wrong with a way out (queue.Job.Route); nil: the relays are not known
	Log       *slog.Logger                                    // of what is asked through the socket, without its arguments; nil: none
}

// Kind sorts errors so that they survive the socket.
type Kind string

// The kinds of Error.
const (
	Failed   Kind = "failed" // anything else
	NotFound Kind = "not_found"
	Exists   Kind = "exists"
	Invalid  Kind = "invalid"
	NoRoom   Kind = "no_room" // a quota is in the way
	Stopped  Kind = "stopped" // by whoever asked, or by the end of the server
)

// Error is what went wrong, in words for the person who asked.
type Error struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

func (e *Error) Error() string { return e.Text }

func errorf(k Kind, format string, args ...any) error {
	return &Error{k, fmt.Sprintf(format, args...)}
}

// asError turns any error into one that can travel.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, queue.ErrNotFound):
		return &Error{NotFound, err.Error()}
	case errors.Is(err, directory.ErrExists):
		return &Error{Exists, err.Error()}
	case errors.Is(err, directory.ErrInvalid):
		return &Error{Invalid, err.Error()}
	case errors.Is(err, context.Canceled):
		return &Error{Stopped, "stopped before the end"}
	}
	return &Error{Failed, err.Error()}
}

// Progress is told how much of something long is done.
type Progress func(done, total int)

// watcher is told how something long goes on. Neither function is nil.
type watcher struct {
	progress Progress
	found    func(v any) // what is worth a line before the end
}

// handler runs one verb: a request's JSON in, a response out.
type handler func(ctx context.Context, s *Service, request json.RawMessage, w watcher) (any, error)

// verbs is all that can be asked.
func verbs() map[string]handler {
	return map[string]handler{
		"domain.add":       verb((*Service).AddDomain),
		"domain.list":      verb((*Service).ListDomains),
		"domain.remove":    verb((*Service).RemoveDomain),
		"domain.set":       longVerb((*Service).SetDomain),
		"dkim.list":        verb((*Service).ListKeys),
		"dkim.add":         verb((*Service).AddKeys),
		"dkim.activate":    verb((*Service).ActivateKeys),
		"dkim.retire":      verb((*Service).RetireKeys),
		"dkim.remove":      verb((*Service).RemoveKeys),
		"dkim.import":      verb((*Service).ImportKey),
		"dkim.export":      verb((*Service).ExportKey),
		"account.add":      verb((*Service).AddAccount),
		"account.list":     verb((*Service).ListAccounts),
		"account.remove":   verb((*Service).RemoveAccount),
		"account.password": verb((*Service).SetPassword),
		"account.set":      verb((*Service).SetAccount),
		"account.import":   longVerb((*Service).Import),
		"account.deleted":  verb((*Service).ListDeleted),
		"account.restore":  longVerb((*Service).Restore),
		"settings.show":    verb((*Service).ShowSettings),
		"settings.forward": verb((*Service).SetForward),
		"settings.block":   verb((*Service).SetBlocked),
		"settings.reply":   verb((*Service).SetReply),
		"settings.tags":    verb((*Service).SetTags),
		"list.add":         verb((*Service).AddList),
		"list.list":        verb((*Service).ListLists),
		"list.remove":      verb((*Service).RemoveList),
		"list.members":     verb((*Service).ChangeMembers),
		"queue.list":       longVerb((*Service).ListQueue),
		"queue.show":       verb((*Service).ShowQueue),
		"queue.retry":      longVerb((*Service).RetryQueue),
		"queue.drop":       longVerb((*Service).DropQueue),
		"dns.records":      verb((*Service).PlanDNS),
		"journey":          verb((*Service).FindJourney),
		"reports.dmarc":    verb((*Service).DMARCReports),
		"reports.tls":      verb((*Service).TLSReports),
		"reports.sent":     verb((*Service).SentReports),
		"reports.send":     verb((*Service).SendReports),
		"queue.stats":      verb((*Service).QueueStats),
		"queue.hold":       longVerb((*Service).HoldQueue),
		"queue.release":    longVerb((*Service).ReleaseQueue),
		"queue.bounce":     longVerb((*Service).BounceQueue),
		"queue.reroute":    longVerb((*Service).RerouteQueue),
		"store.info":       verb((*Service).StoreInfo),
		"store.check":      longVerb((*Service).CheckStore),
		"reload":           verb((*Service).ReloadServer),
	}
}

func verb[Req, Resp any](do func(*Service, context.Context, Req) (Resp, error)) handler {
	return longVerb(func(s *Service, ctx context.Context, req Req, _ watcher) (Resp, error) {
		return do(s, ctx, req)
	})
}

func longVerb[Req, Resp any](do func(*Service, context.Context, Req, watcher) (Resp, error)) handler {
	return func(ctx context.Context, s *Service, request json.RawMessage, w watcher) (any, error) {
		var req Req
		if err := json.Unmarshal(request, &req); err != nil {
			// The decoder's own words can quote the request, so they are left out.
			return nil, errorf(Invalid, "the request is not one that this version of tem knows")
		}
		return do(s, ctx, req, w)
	}
}

// run finds and runs a verb; its errors are *Error.
func (s *Service) run(ctx context.Context, name string, request json.RawMessage, w watcher) (json.RawMessage, error) {
	do, ok := verbs()[name]
	if !ok {
		return nil, errorf(Invalid, "%q is nothing that this version of tem can do", name)
	}
	resp, err := do(ctx, s, request, w)
	if err != nil {
		return nil, asError(err)
	}
	out, err := json.Marshal(resp)
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// Nothing is the request or response that has nothing to say.
type Nothing struct{}

// ReloadServer makes a running server read its configuration and certificates again.
func (s *Service) ReloadServer(ctx context.Context, _ Nothing) (Nothing, error) {
	if s.Reload == nil {
		return Nothing{}, errorf(Failed, "no server is running: there is nothing to reload")
	}
	return Nothing{}, s.Reload(ctx)
}

// parseAddress reads the address of something.
func parseAddress(s string) (address.Address, error) {
	a, err := address.Parse(s)
	if err != nil {
		return a, errorf(Invalid, "%q is not an address: %v", s, err)
	}
	if a.IsNull() {
		return a, errorf(Invalid, "the address is empty")
	}
	return a, nil
}

// domainName is the form in which a domain is stored.
func domainName(s string) (string, error) {
	name, err := address.Domain(s)
	if err != nil || name == "" {
		return "", errorf(Invalid, "%q is not a domain", s)
	}
	return name, nil
}

// parseListAddress reads an address or a catch-all, @domain.
func parseListAddress(s string) (address.Address, error) {
	name, ok := strings.CutPrefix(s, "@")
	if !ok {
		return parseAddress(s)
	}
	domain, err := address.Domain(name)
	if err != nil || domain == "" {
		return address.Address{}, errorf(Invalid, "%q is neither an address nor @ and a domain", s)
	}
	return address.Address{Domain: domain}, nil
}

// showAddress writes what parseListAddress reads.
func showAddress(a address.Address) string {
	if a.Local == "" {
		return "@" + a.Domain
	}
	return a.String()
}

func showAddresses(as []address.Address) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = showAddress(a)
	}
	return out
}
