package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// testTime is how long something may take that takes a moment, on a machine that
// is slow and has much else to do: where a name server did not answer in time, or
// a server, a letter is tried again after a minute.
const testTime = 3 * time.Minute

// post is a server of hue.example with name servers of its own and mail servers around it.
type post struct {
	*node
	names *names
	an    person
	binh  person
}

// newPost starts a server; more is added to its configuration, [outbound] to
// that section.
func newPost(t *testing.T, n *names, sinks []*sink, outbound, more string) *post {
	t.Helper()
	return newPostIn(t, t.TempDir(), n, sinks, outbound, more)
}

// newPostIn is newPost with its data in a directory that is there, or can be made.
func newPostIn(t *testing.T, data string, n *names, sinks []*sink, outbound, more string) *post {
	t.Helper()
	var ports []string
	for _, s := range sinks {
		ports = append(ports, s.route())
	}
	p := &post{names: n, node: newNodeIn(t, data, "mail.hue.example", fmt.Sprintf("%s\n[outbound]\ndns = [%q]\nports = { %s }\n%s\n",
		more, n.at, strings.Join(ports, ", "), outbound))}
	p.do(t, "domain", "add", "hue.example")
	p.an, p.binh = p.addAccount(t, "an@hue.example"), p.addAccount(t, "binh@hue.example")
	return p
}

// mx are the records of a domain whose mail a sink takes.
func mx(domain string, s *sink) []string {
	return []string{domain + ". MX 10 " + s.name + ".", s.name + ". A 127.0.0.1"}
}

// writes submits a letter of An's; params follow the sender, and each recipient may have its own behind a space.
func (p *post) writes(t *testing.T, subject, params string, to ...string) {
	t.Helper()
	c, err := dialSMTP(p.At("submission"), &p.an)
	must(t, err)
	defer c.Close()
	must(t, c.say(250, "MAIL FROM:<%s>%s", p.an.Address, params))
	for _, r := range to {
		address, wishes, _ := strings.Cut(r, " ")
		must(t, c.say(250, "RCPT TO:<%s> %s", address, wishes))
	}
	must(t, c.say(354, "DATA"))
	w := c.DotWriter()
	fmt.Fprintf(w, "From: %s\nTo: %s\nSubject: %s\nMessage-ID: <%s@hue.example>\n\nXin chào.\n", p.an.Address, strings.Fields(to[0])[0], subject, subject)
	must(t, w.Close())
	_, _, err = c.ReadResponse(250)
	must(t, err)
}

// answer is what `tem journey --json` says of one recipient.
type answer struct{ To, State, Cause, What, Why, Reply, Party, Whose, Next string }

// journey is the part of `tem journey --json` that tests look at.
type journey struct {
	ID      string
	Answers []answer
	Events  []struct{ Kind, Remote, TLS, Policy, Reason, Dialogue, Verdict, Mailbox string }
}

// journey asks for the newest journey of something until ok is content with its first answer.
func (p *post) journey(t *testing.T, what string, ok func(answer) bool) journey {
	t.Helper()
	for began := time.Now(); ; time.Sleep(pause(began)) {
		out, said, code := p.asks(t, "journey", what, "--json")
		var all struct{ Trips []journey }
		if code == 0 {
			if err := json.Unmarshal([]byte(out), &all); err != nil {
				t.Fatalf("the journey of %s: %v\n%s\nstandard error: %s", what, err, out, said)
			}
		}
		if len(all.Trips) > 0 && len(all.Trips[0].Answers) > 0 && ok(all.Trips[0].Answers[0]) {
			return all.Trips[0]
		}
		if time.Since(began) > testTime {
			queue, _ := p.admin(t, "queue", "list")
			t.Fatalf("the journey of %s did not come to what was expected in %v; the last answer, with exit code %d, is\n%s\nstandard error: %s\nthe queue:\n%s",
				what, testTime, code, out, said, queue)
		}
	}
}

func inState(state string) func(answer) bool { return func(a answer) bool { return a.State == state } }

// becomes waits until a journey is in a state, for a cause and with the next move somebody's:
// a letter that waits to be tried for the first time waits too, without a cause.
func (p *post) becomes(t *testing.T, what, state, cause, party string) journey {
	t.Helper()
	return p.journey(t, what, func(a answer) bool { return a.State == state && a.Cause == cause && a.Party == party })
}

var queuedAs = regexp.MustCompile(`queued as ([0-9A-Z]{26})`)
