package config

import (
	"strings"
	"testing"

	"tem/internal/trust"
)

func TestTrust(t *testing.T) {
	t.Parallel()
	c, err := load(t, six+"[trust]\ndnsbl = [\"BL.example=reject\", \"good.example.=allow\"]\ntrusted_sealers = [\"List.example\"]\ntrusted_networks = [\"192.0.2.0/24\", \"2001:db8::1\"]\nspf_fail = \"quarantine\"\n")
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Trust.Options(c.Hostname)
	if err != nil || len(o.Lists) != 2 || o.Lists[0] != (trust.List{Zone: "bl.example", Action: trust.Reject}) || o.Lists[1] != (trust.List{Zone: "good.example", Allow: true}) ||
		o.TrustedSealers[0] != "list.example" || len(o.TrustedNetworks) != 2 || o.TrustedNetworks[1].Bits() != 128 || o.SPFFail != trust.Quarantine || !o.EnforceDMARC || !c.Trust.Enabled {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestTrustMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`spf_fail = "refuse"`:                 `trust.spf_fail = "refuse": it may be accept`,
		`dnsbl = ["bl.example"]`:              `"bl.example": the action may be`,
		`dnsbl = ["bl.example=drop"]`:         `the action may be`,
		`dnsbl = ["=reject"]`:                 `write ZONE=ACTION`,
		`dnsbl = ["[192.0.2.1]=reject"]`:      `write ZONE=ACTION`,
		`trusted_sealers = ["a b"]`:           `"a b" is not a domain name`,
		`trusted_networks = ["192.0.2.1/24"]`: `"192.0.2.1/24" is not a network`,
		`trusted_networks = ["mx.example"]`:   `is not a network`,
		`enforce = true`:                      `unknown key "trust.enforce"`,
		`dnsbl = ["` + strings.Repeat(`a.example=accept", "`, 21) + `b.example=accept"]`: "at most 20",
	} {
		if _, err := load(t, six+"[trust]\n"+text+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
