package journey

import (
	"testing"
	"time"

	"tem/internal/message/dsn"
)

func status(reply int, a, b, c uint16, text string) dsn.Status {
	return dsn.Status{Reply: reply, Code: dsn.Code{a, b, c}, Text: text}
}

func TestCauses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind   Kind
		status dsn.Status
		reason string
		cause  string
		party  Party
	}{
		{Deferred, status(0, 4, 4, 3, "no answer from the name servers"), "DNS: SERVFAIL", "dns", Wait},
		{Failed, status(0, 5, 1, 2, "no such domain"), "", "no-domain", Sender},
		{Failed, status(556, 5, 1, 10, "x.example takes none"), "", "null-mx", Sender},
		{Deferred, status(0, 4, 4, 1, "no answer from mx [192.0.2.1:25]: connection refused"), "", "connection", Wait},
		{Failed, status(0, 4, 4, 7, "delivery time expired; last: 4.4.1 no answer"), "", "connection", OtherSide},
		{Failed, status(0, 4, 4, 7, "over"), "", "expired", Sender},
		{Deferred, status(0, 4, 7, 5, "certificate"), "MTA-STS: name mismatch", "mta-sts", OtherSide},
		{Deferred, status(0, 4, 7, 5, "no TLSA record matches"), "", "dane", OtherSide},
		{Failed, status(0, 5, 7, 30, "not offered"), "", "requiretls", Sender},
		{Failed, status(0, 5, 7, 10, "the sender requires TLS, and neither DNSSEC nor MTA-STS says that the host is the domain's"), "", "requiretls", Sender},
		{Deferred, status(451, 4, 7, 1, "Greylisted, come back"), "", "greylisted", Wait},
		{Deferred, status(421, 4, 7, 28, "Our system has detected an unusual rate"), "", "rate", Wait},
		{Failed, status(550, 5, 7, 1, "[192.0.2.9] listed at Spamhaus"), "", "blocked-address", Operator},
		{Refused, status(550, 5, 7, 1, "the address that this comes from is blocked: bl.example lists 192.0.2.9"), "", "blocked-address", OtherSide},
		{Failed, status(550, 5, 7, 25, "no PTR"), "", "blocked-address", Operator},
		{Deferred, status(452, 4, 2, 2, "x"), "", "full", Recipient},
		{Failed, status(552, 5, 2, 2, "x"), "", "full", Recipient},
		{Refused, status(550, 5, 1, 1, "No such user here"), "", "no-user", Sender},
		{Failed, status(550, 0, 0, 0, "nope"), "", "no-user", Sender},
		{Refused, status(550, 5, 7, 23, "x"), "", "spf", Sender},
		{Refused, status(550, 5, 7, 20, "x"), "", "dkim", Sender},
		{Refused, status(550, 5, 7, 1, "rejected by the DMARC policy of x"), "", "dmarc", Sender},
		{Refused, status(552, 5, 3, 4, "x"), "", "too-large", Sender},
		{Refused, status(550, 5, 7, 1, "Junk is not forwarded, and this looks like it: suspicious by the DMARC policy of loop.example"), "", "junk-not-forwarded", Sender},
		{Refused, status(451, 4, 4, 3, "Junk is not forwarded, and this looks like it: DNS"), "", "junk-not-forwarded", Sender},
		{Refused, status(554, 5, 4, 6, "x"), "", "loop", OtherSide},
		{Refused, status(550, 5, 7, 1, "The recipient does not take mail from this sender"), "", "blocked-sender", Recipient},
		{Refused, status(550, 5, 7, 1, "x"), "sender is blocked", "blocked-sender", Recipient},
		{Refused, status(551, 5, 7, 1, "User not local; relaying denied"), "", "relay", Sender},
		{Refused, status(450, 4, 2, 1, "blocked for now"), "", "disabled", Operator},
		{Refused, status(451, 4, 3, 0, "x"), "", "internal", Sender},
		{Failed, status(554, 5, 7, 1, "x"), "", "policy", Sender},
		{Failed, status(535, 5, 7, 8, "x"), "", "login", Sender},
		{Failed, status(530, 5, 7, 0, "x"), "", "login", Sender},
		{Deferred, status(0, 4, 7, 8, "no login at relay hub, which its operator must mend: 535 5.7.8 wrong"), "", "relay-login", Operator},
		{Failed, status(0, 4, 4, 7, "delivery time expired; last: 4.7.8 no login at relay hub, which its operator must mend: x"), "", "relay-login", Operator},
		{Failed, status(530, 5, 7, 0, "Must issue a STARTTLS command first"), "", "tls", OtherSide},
		{Deferred, status(0, 4, 7, 5, "relay.example does not offer TLS, which is a must (relay)"), "", "tls", OtherSide},
		{Deferred, status(421, 4, 7, 0, "[TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints"), "", "rate", Wait},
		{Failed, status(554, 5, 7, 9, "Message not accepted for policy reasons"), "", "policy", Sender},
		{Failed, status(550, 5, 7, 999, "x"), "", "policy", Sender},
		{Failed, status(550, 5, 6, 0, "x"), "", "policy", Sender},
		{Failed, status(550, 5, 7, 515, "Access denied, sending domain a.example doesn't meet the required authentication level"), "", "dkim", Sender},
		{Failed, status(550, 5, 7, 606, "Access denied, banned sending IP [192.0.2.1]"), "", "blocked-address", Operator},
		{Failed, status(550, 5, 4, 1, "Recipient address rejected: Access denied"), "", "no-user", Sender},
		{Failed, status(550, 5, 1, 10, "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"), "", "no-user", Sender},
		{Failed, status(550, 5, 5, 0, "Requested action not taken: mailbox unavailable"), "", "no-user", Sender},
		{Deferred, status(450, 4, 2, 1, "The user you are trying to contact is receiving mail at a rate that prevents additional messages"), "", "rate", Wait},
		{Deferred, status(450, 4, 1, 8, "Sender address rejected: Domain not found"), "", "sender-address", Operator},
		{Failed, status(550, 5, 1, 8, "x"), "", "sender-address", Operator},
		{Failed, status(554, 5, 7, 1, "Relay access denied"), "", "relay", OtherSide},
		{Deferred, status(0, 4, 7, 8, "no login at relay hub, which its operator must mend: dial tcp: lookup"), "", "relay-login", Operator},
		{Deferred, status(0, 4, 7, 0, "no token for relay hub for now: x509: connection refused"), "", "token", Wait},
		{Failed, status(554, 5, 6, 0, "x"), "", "policy", Sender},
		{Deferred, status(0, 0, 0, 0, ""), "", "", Wait},
		{Failed, status(0, 5, 6, 3, "x"), "", "", Sender},
	} {
		e := Event{Kind: tt.kind, To: []string{"a@b.example"}, Status: tt.status, Reason: tt.reason, Next: time.Unix(9, 0)}
		trip := Trip{Events: []Event{e}}
		for _, lang := range []string{"en", "vi"} {
			a := Answers(&trip, lang)[0]
			if a.Cause != tt.cause || a.Party != tt.party {
				t.Errorf("%s %s %s: %s, %s; want %s, %s", tt.kind, tt.status, tt.reason, a.Cause, a.Party, tt.cause, tt.party)
			}
			if a.What == "" || a.Whose == "" || a.Next == "" {
				t.Errorf("%s %s: incomplete: %+v", tt.kind, tt.status, a)
			}
			if a.Until.IsZero() == (tt.kind == Deferred) {
				t.Errorf("%s: until %v", tt.kind, a.Until)
			}
		}
	}
}

