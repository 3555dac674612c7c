package control

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/directory"
	"tem/internal/dnsplan"
	"tem/internal/trust/dkim"
)

// answer runs a verb as the socket does, and returns what would travel.
func answer[T any](t *testing.T, s *Service, verb string, req any) (resp T, err error) {
	t.Helper()
	var raw json.RawMessage
	if err = s.Do(t.Context(), Call{Verb: verb, Request: req, Response: &raw}); err != nil {
		return resp, err
	}
	for _, secret := range []string{"pkcs8", "PRIVATE", "Private", "secret"} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s answers %s", verb, raw)
		}
	}
	must(t, json.Unmarshal(raw, &resp))
	return resp, nil
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := service(t)
	added, err := answer[Keys](t, s, "domain.add", Domain{"hanoi.example"})
	must(t, err)
	if len(added.Keys) != 2 || added.Keys[0].State != "active" || added.Keys[1].State != "active" {
		t.Fatalf("a new domain has the keys %+v", added.Keys)
	}
	for _, k := range added.Keys {
		private, err := s.Directory.PrivateKey(t.Context(), "hanoi.example", k.Selector)
		must(t, err)
		record, err := dkim.Record(private.Private.Public())
		must(t, err)
		if k.Name != k.Selector+"._domainkey.hanoi.example" || k.Record != record {
			t.Errorf("to be published: %s %s, want %s", k.Name, k.Record, record)
		}
	}
	s.Site = func(context.Context) (dnsplan.Site, error) { return dnsplan.Site{Hostname: "mail.hanoi.example"}, nil }
	plan, err := answer[dnsplan.Plan](t, s, "dns.records", DNSPlan{Domain: "hanoi.example"})
	must(t, err)
	if text := strings.Join(plan.ZoneLines(dnsplan.ForDKIM), "\n"); !strings.Contains(text, dnsplan.QuoteText(added.Keys[0].Record)) || !strings.Contains(text, dnsplan.QuoteText(added.Keys[1].Record)) {
		t.Errorf("the plan has other records than the list:\n%s", text)
	}
	if _, err := answer[Keys](t, s, "dkim.add", KeyAdd{"hanoi.example", "active"}); kindOf(err) != Exists {
		t.Errorf("first keys a second time: %v", err)
	}
	next, err := answer[Keys](t, s, "dkim.add", KeyAdd{"hanoi.example", "next"})
	must(t, err)
	changed, err := answer[Keys](t, s, "dkim.activate", KeyNames{Domain: "hanoi.example"})
	must(t, err)
	if len(next.Keys) != 2 || len(changed.Keys) != 4 {
		t.Errorf("new keys %+v; changed when they are activated: %+v", next.Keys, changed.Keys)
	}
	first := added.Keys[0].Selector
	if _, err := answer[Keys](t, s, "dkim.remove", KeyNames{"hanoi.example", []string{first}}); err != nil {
		t.Error(err)
	}
	if _, err := answer[Keys](t, s, "dkim.retire", KeyNames{"hanoi.example", []string{first}}); kindOf(err) != NotFound {
		t.Errorf("retire a key that is gone: %v", err)
	}
	if _, err := answer[Keys](t, s, "dkim.retire", KeyNames{Domain: "hanoi.example"}); kindOf(err) != Invalid {
		t.Errorf("retire nothing: %v", err)
	}
	if _, err := answer[Keys](t, s, "dkim.list", Domain{"hue.example"}); kindOf(err) != NotFound {
		t.Errorf("keys of a domain that is not here: %v", err)
	}
}

