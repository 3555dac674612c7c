package webserver

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// checkPage wants no element that the template does not have, and one heading.
func checkPage(t *testing.T, page string) {
	t.Helper()
	ours := " !doctype html head meta title style body header p nav a main h1 form input label button h2 table thead tr th tbody td dl dt dd "
	seen := map[string]int{}
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if seen["h1"] != 1 || seen["title"] != 1 || seen["main"] != 1 {
				t.Errorf("elements: %v", seen)
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			seen[token.Data]++
			if !strings.Contains(ours, " "+token.Data+" ") {
				t.Errorf("a foreign element %s in\n%s", token, page)
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "/") {
					t.Errorf("a foreign attribute in %s", token)
				}
			}
		}
	}
}

// TestFront: both languages have everything, for people who typed an address,
// none, or a wrong one.
func TestFront(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	const root = "https://mail.hanoi.example/"
	for name, c := range map[string]struct {
		query, accept string
		code          int
		want          []string
	}{
		"first":          {"", "", 200, []string{`<html lang="en">`, english.Found, english.WholeAddress, `href="/?lang=vi"`, "Incoming mail (IMAP)"}},
		"in Vietnamese":  {"", "vi-VN,vi;q=0.9,en;q=0.8", 200, []string{`<html lang="vi">`, vietnamese.Found, `href="/?lang=en"`}},
		"another tongue": {"", "fr, de;q=0.5", 200, []string{`<html lang="en">`}},
		"clicked":        {"?lang=en", "vi", 200, []string{`<html lang="en">`}},
		"no language":    {"?lang=xx", strings.Repeat("-", 3000), 200, []string{`<html lang="en">`}},
		"address":        {"?emailaddress=+an%40hanoi.example+", "", 200, []string{`href="/mail/settings.mobileconfig?emailaddress=an%40hanoi.example"`, "<dd>an@hanoi.example</dd>", `href="/?lang=vi&amp;emailaddress=an%40hanoi.example"`}},
		"a plus":         {"?emailaddress=an%2Bx%40hanoi.example", "", 200, []string{`href="/mail/settings.mobileconfig?emailaddress=an%2bx%40hanoi.example"`}},
		"no address":     {"?emailaddress=an", "vi", 400, []string{vietnamese.NoAddress, `aria-invalid="true" aria-describedby="mistake"`, `value="an"`}},
		"elsewhere":      {"?emailaddress=an@elsewhere.example", "", 404, []string{english.NotHere}},
		"hostile":        {"?emailaddress=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "", 400, []string{`value="&#34;&gt;&lt;script&gt;`}},
		"out of order":   {"?emailaddress=an@broken.example", "", 500, []string{"try again later"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, root+c.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept-Language", c.accept)
			reply, text := w.do(t, r)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if reply.StatusCode != c.code || reply.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s, %v", reply.Status, reply.Header)
			}
			if c.code != 500 {
				checkPage(t, text)
			}
		})
	}
}

// TestFrontStyle: a browser takes the style of the page only if the policy has its hash.
func TestFrontStyle(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	reply, text := w.ask(t, "GET", "https://mail.hanoi.example/", "")
	_, style, _ := strings.Cut(text, "<style>")
	style, _, ok := strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !ok || style == "" || !strings.Contains(reply.Header.Get("Content-Security-Policy"), want) {
		t.Errorf("want %s in %v for\n%s", want, reply.Header, style)
	}
}

// TestNobodyIsNamed: who has a mailbox and who has none get the same answers.
func TestNobodyIsNamed(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	for _, path := range []string{"/", profilePath, "/mail/config-v1.1.xml"} {
		_, one := w.ask(t, "GET", "https://mail.hanoi.example"+path+"?emailaddress=an@hanoi.example", "")
		_, two := w.ask(t, "GET", "https://mail.hanoi.example"+path+"?emailaddress=xx@hanoi.example", "")
		one, two = ids.ReplaceAllString(one, "ID"), ids.ReplaceAllString(two, "ID")
		if strings.ReplaceAll(strings.ReplaceAll(two, "xx@", "an@"), "xx%40", "an%40") != one {
			t.Errorf("%s tells them apart:\n%s\n%s", path, one, two)
		}
	}
}