// Every cause names parties and says everything in both languages, and its own
// codes and words lead to a cause.
func TestEveryCauseIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range causes {
		if seen[c.name] {
			t.Errorf("%s twice", c.name)
		}
		seen[c.name] = true
		if partyTexts[c.later].EN == "" || partyTexts[c.never].VI == "" || c.why.EN == "" || c.why.VI == "" || c.next.EN == "" || c.next.VI == "" {
			t.Errorf("%s is incomplete", c.name)
		}
		for _, w := range c.words {
			if causeOf(dsn.Status{Text: w}, "", "") == nil {
				t.Errorf("%q leads nowhere", w)
			}
		}
	}
}

// Names of people and servers are no causes, and another server's trouble is not this one's.
func TestNamesAreNoCauses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status dsn.Status
		cause  string
	}{
		{dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "<an@spf.example>: Recipient address rejected", Remote: "mx.dane.example"}, "no-user"},
		{dsn.Status{Code: dsn.Code{4, 4, 2}, Text: "connection with mx.dane.example [192.0.2.1:25] dropped: EOF", Remote: "mx.dane.example"}, "connection"},
		{dsn.Status{Code: dsn.Code{5, 1, 1}, Text: "the mailbox was unlooped"}, "no-user"},
		{dsn.Status{Reply: 550, Code: dsn.Code{5, 7, 1}, Text: "an@a.example failed (SPF)"}, "spf"},
		{dsn.Status{Code: dsn.Code{4, 4, 3}, Text: "MX of tls.example: SERVFAIL"}, "dns"},
		{dsn.Status{Code: dsn.Code{5, 1, 2}, Text: "host dmarc-loop.TLS.example not found"}, "no-domain"},
	} {
		if found := causeOf(c.status, c.status.Text, "an@tls.example"); found == nil || found.name != c.cause {
			t.Errorf("%v: %+v, want %s", c.status, found, c.cause)
		}
	}
	later := Trip{Events: []Event{{Kind: Deferred, To: []string{"a@b"}, Status: dsn.Status{Reply: 450, Code: dsn.Code{4, 2, 1}, Text: "try later", Remote: "mx.b"}}}}
	if a := Answers(&later, "en")[0]; a.Party != Wait {
		t.Errorf("%+v", a)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	to := func(k Kind, e Event) Event { e.Kind, e.To = k, []string{"a@b.example"}; return e }
	for _, tt := range []struct {
		name   string
		events []Event
		state  State
		party  Party
	}{
		{"taken", []Event{to(Accepted, Event{})}, Underway, Wait},
		{"placed", []Event{to(Accepted, Event{}), to(Placed, Event{Mailbox: "INBOX"})}, There, Nobody},
		{"junk", []Event{to(Placed, Event{Mailbox: "Junk"})}, There, Recipient},
		{"junk by policy", []Event{to(Accepted, Event{Verdict: "SPF fail: x\naction: quarantine\nbecause quarantined by the DMARC policy of b.example"}), to(Placed, Event{Mailbox: "Junk"})}, There, Recipient},
		{"gone", []Event{to(Queued, Event{}), to(Attempted, Event{Remote: "mx"}), to(Delivered, Event{Status: dsn.Status{Reply: 250, Remote: "mx"}})}, There, OtherSide},
		{"gone before it was noted that it is queued", []Event{to(Attempted, Event{Job: "M-1", Remote: "mx"}), to(Delivered, Event{Job: "M-1", Status: dsn.Status{Reply: 250, Remote: "mx"}}), to(Accepted, Event{}), to(Queued, Event{Job: "M-1"})}, There, OtherSide},
		{"queued anew by another job", []Event{to(Failed, Event{Job: "M-1"}), to(Queued, Event{Job: "M-2"})}, Waiting, Wait},
		{"held", []Event{to(Queued, Event{}), {Kind: Changed, Reason: "held"}}, Held, Operator},
		{"released", []Event{to(Queued, Event{}), {Kind: Changed, Reason: "held"}, {Kind: Changed, Reason: "released"}}, Waiting, Wait},
		{"dropped", []Event{to(Queued, Event{}), {Kind: Changed, Reason: "dropped"}}, Dropped, Nobody},
		{"given up", []Event{to(Queued, Event{}), to(Changed, Event{Reason: ReasonGivenUp, Status: status(0, 5, 3, 0, "given up by the administrator")})}, Ended, Operator},
		{"rerouted while held", []Event{to(Queued, Event{}), {Kind: Changed, Reason: ReasonHeld}, {Kind: Changed, Reason: ReasonRerouted + "mx"}}, Held, Operator},
		{"rerouted", []Event{to(Queued, Event{}), {Kind: Changed, Reason: ReasonRerouted + "mx"}}, Waiting, Wait},
		{"held back", []Event{to(Queued, Event{Reason: ReasonHeldBack, Next: time.Unix(9, 0)})}, Waiting, Wait},
		{"alias", []Event{{Kind: Accepted, To: []string{"all@b.example"}}, to(Placed, Event{Mailbox: "INBOX"})}, There, Nobody},
		{"tried after it failed", []Event{to(Failed, Event{Status: status(550, 5, 1, 1, "")}), to(Attempted, Event{})}, Ended, Sender},
		{"no recipient", []Event{{Kind: Refused, Status: status(554, 5, 7, 1, "")}}, Turned, Sender},
	} {
		trip := Trip{Events: tt.events}
		if a := Answers(&trip, "en"); len(a) != 1 || a[0].State != tt.state || a[0].Party != tt.party {
			t.Errorf("%s: %+v", tt.name, a)
		} else if tt.name == "junk by policy" && a[0].Cause != "dmarc" {
			t.Errorf("%s: because of %s", tt.name, a[0].Cause)
		}
	}
}
