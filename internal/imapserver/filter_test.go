package imapserver

import (
	"strings"
	"testing"

	"tem/internal/mail"
)

// setFilters keeps named searches, as SETMETADATA does.
func setFilters(t *testing.T, s *Server, filters ...string) {
	t.Helper()
	var own, shared []mail.Entry
	for _, f := range filters {
		name, text, _ := strings.Cut(f, "=")
		e := mail.Entry{Name: name, Value: []byte(text)}
		if strings.HasPrefix(name, "/private") {
			e.User = personID(t, s)
			own = append(own, e)
		} else {
			shared = append(shared, e)
		}
	}
	if err := accountOf(t, s).SetMetadata(t.Context(), 0, own); err != nil {
		t.Fatal(err)
	}
	if err := s.o.Mail.SetServerMetadata(t.Context(), shared); err != nil {
		t.Fatal(err)
	}
}

// RFC 5466 §3.1
func TestFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	setFilters(t, s, `/private/filters/values/on-the-road=OR SMALLER 50 FROM "a@x.example"`,
		"/shared/filters/values/on-the-road=SMALLER 1", "/shared/filters/values/two=2 FILTER On-The-Road", "/shared/filters/values/three=FILTER two ALL",
		"/private/filters/values/loop=OR FILTER loop ALL", "/private/filters/values/half=OR SMALLER", "/private/filters/values/many="+strings.Repeat("FILTER none ", 20)+"ALL",
		"/private/filters/values/none=ALL", "/private/filters/values/since=MODSEQ 3")
	p := selectedPeer(t, s)
	for _, c := range []struct{ command, first string }{
		{"SEARCH UID 2:900 FILTER on-the-road SINCE 3-Dec-1990", "* SEARCH 2 3"},
		{"SEARCH NOT FILTER on-the-road", "* SEARCH"},
		{"SEARCH FILTER three", "* SEARCH 2"},
		{"SEARCH CHARSET UTF-8 FILTER two", "* SEARCH 2"},
		{"SEARCH CHARSET ISO-8859-1 FILTER two", "x BAD [BADCHARSET"},
		{"SEARCH FILTER gone", "x NO [UNDEFINED-FILTER gone]"},
		{"SEARCH FILTER loop", "x NO [UNDEFINED-FILTER loop]"},
		{"SEARCH FILTER half", "x NO [UNDEFINED-FILTER half]"},
		{"SEARCH FILTER many", "x NO [UNDEFINED-FILTER none]"},
		{"SORT (DATE) UTF-8 FILTER three", "* SORT 2"},
		{"SEARCH FILTER since", "* OK [HIGHESTMODSEQ"}, // MODSEQ in a filter turns CONDSTORE on
		{"SEARCH FILTER since", "* SEARCH 3 (MODSEQ 3)"},
	} {
		if got := p.do(c.command)[0]; !strings.HasPrefix(got, c.first) {
			t.Errorf("%s: %q, want %q", c.command, got, c.first)
		}
	}
}
