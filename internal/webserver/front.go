package webserver

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed front.html
var frontHTML string

//go:embed front.css
var frontCSS string

// frontPage is parsed when somebody looks at it: most programs that start here serve no page.
var frontPage = sync.OnceValue(func() *template.Template { return template.Must(template.New("front").Parse(frontHTML)) })

// frontPolicy lets a browser use the page's own style and form, and nothing else.
var frontPolicy = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(frontCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
})

// view is what the page shows.
type view struct {
	Words   *words
	CSS     template.CSS
	Host    string
	Typed   string // in the field
	Mistake string // about Typed
	Address string // a good one; "": none was typed
	Ways    []way
	Profile string // where Apple's profile is; "": there is none
}

// way is one service in words.
type way struct{ Kind, Port, Security string }

// front is what a person sees who gives the server's name to a browser: the
// settings in words, for the address that they type.
func (s *Server) front(r *http.Request) (answer, error) {
	q := r.URL.Query()
	w := wordsFor(q.Get("lang"), r.Header.Get("Accept-Language"))
	v := view{Words: w, CSS: template.CSS(frontCSS), Host: s.o.Hostname, Typed: strings.TrimSpace(q.Get("emailaddress"))}
	code, err := s.typed(r, &v)
	if err != nil {
		return answer{}, err
	}
	for _, kind := range []string{"imap", "pop3", "smtp"} {
		for _, service := range s.o.Services {
			if service.Kind == kind {
				v.Ways = append(v.Ways, w.way(service))
			}
		}
	}
	if _, _, ok := s.account(); ok && v.Address != "" {
		v.Profile = profilePath
	}
	var b strings.Builder
	if err := frontPage().Execute(&b, v); err != nil {
		return answer{}, fmt.Errorf("write the page of settings: %w", err)
	}
	return answer{kind: "text/html; charset=utf-8", body: b.String(), what: "page of settings", code: code, policy: frontPolicy()}, nil
}

// typed looks at the address that was typed, if one was: a mistake is told on
// the page, in whose status it is, too.
func (s *Server) typed(r *http.Request, v *view) (code int, err error) {
	if v.Typed == "" {
		return http.StatusOK, nil
	}
	p, err := s.person(r, v.Typed, "", "")
	known := (*refusal)(nil)
	switch {
	case err == nil:
		v.Address = p.login
		return http.StatusOK, nil
	case !errors.As(err, &known):
		return 0, err
	case known.code == http.StatusNotFound:
		v.Mistake = v.Words.NotHere
	default:
		v.Mistake = v.Words.NoAddress
	}
	return known.code, nil
}

// way says what a service is for, where it is and how it begins.
func (w *words) way(s Service) way {
	kind := map[string]string{"imap": w.IMAP, "pop3": w.POP3, "smtp": w.SMTP}[s.Kind]
	if s.Implicit {
		return way{kind, fmt.Sprint(s.Port), "SSL/TLS"}
	}
	return way{kind, fmt.Sprint(s.Port), "STARTTLS"}
}

// spoken are the languages of the page, as wordsFor has them.
var spoken = sync.OnceValue(func() language.Matcher {
	return language.NewMatcher([]language.Tag{language.English, language.Vietnamese})
})

// wordsFor chooses the language: the one that was clicked, or what the browser
// asks for (RFC 9110 §12.5.4).
func wordsFor(clicked, accepted string) *words {
	known := []*words{&english, &vietnamese}
	for _, w := range known {
		if w.Tag == clicked {
			return w
		}
	}
	_, i := language.MatchStrings(spoken(), accepted)
	return known[i]
}
