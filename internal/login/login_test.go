package login

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// from is a connection from an address.
func from(ip string) Peer {
	a := netip.MustParseAddr(ip)
	p, _ := a.Prefix(min(a.BitLen(), 64))
	return Peer{Protocol: "imap", Session: "7f3a", Remote: net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 49152)), Source: p}
}

// waited is how long a login of v waits.
func waited(t *testing.T, v *Visit) time.Duration {
	t.Helper()
	began := time.Now()
	if err := v.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	return time.Since(began)
}

func TestFailuresSlowTheConnectionAndItsSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(nil)
		first, second, other := g.Visit(from("192.0.2.7")), g.Visit(from("192.0.2.7")), g.Visit(from("192.0.2.8"))
		expect := func(when string, v *Visit, want time.Duration) {
			t.Helper()
			if got := waited(t, v); got != want {
				t.Errorf("%s: waited %v, want %v", when, got, want)
			}
		}
		expect("at first", first, 0)
		for range 3 {
			first.Failed("an", "PLAIN", "credentials")
		}
		expect("after three", first, 3*step)
		expect("another connection of the source", second, 3*step)
		expect("another source", other, 0)
		time.Sleep(forget)
		expect("a minute later", second, 2*step)
		expect("a minute later, the connection", first, 3*step)
		time.Sleep(2 * forget)
		expect("three minutes later", second, 0)
		for range 1000 {
			first.Failed("an", "PLAIN", "credentials")
		}
		expect("after very many", second, maxStep*step)
		time.Sleep(worst * forget)
		expect("when all is forgotten", second, 0)
		expect("the connection", first, maxStep*step)
		first.Succeeded("an@x", "PLAIN", nil)
		expect("after a success", first, 0)
	})
}

func TestProgramsOnThisMachineAreManySources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(nil)
		first := g.Visit(from("127.0.0.1"))
		first.Failed("an", "PLAIN", "credentials")
		if waited(t, first) != step || waited(t, g.Visit(from("127.0.0.1"))) != 0 || waited(t, g.Visit(from("::1"))) != 0 {
			t.Error("only the connection should wait")
		}
	})
}

func TestOneCustomerHasManyAddresses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(nil)
		g.Visit(from("2001:db8:1:2::7")).Failed("an", "PLAIN", "credentials")
		if waited(t, g.Visit(from("2001:db8:1:2::8"))) != step || waited(t, g.Visit(from("2001:db8:1:3::7"))) != 0 {
			t.Error("a /64 is one source")
		}
	})
}

func TestShutdownEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := NewGuard(nil).Visit(from("192.0.2.7"))
		v.Failed("an", "PLAIN", "credentials")
		why := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		began := time.Now()
		go func() { ended <- v.Wait(ctx) }()
		synctest.Wait()
		cancel(why)
		if err := <-ended; !errors.Is(err, why) || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestSourcesAreBounded(t *testing.T) {
	t.Parallel()
	s, now := sources{}, time.Now()
	worse := netip.MustParsePrefix("203.0.113.7/32")
	for range 40 {
		s.add(worse, now)
	}
	for i := range maxSources + 5000 {
		s.add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), now)
	}
	if n := len(s.all); n > maxSources {
		t.Errorf("%d sources, at most %d are wanted", n, maxSources)
	}
	if got := s.failures(worse, now); got != 40 {
		t.Errorf("the worst source was forgotten: %d failures", got)
	}
	s.add(netip.Prefix{}, now)
	if s.failures(netip.Prefix{}, now) != 0 {
		t.Error("connections without an address are one source")
	}
}

// logged runs fn with a guard and returns what a handler of ours prints.
func logged(json bool, fn func(*Visit)) string {
	var b bytes.Buffer
	var h slog.Handler = slog.NewTextHandler(&b, nil)
	if json {
		h = slog.NewJSONHandler(&b, nil)
	}
	fn(NewGuard(slog.New(h)).Visit(from("192.0.2.7")))
	return b.String()
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fn   func(*Visit)
		want string
	}{
		{func(v *Visit) { v.Failed("an@hanoi.example", "PLAIN", "credentials") },
			`level=INFO msg="login failed" proto=imap remote=192.0.2.7 session=7f3a login=an@hanoi.example mechanism=PLAIN reason=credentials`},
		{func(v *Visit) { v.Failed("", "EXTERNAL", "certificate") },
			`level=INFO msg="login failed" proto=imap remote=192.0.2.7 session=7f3a login="" mechanism=EXTERNAL reason=certificate`},
		{func(v *Visit) { v.Succeeded("an@hanoi.example", "PLAIN", nil) },
			`level=INFO msg=login proto=imap remote=192.0.2.7 session=7f3a login=an@hanoi.example mechanism=PLAIN tls=none`},
		{func(v *Visit) {
			v.Succeeded("an@hanoi.example", "SCRAM-SHA-256-PLUS", &tls.ConnectionState{Version: tls.VersionTLS13})
		},
			`level=INFO msg=login proto=imap remote=192.0.2.7 session=7f3a login=an@hanoi.example mechanism=SCRAM-SHA-256-PLUS tls="TLS 1.3"`},
	} {
		_, got, _ := strings.Cut(strings.TrimSuffix(logged(false, c.fn), "\n"), " ") // the time
		if got != c.want {
			t.Errorf("logged\n%s, want\n%s", got, c.want)
		}
	}
}

// evil are names that try to be more than a name in a log.
func evil() []string {
	return []string{
		"x\ntime=2026-01-01T00:00:00Z level=INFO msg=\"login failed\" proto=imap remote=198.51.100.1 session=a login=a mechanism=PLAIN reason=credentials",
		`x" remote=198.51.100.1`, "x\r\n", "x remote=198.51.100.1", "\x1b[2J", "a\u2028b", "\xff\xfe", `{"remote":"198.51.100.1"}`, "x\x00y",
		strings.Repeat("ế", 4000),
	}
}

func TestNamesStayNames(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		for _, name := range evil() {
			line := logged(json, func(v *Visit) { v.Failed(name, "PLAIN", "credentials") })
			if strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\x1b\x00\r\u2028") || !utf8.ValidString(line) || len(line) > 2500 {
				t.Errorf("%.40q was logged as %q", name, line)
			}
			if strings.Contains(line, "…") != (len(name) > maxLogged) {
				t.Errorf("%.40q: is it marked as cut in %q?", name, line)
			}
			if got := offenders(t, line); fmt.Sprint(got) != "[192.0.2.7]" {
				t.Errorf("%.40q: fail2ban would ban %v for %q", name, got, line)
			}
		}
	}
}
