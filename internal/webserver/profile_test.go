package webserver

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// texts are the values of a profile by their keys; of those that are there
// twice the first, which is the account's.
func texts(t *testing.T, profile string) map[string]string {
	t.Helper()
	values, key, text := map[string]string{}, "", ""
	d := xml.NewDecoder(strings.NewReader(profile))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return values
		} else if err != nil {
			t.Fatalf("%v\n%s", err, profile)
		}
		switch token := token.(type) {
		case xml.StartElement:
			text = ""
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			switch name := token.Name.Local; {
			case name == "key":
				key = text
			case key != "" && values[key] == "":
				values[key] = name + " " + text
			}
		}
	}
}

// ids are UUIDs of version 8.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func ask(t *testing.T, s *Server, page func(*Server, *http.Request) (answer, error), mailbox string) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://mail.hanoi.example/?emailaddress="+url.QueryEscape(mailbox), nil)
	if err != nil {
		t.Fatal(err)
	}
	return page(s, r)
}

// TestProfileServices: one service for each way, the best; none without both.
func TestProfileServices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		services []Service
		want     string // type, and ports in and out; "": no profile
	}{
		"all":       {[]Service{{"smtp", 465, true}, {"smtp", 587, false}, {"pop3", 995, true}, {"imap", 993, true}, {"imap", 143, false}}, "string EmailTypeIMAP integer 993 integer 465"},
		"in clear":  {[]Service{{"smtp", 587, false}, {"imap", 143, false}}, "string EmailTypeIMAP integer 143 integer 587"},
		"POP3 only": {[]Service{{"smtp", 465, true}, {"pop3", 995, true}}, "string EmailTypePOP integer 995 integer 465"},
		"no way in": {[]Service{{"smtp", 465, true}}, ""},
		"no way on": {[]Service{{"imap", 993, true}}, ""},
	} {
		o := options(io.Discard)
		o.Services = c.services
		s := New(o)
		a, err := ask(t, s, (*Server).profile, "an@hanoi.example")
		front, errFront := ask(t, s, (*Server).front, "an@hanoi.example")
		if linked := strings.Contains(front.body, profilePath); errFront != nil || linked != (c.want != "") {
			t.Errorf("%s: the page links the profile: %v, %v", name, linked, errFront)
		}
		if known := (*refusal)(nil); c.want == "" {
			if !errors.As(err, &known) || known.code != http.StatusNotFound {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		v := texts(t, a.body)
		if got := strings.Join([]string{v["EmailAccountType"], v["IncomingMailServerPortNumber"], v["OutgoingMailServerPortNumber"]}, " "); err != nil || got != c.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if strings.Contains(a.body, "<false/>") || v["IncomingPassword"]+v["OutgoingPassword"] != "" {
			t.Errorf("%s: a way without TLS, or a password:\n%s", name, a.body)
		}
	}
}

// TestProfileNames: what is installed again replaces what was there, and
// nothing else; upper case does not make another account.
func TestProfileNames(t *testing.T) {
	t.Parallel()
	s := New(options(io.Discard))
	seen := map[string]string{}
	for _, c := range []struct {
		mailbox string
		again   bool
	}{{"an@hanoi.example", false}, {"an@HANOI.example", true}, {"binh@hanoi.example", false}} {
		a, err := ask(t, s, (*Server).profile, c.mailbox)
		if err != nil {
			t.Fatal(err)
		}
		v := texts(t, a.body)
		id := v["PayloadUUID"]
		if _, again := seen[id]; again != c.again || ids.FindString(id) != strings.TrimPrefix(id, "string ") || v["PayloadIdentifier"] != "string example.hanoi.mail.mail."+strings.TrimPrefix(id, "string ") {
			t.Errorf("%s: %s, %s", c.mailbox, id, v["PayloadIdentifier"])
		}
		seen[id] = c.mailbox
	}
}

func FuzzProfile(f *testing.F) {
	for _, mailbox := range []string{"an@hanoi.example", `"</string>&\"\\"@hanoi.example`, "<an@hanoi.example>", "\x00\x01@hanoi.example", "an@\xff.example", "]]>@hanoi.example", `"{{.}}"@hanoi.example`} {
		f.Add(mailbox)
	}
	s := New(options(io.Discard))
	f.Fuzz(func(t *testing.T, mailbox string) {
		a, err := ask(t, s, (*Server).profile, mailbox)
		if err == nil {
			v := texts(t, a.body)
			if v["EmailAddress"] != v["IncomingMailServerUsername"] || !strings.HasSuffix(v["EmailAddress"], "@hanoi.example") || v["IncomingMailServerHostName"] != "string mail.hanoi.example" {
				t.Errorf("%q: %v", mailbox, v)
			}
		}
		page, errPage := ask(t, s, (*Server).front, mailbox)
		if errPage != nil {
			if err == nil {
				t.Errorf("%q: a profile, and no page: %v", mailbox, errPage)
			}
			return
		}
		checkPage(t, page.body)
	})
}
