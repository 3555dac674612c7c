package sasl

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// bound is a client with a binding of any kind of ch.
func bound(t *testing.T, h Hash, kind scram.ChannelBindingType, ch Channel) Client {
	t.Helper()
	c, err := h.generator().NewClient(an, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	b, ok := ch.binding(kind)
	if !ok {
		t.Fatalf("no %s", kind)
	}
	return &scramClient{name: h.mechanism() + plus, talk: c.NewConversationWithChannelBinding(b)}
}

func TestChannelBinding(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for _, h := range []Hash{SHA1, SHA256} {
		for _, c := range []struct {
			kind    scram.ChannelBindingType
			version uint16
		}{
			{scram.ChannelBindingTLSExporter, tls.VersionTLS13},
			{scram.ChannelBindingTLSServerEndpoint, tls.VersionTLS13},
			{scram.ChannelBindingTLSServerEndpoint, tls.VersionTLS12},
		} {
			near, far := a.channels(t, c.version, nil)
			_, elsewhere := a.channels(t, c.version, nil) // what a man in the middle has with the server
			s, err := NewServer(h.mechanism()+plus, people(), far)
			if err != nil {
				t.Fatal(err)
			}
			if err := exchange(t, bound(t, h, c.kind, near), s); err != nil || s.Principal() != an {
				t.Errorf("%s %s: %v", h.mechanism(), c.kind, err)
			}
			s, _ = NewServer(h.mechanism()+plus, people(), elsewhere)
			if err := exchange(t, bound(t, h, c.kind, near), s); !errors.Is(err, ErrFailed) || Reason(err) != "binding" {
				t.Errorf("%s %s through a man in the middle: %v", h.mechanism(), c.kind, err)
			}
		}
	}
}

// The flag must fit the mechanism and what was offered (RFC 5802 §6).
func TestChannelBindingFlag(t *testing.T) {
	t.Parallel()
	_, far := newAuthority(t).channels(t, tls.VersionTLS13, nil)
	_, far12 := newAuthority(t).channels(t, tls.VersionTLS12, nil)
	for _, c := range []struct {
		mechanism, flag string
		ch              Channel
		want            string // reason; "": it goes on
	}{
		{"SCRAM-SHA-256", "n", far, ""},
		{"SCRAM-SHA-256", "y", Channel{}, ""},
		{"SCRAM-SHA-256", "y", far, "binding"}, // downgraded
		{"SCRAM-SHA-1", "y", far12, "binding"},
		{"SCRAM-SHA-256", "p=tls-exporter", far, "binding"},
		{"SCRAM-SHA-256-PLUS", "p=tls-exporter", far, ""},
		{"SCRAM-SHA-256-PLUS", "p=tls-server-end-point", far12, ""},
		{"SCRAM-SHA-256-PLUS", "p=tls-exporter", far12, "binding"},
		{"SCRAM-SHA-256-PLUS", "p=tls-unique", far12, "binding"},
		{"SCRAM-SHA-256-PLUS", "p=", far, "binding"},
		{"SCRAM-SHA-256-PLUS", "n", far, "binding"},
		{"SCRAM-SHA-256-PLUS", "y", far, "binding"},
		{"SCRAM-SHA-256-PLUS", "z", far, "malformed"},
	} {
		s, err := NewServer(c.mechanism, people(), c.ch)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Next(t.Context(), []byte(c.flag+",,n="+an+",r=abc"))
		if got := Reason(err); (err == nil) != (c.want == "") || err != nil && got != c.want {
			t.Errorf("%s with %s: %v, want %q", c.mechanism, c.flag, err, c.want)
		}
	}
}

func TestClientTellsOfADowngrade(t *testing.T) {
	t.Parallel()
	near, _ := newAuthority(t).channels(t, tls.VersionTLS13, nil)
	who := Credentials{Login: an, Password: secret, Channel: near}
	for _, c := range []struct {
		offered []string
		ch      Channel
		want    string
	}{
		{[]string{"SCRAM-SHA-256"}, near, "y,,"},
		{[]string{"SCRAM-SHA-256"}, Channel{}, "n,,"},
		{[]string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}, near, "p=tls-exporter,,"},
		{[]string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}, Channel{}, "n,,"},
	} {
		who.Channel = c.ch
		m, err := NewClient(c.offered, who)
		if err != nil {
			t.Fatal(err)
		}
		if first, err := m.Initial(); err != nil || !strings.HasPrefix(string(first), c.want) {
			t.Errorf("%v: %q, %v", c.offered, first, err)
		}
	}
}

// An impostor can say yes without the server's signature.
func TestSuccessWithoutSignature(t *testing.T) {
	t.Parallel()
	c, err := NewClient([]string{"SCRAM-SHA-256"}, Credentials{Login: an, Password: secret})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := NewServer("SCRAM-SHA-256", people(), Channel{})
	response, _ := c.Initial()
	for range 2 {
		if err := c.Proven(); !errors.Is(err, ErrUnproven) {
			t.Errorf("early success: %v", err)
		}
		challenge, _, err := s.Next(t.Context(), response)
		if err != nil {
			t.Fatal(err)
		}
		if string(challenge[:2]) == "v=" {
			if _, err := c.Next([]byte("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")); !errors.Is(err, ErrFailed) {
				t.Errorf("a wrong signature: %v", err)
			}
		} else if response, err = c.Next(challenge); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Proven(); !errors.Is(err, ErrUnproven) {
		t.Errorf("after a wrong signature: %v", err)
	}
}

func TestClientBoundsTheWork(t *testing.T) {
	t.Parallel()
	for _, count := range []string{"1000001", "2147483647", "2147483647,x=y", "4095", "-1", "x"} {
		c, _ := NewClient([]string{"SCRAM-SHA-256"}, Credentials{Login: an, Password: secret})
		first, _ := c.Initial()
		_, nonce, _ := strings.Cut(string(first), ",r=")
		if _, err := c.Next([]byte("r=" + nonce + "x,s=AAAA,i=" + count)); !errors.Is(err, ErrFailed) {
			t.Errorf("%s iterations: %v", count, err)
		}
	}
}

func TestUnknownUserLooksTheSame(t *testing.T) {
	t.Parallel()
	salt := func(mechanism, name string, b Backend) string {
		s, _ := NewServer(mechanism, b, Channel{})
		challenge, _, err := s.Next(t.Context(), []byte("n,,n="+name+",r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(challenge), ",s=")
		return rest
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		first := salt(mechanism, "nobody", backend{})
		if first == "" || first != salt(mechanism, "nobody", backend{}) || first != salt(mechanism, "NOBODY", backend{}) {
			t.Errorf("%s: the salt of nobody changes", mechanism)
		}
		if first == salt(mechanism, "somebody", backend{}) {
			t.Errorf("%s: everybody unknown has one salt", mechanism)
		}
	}
	if salt("SCRAM-SHA-256", "nobody", backend{}) == salt("SCRAM-SHA-1", "nobody", backend{}) {
		t.Error("an unknown user has one salt for both hashes; others do not")
	}
}