func TestKeyToAFileAndBack(t *testing.T) {
	t.Parallel()
	s := service(t)
	ctx := t.Context()
	private, err := directory.GenerateKey(directory.RSA)
	must(t, err)
	must(t, s.Directory.AddDomain(ctx, "hanoi.example", directory.NewKey{Selector: "one", Private: private, State: directory.KeyActive}))
	must(t, s.Directory.AddDomain(ctx, "hue.example"))
	file := filepath.Join(t.TempDir(), "one.pem")
	export := KeyExport{"hanoi.example", "one", file}
	_, err = answer[Nothing](t, s, "dkim.export", export)
	must(t, err)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if _, err := answer[Nothing](t, s, "dkim.export", export); kindOf(err) != Exists {
		t.Errorf("over a file that is there: %v", err)
	}
	if _, err := answer[Nothing](t, s, "dkim.export", KeyExport{"hanoi.example", "one", "x.pem"}); kindOf(err) != Invalid {
		t.Errorf("to a path that is not absolute: %v", err)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private.(*rsa.PrivateKey))})
	for selector, text := range map[string][]byte{"pkcs8": text, "pkcs1": old} {
		if _, err := answer[Keys](t, s, "dkim.import", KeyImport{"hue.example", "p" + selector[4:], "active", text}); err != nil {
			t.Errorf("import %s: %v", selector, err)
		}
	}
	keys, err := s.Directory.SigningKeys(ctx, "hue.example")
	if err != nil || len(keys) != 2 || !keys[0].Private.(*rsa.PrivateKey).Equal(private) {
		t.Errorf("imported %v, %v", keys, err)
	}
	for name, text := range map[string]string{
		"no PEM": "sesame", "encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VzYW1l\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"damaged": "-----BEGIN PRIVATE KEY-----\nc2VzYW1l\n-----END PRIVATE KEY-----\n",
	} {
		_, err := answer[Keys](t, s, "dkim.import", KeyImport{"hue.example", "x", "active", []byte(text)})
		if kindOf(err) != Invalid || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "c2Vz") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := service(t)
	ctx := t.Context()
	must(t, s.Directory.AddDomain(ctx, "hanoi.example"))
	_, err := s.Directory.AddAccount(ctx, mustAddress(t, "linh@hanoi.example"), "", secret, 0)
	must(t, err)
	const linh = "linh@hanoi.example"
	for _, tt := range []struct {
		verb string
		req  any
		want Kind
	}{
		{"settings.show", Address{"no@hanoi.example"}, NotFound},
		{"settings.forward", ForwardSet{Address: linh, Keep: newOf(true)}, Invalid},
		{"settings.forward", ForwardSet{Address: linh, To: []string{"no@hanoi.example"}}, NotFound},
		{"settings.forward", ForwardSet{Address: linh, To: []string{linh}}, Invalid},
		{"settings.forward", ForwardSet{Address: linh, To: []string{"x@hue.example"}, Keep: newOf(true)}, ""},
		{"settings.block", BlockSet{Address: linh, Remove: []string{"x.example"}}, NotFound},
		{"settings.block", BlockSet{Address: linh, Add: []string{"not one@"}}, Invalid},
		{"settings.block", BlockSet{Address: linh, Add: []string{"X.example", "b@y.example"}, Refuse: newOf(true)}, ""},
		{"settings.block", BlockSet{Address: linh, Remove: []string{"@x.example"}}, ""},
		{"settings.reply", ReplySet{Address: linh, Reply: &Reply{Subject: "x"}}, Invalid},
		{"settings.reply", ReplySet{Address: linh, Reply: &Reply{Text: "Away."}}, ""},
		{"settings.tags", TagsSet{linh, "folder"}, Invalid},
		{"settings.tags", TagsSet{linh, "mailbox"}, ""},
	} {
		if _, err := answer[Settings](t, s, tt.verb, tt.req); kindOf(err) != tt.want || (err != nil) != (tt.want != "") {
			t.Errorf("%s %+v: %v, want %q", tt.verb, tt.req, err, tt.want)
		}
	}
	got, err := answer[Settings](t, s, "settings.show", Address{linh})
	must(t, err)
	text, _ := json.Marshal(got)
	want := `{"address":"linh@hanoi.example","forward":["x@hue.example"],"keep":true,"blocked":["b@y.example"],"refuse":true,"tags":"mailbox","reply":{"text":"Away."}}`
	if string(text) != want {
		t.Errorf("settings %s\nwant %s", text, want)
	}
	_, err = answer[Settings](t, s, "settings.forward", ForwardSet{Address: linh, Off: true})
	must(t, err)
	got, err = answer[Settings](t, s, "settings.reply", ReplySet{Address: linh})
	if err != nil || len(got.Forward) != 0 || got.Reply != nil || !got.Refuse {
		t.Errorf("after two are off: %+v, %v", got, err)
	}
}
