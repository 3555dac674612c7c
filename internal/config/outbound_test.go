package config

import "testing"

func TestRelayTLS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, tls       string
		clear, implicit bool
	}{
		{"smtp.example.com:587", "", false, false},
		{"smtp.example.com:465", "implicit", false, true},
		{"127.0.0.1:25", "none", true, false},
		{"lmtp://127.0.0.1:24", "", false, false},
		{"lmtp:///run/dovecot/lmtp", "", true, false}, // nobody reads a socket on its way
		{"lmtp:///run/dovecot/lmtp", "starttls", false, false},
	} {
		o := Outbound{Relay: []Relay{{Name: "r", Host: c.host, TLS: c.tls, For: []string{"*"}}}}
		if err := o.check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if r := o.Relays()[0]; r.Clear != c.clear || r.Implicit != c.implicit {
			t.Errorf("%+v: clear %v, implicit %v", c, r.Clear, r.Implicit)
		}
	}
}
