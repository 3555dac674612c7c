package webserver

import (
	"cmp"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"tem/internal/address"
)

// The names below a domain at which it is asked.
const (
	policyHost       = "mta-sts"
	autoconfigHost   = "autoconfig"
	autodiscoverHost = "autodiscover"
)

// page answers one kind of request.
type page struct {
	method string
	answer func(*Server, *http.Request) (answer, error)
}

// answer is what a page has to say.
type answer struct {
	kind   string // its Content-Type
	body   string
	what   string // for the log
	code   int    // 0: 200
	policy string // its Content-Security-Policy; "": that of what shows and loads nothing
}

// pageAt finds the page of a path; paths are few, so nothing else is looked up.
func pageAt(path string) (page, bool) {
	switch path {
	case "/":
		return page{http.MethodGet, (*Server).front}, true
	case profilePath:
		return page{http.MethodGet, (*Server).profile}, true
	case "/.well-known/mta-sts.txt": // RFC 8461 §3.3
		return page{http.MethodGet, (*Server).policy}, true
	// Thunderbird's two places: https://wiki.mozilla.org/Thunderbird:Autoconfiguration
	case "/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml":
		return page{http.MethodGet, (*Server).autoconfig}, true
	}
	if strings.EqualFold(path, "/autodiscover/autodiscover.xml") { // QUIRK(Outlook): each version writes it in letters of its own
		return page{http.MethodPost, (*Server).autodiscover}, true
	}
	return page{}, false
}

// refusal is an error that is an answer, too.
type refusal struct {
	code int
	why  string // for the log
}

func (r *refusal) Error() string { return r.why }

// nothing: there is no such page, or no such domain.
func nothing(why string) error { return &refusal{http.StatusNotFound, why} }

// ServeHTTP is http.Handler's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Strict-Transport-Security", "max-age=31536000") // RFC 6797 §6.1.1; other hosts of the domain are not ours to bind
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address that was typed is in ours
	a, err := s.find(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.o.Log.Info("web", "told", a.what, "host", r.Host, "remote", clientOf(r))
	h.Set("Content-Type", a.kind)
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy)
	}
	w.WriteHeader(cmp.Or(a.code, http.StatusOK))
	io.WriteString(w, a.body) // for HEAD, net/http counts it only
}

func (s *Server) find(w http.ResponseWriter, r *http.Request) (answer, error) {
	p, ok := pageAt(r.URL.Path)
	if !ok {
		return answer{}, nothing("no such page")
	}
	if r.Method != p.method && !(p.method == http.MethodGet && r.Method == http.MethodHead) {
		w.Header().Set("Allow", p.method) // RFC 9110 §15.5.6
		return answer{}, &refusal{http.StatusMethodNotAllowed, "method " + r.Method}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	return p.answer(s, r)
}

// missing is what people see who look for something else here.
const missing = `<!doctype html>
<meta charset="utf-8">
<title>Tem</title>
<p lang="en">There is nothing here. This server is for mail; <a href="/?lang=en">how to set up a mail program</a>.
<p lang="vi">Không có gì ở đây. Máy chủ này dành cho thư; <a href="/?lang=vi">cách cấu hình phần mềm thư</a>.
`

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	level := slog.LevelDebug // anybody can ask for anything
	code, body := http.StatusInternalServerError, "<!doctype html>\n<title>Tem</title>\n<p lang=\"en\">An error of this server; try again later.\n<p lang=\"vi\">Máy chủ gặp lỗi; hãy thử lại sau.\n"
	if known, ok := err.(*refusal); ok {
		code, body = known.code, missing
	} else if r.Context().Err() == nil { // else the client has gone, which is no error of ours
		level = slog.LevelError
	}
	s.o.Log.Log(r.Context(), level, "web request refused", "code", code, "method", r.Method, "host", r.Host, "path", r.URL.Path, "remote", clientOf(r), "err", err)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, body)
}

func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// hostOf is the name that a request is for, in the form of the directory; "" if it is none.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host, err := address.Domain(strings.TrimSuffix(host, "."))
	if err != nil || strings.HasPrefix(host, "[") {
		return ""
	}
	return host
}

// ours returns the domain if its mail is kept here, and a refusal if not.
func (s *Server) ours(r *http.Request, domain string) (string, error) {
	if domain == "" {
		return "", nothing("no domain")
	}
	local, err := s.o.Local(r.Context(), domain)
	if err == nil && !local {
		err = nothing("domain " + domain + " is not here")
	}
	return domain, err
}

// policy is the MTA-STS policy, of a domain of ours only: at any other name it
// would speak for somebody who did not ask us.
func (s *Server) policy(r *http.Request) (answer, error) {
	domain, ok := strings.CutPrefix(hostOf(r), policyHost+".")
	if !ok || s.o.Policy == "" {
		return answer{}, nothing("no policy")
	}
	if _, err := s.ours(r, domain); err != nil {
		return answer{}, err
	}
	return answer{kind: "text/plain; charset=us-ascii", body: s.o.Policy, what: "MTA-STS policy"}, nil // RFC 8461 §3.3
}
