package login

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// filter is the filter that administrators are given.
const filter = "../../docs/fail2ban/tem.conf"

// failregexes are the expressions of the filter as Go's regexp has them.
func failregexes(t *testing.T) (all []*regexp.Regexp) {
	t.Helper()
	text, err := os.ReadFile(filter)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "failregex =")
	if !ok {
		t.Fatalf("%s has no failregex", filter)
	}
	for l := range strings.Lines(rest) {
		l = strings.TrimSpace(l)
		if l == "" {
			break
		}
		all = append(all, regexp.MustCompile(strings.Replace(l, "<HOST>", `(?P<host>[0-9A-Fa-f:.]+)`, 1)))
	}
	return all
}

// offenders are the addresses that the filter finds in the lines of a log; it
// looks at each line without its time, as fail2ban does.
func offenders(t *testing.T, log string) (all []string) {
	t.Helper()
	when := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	for l := range strings.Lines(log) {
		l = strings.TrimSuffix(l, "\n")
		if at := when.FindStringIndex(l); at != nil {
			l = l[:at[0]] + l[at[1]:]
		}
		for _, r := range failregexes(t) {
			if m := r.FindStringSubmatch(l); m != nil {
				all = append(all, m[r.SubexpIndex("host")])
			}
		}
	}
	return all
}

func TestFail2ban(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		for _, c := range []struct {
			fn   func(*Visit)
			want string
		}{
			{func(v *Visit) { v.Failed("an@hanoi.example", "PLAIN", "credentials") }, "[192.0.2.7]"},
			{func(v *Visit) { v.Failed("", "LOGIN", "malformed") }, "[192.0.2.7]"},
			{func(v *Visit) { v.Succeeded("an@hanoi.example", "PLAIN", nil) }, "[]"},
		} {
			line := logged(json, c.fn)
			if got := fmt.Sprint(offenders(t, line)); got != c.want {
				t.Errorf("%s: would ban %v, want %s", line, got, c.want)
			}
		}
	}
}
