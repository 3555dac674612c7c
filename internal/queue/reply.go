package queue

import (
	"strings"
	"time"

	"tem/internal/message/dsn"
)

// move is what a reply asks of everything else that is for the same site.
type move int

// From the mildest to the strongest.
const (
	goOn  move = iota // it is about this message or recipient alone
	probe             // nobody answers: one attempt at a time finds out when that changes
	ease              // slow down for a time
	block             // stop: somebody must look
)

// advice is what to learn from a status.
type advice struct {
	move
	pause, most time.Duration // before the next attempt: the first time, and at most
	rate        bool          // it came too fast, rather than too many at once
	crowd       bool          // too many connections at once: those that there are may go on
	status      dsn.Status
}

// Advice by move; a pause is doubled while trouble lasts.
var (
	easeOff   = advice{move: ease, pause: 30 * time.Second, most: 30 * time.Minute}
	easeCrowd = advice{move: ease, pause: 30 * time.Second, most: 30 * time.Minute, crowd: true}
	easeRate  = advice{move: ease, pause: time.Minute, most: time.Hour, rate: true}
	blockedUs = advice{move: block, pause: 15 * time.Minute, most: 4 * time.Hour}
	silence   = advice{move: probe, pause: time.Minute, most: 30 * time.Minute}
)

// says is a part of a reply, in small letters, that tells what is meant.
type says struct {
	class int // 4 or 5; 0: either
	words string
	advice
}

// known is read from its beginning: what is special stands before what is
// general. The words are those that the providers publish:
//
//	Google     support.google.com/a/answer/3726730
//	Microsoft  sendersupport.olc.protection.outlook.com/pm/troubleshooting,
//	           learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online
//	Yahoo      senders.yahooinc.com/smtp-error-codes
var known = [...]says{
	// Google: about one recipient, however much it looks like a rate.
	{4, "the user you are trying to contact is receiving mail", advice{}}, // 450 4.2.1
	{4, "receiving mail too quickly", advice{}},                           // 450 4.2.1
	{0, "over quota", advice{}},                                           // 452 4.2.2
	{0, "out of storage", advice{}},                                       // 452 4.2.2
	// Google: about our address or domain.
	{4, "unusual rate of unsolicited", easeRate},                                  // 421 4.7.28
	{4, "unusual rate of email", easeRate},                                        // 421 4.7.28
	{4, "peak smtp relay limit", easeRate},                                        // 450 4.2.1
	{4, "4.7.28", easeRate},                                                       // IP, domain, DKIM domain or SPF domain
	{5, "5.7.28", blockedUs},                                                      // the same, for good
	{4, "4.7.26", easeOff},                                                        // unauthenticated mail is rate limited
	{5, "5.7.26", blockedUs},                                                      // neither SPF nor DKIM passes: each message will fare so
	{5, "5.7.25", blockedUs},                                                      // no PTR record of the sending address
	{5, "does not have a ptr record", blockedUs},                                  // the same in words
	{4, "4.7.23", blockedUs},                                                      // no PTR record, for now
	{4, "try again later, closing connection", easeOff},                           // 421 4.7.0
	{4, "suspicious due to the very low reputation", easeOff},                     // 421 4.7.0
	{5, "suspicious due to the very low reputation of the sending ip", blockedUs}, // 550 5.7.1
	// Microsoft: Exchange Online, then outlook.com.
	{4, "4.7.500", easeOff},     // 451 server busy, code AS…
	{4, "4.7.650", easeRate},    // 451 address [..] was temporarily rate limited due to IP reputation
	{4, "4.7.651", easeRate},    // 421, 451: the same
	{4, "server busy", easeOff}, // 421 4.4.5 at Google, 451 at Microsoft
	{4, "exceeded the maximum number of connections", easeCrowd},
	{4, "maximum number of concurrent", easeCrowd}, // 421 4.3.2 of Exchange
	{5, "5.7.511", blockedUs},                      // access denied, banned sender
	{5, "5.7.606", blockedUs},                      // … to 5.7.649: access denied, banned sending IP
	{5, "banned sending ip", blockedUs},
	{5, "5.7.708", blockedUs}, // low reputation of the address
	{4, "(rp-001)", easeRate}, // the sending rate of the address is over what its reputation allows
	{4, "(rp-002)", easeRate},
	{4, "(rp-003)", easeCrowd}, // connections at once
	{5, "s3140", blockedUs},    // 550 5.7.1: part of their network is on our block list
	{5, "s3150", blockedUs},
	{5, "(sc-00", blockedUs}, {5, "(dy-00", blockedUs}, {5, "(ou-00", blockedUs},
	// Yahoo and AOL.
	{4, "[tss0", easeRate}, // 421 4.7.0 temporarily deferred: unexpected volume or complaints
	{4, "[ts01]", easeRate}, {4, "[ts02]", easeRate},
	{4, "[ts03]", blockedUs}, // 421 4.7.1 all messages … permanently deferred
	{4, "permanently deferred", blockedUs},
	{5, "[bl2", blockedUs}, // 553 5.7.1: on a block list
	{5, "connections not accepted from", blockedUs},
	{4, "temporarily deferred due to", easeRate},
	// Anybody: block lists by name, and plain words.
	{5, "spamhaus", blockedUs}, {5, "barracudanetworks", blockedUs}, {5, "spamcop", blockedUs},
	{4, "greylist", advice{}}, {4, "graylist", advice{}}, // what this message waits for, the next one may not
	{4, "too many connections", easeCrowd}, {4, "too many concurrent", easeCrowd},
	{4, "too many open connections", easeCrowd}, {4, "too many sessions", easeCrowd},
	{4, "too many messages", easeRate}, {4, "too many emails", easeRate},
	{4, "rate limit", easeRate}, {4, "ratelimit", easeRate}, {4, "throttl", easeRate},
}

// advise reads one status.
func advise(status dsn.Status) advice {
	a := adviseOn(status)
	a.status = status
	return a
}

func adviseOn(status dsn.Status) advice {
	if status.OK() {
		return advice{}
	}
	text := strings.ToLower(status.String())
	class := 5
	if status.Temporary() {
		class = 4
	}
	if status.Reply != 0 {
		for _, s := range known {
			if (s.class == 0 || s.class == class) && strings.Contains(text, s.words) {
				return s.advice
			}
		}
	}
	switch {
	case class == 5:
		return advice{}
	case status.Reply == 421: // RFC 5321 §3.8: the server ends the session
		return easeOff
	case status.Reply == 0 && status.Code[1] == 4: // RFC 3463 §3.5: network and routing
		return silence
	}
	return advice{}
}

// adviseAll is the strongest advice of an attempt. A message that was taken
// shows that the site is alive.
func adviseAll(statuses []dsn.Status) advice {
	var all advice
	for _, status := range statuses {
		switch a := advise(status); {
		case a.move > all.move, a.move == all.move && !all.status.OK():
			all = a
		}
	}
	return all
}
