package dnsbl

import (
	"net/netip"
	"strings"
	"testing"

	"tem/internal/dns"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	s, err := dns.Faults{"1.2.0.192.slow.example": dns.ServFail}.Serve("127.0.0.1:0",
		"1.2.0.192.bl.example. A 127.0.0.4", `1.2.0.192.bl.example. TXT "seen in a trap\010https://bl.example/?192.0.2.1"`,
		"1.2.0.192.refuses.example. A 127.255.255.254", "1.2.0.192.parked.example. A 203.0.113.9",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example. A 127.0.0.2",
	)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := dns.NewResolver(s.Address())
	zones := []string{"bl.example", "refuses.example", "parked.example", "slow.example", "none.example"}
	for ip, want := range map[string]string{
		"192.0.2.1": "yes err err err no", "::ffff:192.0.2.1": "yes err err err no", "192.0.2.2": "no no no no no", "2001:db8::1": "yes no no no no", "10.0.0.1": "no no no no no", "127.0.0.1": "no no no no no",
	} {
		var got []string
		for _, res := range Check(t.Context(), r, zones, netip.MustParseAddr(ip)) {
			word := map[bool]string{true: "yes", false: "no"}[res.Listed]
			if res.Err != nil {
				word = "err"
			}
			got = append(got, word)
			if strings.ContainsAny(res.String(), "\n") || !strings.Contains(res.String(), res.Zone) {
				t.Errorf("%q", res)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}
