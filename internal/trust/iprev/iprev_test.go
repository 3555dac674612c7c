package iprev

import (
	"net/netip"
	"testing"

	"tem/internal/dns"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	s, err := dns.Faults{"4.2.0.192.in-addr.arpa": dns.ServFail, "slow.example": dns.ServFail}.Serve("127.0.0.1:0",
		"1.2.0.192.in-addr.arpa. PTR no.example.", "1.2.0.192.in-addr.arpa. PTR mx.example.", "mx.example. A 192.0.2.1", "mx.example. AAAA 2001:db8::1",
		"2.2.0.192.in-addr.arpa. PTR mx.example.", "5.2.0.192.in-addr.arpa. PTR slow.example.",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mx.example.",
	)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := dns.NewResolver(s.Address())
	for ip, want := range map[string]Value{
		"192.0.2.1": Pass, "::ffff:192.0.2.1": Pass, "2001:db8::1": Pass, "192.0.2.2": Fail, "192.0.2.3": PermError, "192.0.2.4": TempError, "192.0.2.5": TempError,
	} {
		got := Check(t.Context(), r, netip.MustParseAddr(ip))
		if got.Value != want || got.Reason == "" || (want == Pass) != (got.Name == "mx.example") {
			t.Errorf("%s: %+v, want %s", ip, got, want)
		}
	}
}
