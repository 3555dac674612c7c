package arc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"tem/internal/dns"
	"tem/internal/trust/dkim"
)

// suite is one document of the test suite that the authors of ARC published.
type suite struct {
	Description string
	Tests       map[string]struct {
		Message, CV       string
		T                 int64
		Names             string `yaml:"sig-headers"`
		Host              string `yaml:"srv-id"`
		Seal              string `yaml:"AS"`
		Signature         string `yaml:"AMS"`
		Results           string `yaml:"AAR"`
		Spec, Description string
	}
	Domain, Sel string
	PrivateKey  string            `yaml:"privatekey"`
	Records     map[string]string `yaml:"txt-records"`
}

// vectors reads a file of the public test data, which lies beside the
// repository or some way up from it.
func vectors(t *testing.T, name string) (list []suite) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for ; data == nil; dir = filepath.Dir(dir) {
		data, err = os.ReadFile(filepath.Join(dir, "shared/vectors/arc", name))
		if err != nil && dir == filepath.Dir(dir) {
			t.Skipf("%s: the public vectors are not on this machine; testdata covers the same ground", name)
		}
	}
	for d := yaml.NewDecoder(bytes.NewReader(unrepeated(data))); ; {
		var s suite
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
}

// unrepeated numbers the names of tests, of which four are there twice.
func unrepeated(data []byte) []byte {
	var out []byte
	n := 0
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("  ")) && line[2] != ' ' && !bytes.Contains(line, []byte("._domainkey")) {
			if name, ok := bytes.CutSuffix(bytes.TrimSpace(line), []byte(":")); ok {
				n++
				line = fmt.Appendf(nil, "  %s#%d:\n", name, n)
			}
		}
		out = append(out, line...)
	}
	return out
}

// verifier has the keys of a suite.
func (s *suite) verifier(t *testing.T) *dkim.Verifier {
	t.Helper()
	var zone []string
	for name, text := range s.Records {
		zone = append(zone, txt(name, strings.Join(strings.Fields(text), " ")))
	}
	return dkim.NewVerifier(resolver(t, zone...), dkim.Options{})
}

// txt is a TXT record in master-file form.
func txt(name, text string) string {
	record := name + ". TXT"
	for ; len(text) > 200; text = text[200:] {
		record += " " + strconv.Quote(text[:200])
	}
	return record + " " + strconv.Quote(text)
}

func resolver(t testing.TB, zone ...string) *dns.Resolver {
	t.Helper()
	s, err := dns.Serve("127.0.0.1:0", zone...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return dns.NewResolver(s.Address())
}

func onWire(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

func verify(t testing.TB, v *dkim.Verifier, text string, o Options) Result {
	t.Helper()
	m := dkim.NewMessage()
	c := Watch(t.Context(), v, m, o)
	io.Copy(m, strings.NewReader(text))
	return c.Result(t.Context())
}

func TestValidationSuite(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, s := range vectors(t, "arc-draft-validation-tests.yml") {
		v := s.verifier(t)
		for name, c := range s.Tests {
			ran++
			want := strings.ToLower(strings.TrimSpace(c.CV))
			if want == "" {
				// Of chains that a seal says are broken the suite has no opinion;
				// §5.2, steps 2 and 3 have.
				want = "fail"
			}
			r := verify(t, v, onWire(c.Message), Options{})
			if string(r.Status) != want || r.Status == dkim.Fail && r.Reason == "" {
				t.Errorf("%s (%s): %s, want %s", name, c.Description, r, want)
			}
		}
	}
	if ran != 175 { // 171 names, four of them twice
		t.Errorf("%d tests, want 175", ran)
	}
}

func TestSigningSuite(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, s := range vectors(t, "arc-draft-sign-tests.yml") {
		signer, err := dkim.ParseKey([]byte(s.PrivateKey))
		if err != nil {
			t.Fatal(err)
		}
		v := s.verifier(t)
		for name, c := range s.Tests {
			ran++
			m := dkim.NewMessage()
			sealing, err := NewSealing(m, dkim.Key{Domain: s.Domain, Selector: s.Sel, Signer: signer},
				SealOptions{Names: strings.Split(c.Names, ":"), Now: func() time.Time { return time.Unix(c.T, 0) }})
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(m, strings.NewReader(onWire(c.Message)))
			m.Close()
			header, err := m.Header()
			if err != nil {
				t.Fatal(err)
			}
			results := combine(header, c.Host)
			got, err := sealing.Fields(found(results), results)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			seal, rest, _ := strings.Cut(relaxed(string(got)), "\r\n")
			want := ""
			if c.Seal = strings.TrimSpace(c.Seal); c.Seal != "" {
				want = relaxed("ARC-Message-Signature:"+c.Signature) + relaxed("ARC-Authentication-Results:"+c.Results)
			}
			if rest != want {
				t.Errorf("%s:\n%s\nwant\n%s", name, rest, want)
			}
			// The value of a seal depends on how its set is folded: that is for the verifier.
			_, after, _ := strings.Cut(seal, "; cv=")
			if _, same, _ := strings.Cut(relaxed(c.Seal), "; cv="); after+"\r\n" != same && c.Seal != "" {
				t.Errorf("%s: seal %q, want %q", name, after, same)
			}
			if want := strings.Contains(seal, "cv=pass") || strings.Contains(seal, "; cv=none"); want && strings.HasPrefix(name, "message") {
				if r := verify(t, v, string(got)+onWire(c.Message), Options{}); r.Status != dkim.Pass {
					t.Errorf("%s: %s", name, r)
				}
			}
		}
	}
	if ran != 17 {
		t.Errorf("%d tests, want 17", ran)
	}
}

// combine joins what the Authentication-Results fields of one host say into
// what Fields wants (§4.1.1).
func combine(h dkim.Header, host string) string {
	combined := host
	for _, f := range h {
		if !f.Is("Authentication-Results") {
			continue
		}
		server, results, _ := strings.Cut(string(f.Value()), ";")
		name := strings.Fields(withoutComments(server))
		results = strings.Trim(strings.Join(strings.Fields(results), " "), "; ")
		if len(name) > 0 && strings.EqualFold(name[0], host) && results != "" && !strings.EqualFold(results, "none") {
			combined += "; " + results
		}
	}
	if combined == host {
		combined += "; none"
	}
	return combined
}

// found is the arc= of an authentication result.
func found(results string) dkim.Status {
	_, rest, there := strings.Cut(results, "arc=")
	if !there {
		return dkim.Fail
	}
	word, _, _ := strings.Cut(rest, ";")
	return dkim.Status(word)
}

// relaxed shows fields without folds, so that those folded otherwise compare equal.
func relaxed(fields string) string {
	text := strings.TrimRight(fields, " \r\n")
	if text == "" {
		return ""
	}
	var out []byte
	for f := range strings.SplitSeq(text, "\r\n") {
		for i, line := range strings.Split(f, "\n") {
			if line = strings.TrimRight(line, " "); i > 0 || strings.HasPrefix(line, " ") {
				out = append(append(out, ' '), strings.TrimLeft(line, " ")...)
				continue
			}
			if len(out) > 0 {
				out = append(out, "\r\n"...)
			}
			out = append(out, line...)
		}
	}
	var done []byte
	for line := range strings.SplitSeq(string(out), "\r\n") {
		done = dkim.Field{Raw: []byte(line + "\r\n")}.AppendRelaxed(done)
	}
	return string(done)
}
