package spf

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tem/internal/dns"
)

// scenario is a zone and questions, in the form of the published test suite of RFC 7208.
type scenario struct {
	Description string
	Tests       map[string]vector
	Zonedata    map[string][]yaml.Node
}

type vector struct {
	Helo, Host, Mailfrom string
	Result               oneOrMore
	Explanation          string
}

// oneOrMore is a text, or a list of texts.
type oneOrMore []string

func (l *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(l))
	}
	*l = []string{n.Value}
	return nil
}

func TestOwnVectors(t *testing.T) {
	t.Parallel()
	runSuite(t, "testdata/vectors.yml")
}

func TestPublishedSuite(t *testing.T) {
	t.Parallel()
	const file = "../../../../shared/vectors/spf/rfc7208-tests.yml"
	if _, err := os.Stat(file); err != nil {
		t.Skip("the published test suite of RFC 7208 is not there: ", err)
	}
	if n := runSuite(t, file); n < 200 {
		t.Errorf("only %d tests", n)
	}
}

func runSuite(t *testing.T, file string) (count int) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := yaml.NewDecoder(f); ; {
		var s scenario
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return count
		} else if err != nil {
			t.Fatal(err)
		}
		count += len(s.Tests)
		t.Run(s.Description, s.run)
	}
}

func (s scenario) run(t *testing.T) {
	t.Parallel()
	records, faults, err := s.zone()
	if err != nil {
		t.Fatal(err)
	}
	server, err := faults.Serve("127.0.0.1:0", records...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	r := dns.NewResolver(server.Address())
	for name, v := range s.Tests {
		ip := netip.MustParseAddr(v.Host)
		got := Check(t.Context(), r, Query{IP: ip, Hello: v.Helo, Sender: v.Mailfrom, Receiver: "mx.example", Now: time.Unix(0, 0), Detail: true})
		want := v.Explanation
		if want == "DEFAULT" {
			want = ""
		}
		if !slices.Contains(v.Result, string(got.Result)) || v.Explanation != "" && !strings.EqualFold(got.Explanation, want) {
			t.Errorf("%s: %s, want %v: %s\nexplanation %q, want %q\n%+v", name, got.Result, v.Result, got.Reason, got.Explanation, v.Explanation, got.Steps)
		}
		if got.Reason == "" || got.Lookups > maxLookups || got.Result == "" {
			t.Errorf("%s: incomplete: %+v", name, got)
		}
	}
}

// zone turns zone data into master-file lines, and into names that fail.
// SPF records are TXT records too unless some are given.
func (s scenario) zone() (lines []string, faults dns.Faults, err error) {
	faults = dns.Faults{}
	for name, list := range s.Zonedata {
		var spf, txt []string
		hasTXT, silent := false, false
		for _, n := range list {
			if n.Kind == yaml.ScalarNode { // TIMEOUT
				silent = true
				continue
			}
			kind, value := n.Content[0].Value, n.Content[1]
			texts := strs(value)
			switch kind {
			case "SPF":
				spf = append(spf, quote(texts))
			case "TXT":
				hasTXT = true
				if texts[0] != "NONE" {
					txt = append(txt, quote(texts))
				}
			case "MX":
				lines = append(lines, fmt.Sprintf("%s. MX %s %s.", escape(name), texts[0], strings.TrimSuffix(texts[1], ".")))
			case "PTR", "CNAME":
				lines = append(lines, fmt.Sprintf("%s. %s %s.", escape(name), kind, strings.TrimSuffix(texts[0], ".")))
			default:
				lines = append(lines, fmt.Sprintf("%s. %s %s", escape(name), kind, texts[0]))
			}
		}
		if !hasTXT {
			txt = spf
		}
		for _, text := range txt {
			if text != "" {
				lines = append(lines, fmt.Sprintf("%s. TXT %s", escape(name), text))
			}
		}
		if silent && len(txt) == 0 {
			faults[strings.ToLower(name)] = dns.ServFail
		}
	}
	return lines, faults, nil
}

// strs are the texts of a scalar or a list.
func strs(n *yaml.Node) (out []string) {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, c := range n.Content {
		out = append(out, c.Value)
	}
	return out
}

// quote writes the strings of a TXT record.
func quote(texts []string) string {
	var b strings.Builder
	for _, s := range texts {
		for first := true; first || s != ""; first = false {
			part := s[:min(len(s), 255)]
			s = s[len(part):]
			b.WriteString(` "`)
			for i := range len(part) {
				if c := part[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
					fmt.Fprintf(&b, `\%03d`, c)
				} else {
					b.WriteByte(c)
				}
			}
			b.WriteString(`"`)
		}
	}
	return b.String()
}
