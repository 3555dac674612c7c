package agent

import (
	"fmt"
	"regexp"
	"strings"

	"tem/internal/message"
	"tem/internal/message/authres"
)

// checks are the outcomes of SPF, DKIM, DMARC and ARC that the server which
// took the letter wrote into it.
type checks struct {
	Server  string  `json:"results_by,omitempty"` // whose word it is; "": nobody's that is trusted
	Ignored int     `json:"results_ignored"`      // fields of others, who may have lied
	Results []check `json:"results"`
}

// check is one outcome.
type check struct {
	Method  string `json:"method"`
	Result  string `json:"result"`
	Domain  string `json:"domain,omitempty"`
	IP      string `json:"ip,omitempty"`
	Aligned *bool  `json:"aligned,omitempty"` // with the domain in From; nil: nothing passed
	Reason  string `json:"reason,omitempty"`
}

// readChecks reads the results of the server that took the letter in: those
// above the first Received field that tells of a connection, which only that
// server and those behind it can have written, and behind that field those
// under the name that the field itself has (RFC 8601 §5, §7.1).
func readChecks(h message.Header) checks {
	c := checks{Results: []check{}}
	from, peer := domainOf(h.Get("From")), ""
	border, by := false, ""
	for name, raw := range h.RawFields {
		_, value, _ := strings.Cut(string(raw), ":")
		switch {
		case strings.EqualFold(string(name), "Received"):
			r := message.ParseReceived(value)
			if border {
				by = "" // from here on others have written
			} else if r.From != "" {
				border, by, peer = true, r.By, ipIn(r.Peer)
			}
		case strings.EqualFold(string(name), authres.Name):
			f, err := authres.Parse(value)
			if err != nil || border && !(by != "" && f.Is(by)) || c.Server != "" && !f.Is(c.Server) {
				c.Ignored++
				continue
			}
			c.Server = f.Host
			for i := range f.Results {
				c.Results = append(c.Results, newCheck(&f.Results[i], from))
			}
		}
	}
	for i := range c.Results {
		if r := &c.Results[i]; r.Method == "spf" && r.IP == "" {
			r.IP = peer
		}
	}
	return c
}

func newCheck(r *authres.Result, from string) check {
	c := check{Method: r.Method, Result: r.Value, Reason: r.Reason}
	if c.Reason == "" {
		c.Reason = r.Comment
	}
	for _, p := range [][2]string{{"header", "d"}, {"header", "i"}, {"smtp", "mailfrom"}, {"smtp", "helo"}, {"header", "from"}} {
		if c.Domain == "" {
			c.Domain = r.Get(p[0], p[1])
		}
	}
	for _, p := range [][2]string{{"smtp", "remote-ip"}, {"policy", "iprev"}} {
		if c.IP == "" {
			c.IP = r.Get(p[0], p[1])
		}
	}
	if c.Result == "pass" && c.Domain != "" && from != "" && (c.Method == "spf" || c.Method == "dkim") {
		same := related(domainOf(c.Domain), from)
		c.Aligned = &same
	}
	return c
}

// related: one domain is the other or lies below it. Whether two of one owner
// are, only the DNS tells (RFC 9989); DMARC's own result has that.
func related(a, b string) bool {
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}

// domainOf is the domain of the last address in a text, in lower case.
func domainOf(text string) string {
	text = strings.TrimRight(text[strings.LastIndexByte(text, '@')+1:], "> \t\r\n")
	return strings.ToLower(text)
}

var bracketed = regexp.MustCompile(`\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]`)

// ipIn is the address in the comment of a Received field.
func ipIn(peer string) string {
	if m := bracketed.FindStringSubmatch(peer); m != nil {
		return m[1]
	}
	return ""
}

// shown are the methods of the card, as it names them.
var shown = [...]string{"spf", "dkim", "dmarc", "arc"}

func (c *checks) rows(lang string) (rows [][2]string) {
	l := words(lang)
	for _, method := range shown {
		for i := range c.Results {
			if r := &c.Results[i]; r.Method == method {
				rows = append(rows, [2]string{strings.ToUpper(method), r.text(l)})
			}
		}
	}
	source := c.Server
	if source == "" {
		source = l.noResults
	}
	if c.Ignored > 0 {
		source += "; " + fmt.Sprintf(l.ignored, c.Ignored)
	}
	return append(rows, [2]string{l.results, source})
}

// text is an outcome as Figure 2 writes it: PASS with IP …, 'PASS' with domain ….
func (c *check) text(l labels) string {
	result := strings.ToUpper(c.Result)
	text := "'" + result + "'"
	switch {
	case c.Method == "spf":
		text = result
		if c.IP != "" {
			text += " " + l.withIP + " " + c.IP
		}
		if c.Domain != "" {
			text += ", " + c.Domain
		}
	case c.Domain != "":
		text += " " + l.withDomain + " " + c.Domain
	}
	if c.Aligned != nil {
		text += "; " + map[bool]string{true: l.aligned, false: l.notAligned}[*c.Aligned]
	}
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	return text
}
