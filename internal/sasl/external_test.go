package sasl

import (
	"crypto/tls"
	"errors"
	"testing"
)

func TestExternal(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	for _, c := range []struct {
		emails      []string
		authz, want string // "" for want: refused
	}{
		{[]string{an}, "", an},
		{[]string{an}, "AN@hanoi.example", an},
		{[]string{an}, binh, ""},
		{[]string{an}, "nobody", ""},
		{[]string{"nobody@hanoi.example"}, "", ""},
		{[]string{"nobody@hanoi.example", an}, "", an},
		{[]string{an, binh}, "", ""}, // which of the two?
		{[]string{an, binh}, binh, binh},
		{[]string{"An@hanoi.example", an}, "", an},
	} {
		card := a.issue(t, c.emails...)
		_, far := a.channels(t, tls.VersionTLS13, &card)
		s, err := NewServer("EXTERNAL", people(), far)
		if err != nil {
			t.Fatal(err)
		}
		err = exchange(t, externalClient{authz: c.authz}, s)
		if c.want == "" && (!errors.Is(err, ErrFailed) || Reason(err) != "certificate") || c.want != "" && (err != nil || s.Principal() != c.want) {
			t.Errorf("%v as %q: %q, %v, want %q", c.emails, c.authz, s.Principal(), err, c.want)
		}
	}
}

// A certificate that no authority of ours signed proves nothing, whatever is in it.
func TestExternalOfAStranger(t *testing.T) {
	t.Parallel()
	card := newAuthority(t).issue(t, an)
	ch := Channel{TLS: &tls.ConnectionState{}}
	ch.TLS.PeerCertificates = append(ch.TLS.PeerCertificates, card.Leaf)
	if _, err := NewServer("EXTERNAL", people(), ch); !errors.Is(err, ErrUnknownMechanism) {
		t.Error(err)
	}
}
