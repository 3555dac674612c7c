package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

const (
	clientName  = "bench.example" // in EHLO
	plainSender = "sender@elsewhere.example"
)

// letters makes what is sent.
type letters interface {
	// letter appends number i with its final dot.
	letter(dst []byte, i int, to string) []byte
	from(i int) string
}

// letters are those of a size that the target is to get.
func (t *target) letters(size int) (letters, error) {
	if t.signer == nil {
		return newPlain(size, plainSender), nil
	}
	return t.signer.pool(size, t.address)
}

// plain letters have exactly the size, without the dot, and no signature.
type plain struct {
	sender string
	texts  [][]byte // bodies, too long by the header
}

func newPlain(size int, sender string) *plain {
	p := &plain{sender: sender}
	for i := range 64 {
		p.texts = append(p.texts, body(i, size))
	}
	return p
}

func (p *plain) from(int) string { return p.sender }

func (p *plain) letter(dst []byte, i int, to string) []byte {
	before := len(dst)
	dst = appendHeader(dst, i, p.sender, to)
	text := p.texts[i%len(p.texts)]
	dst = append(dst, text[min(len(text)-2, len(dst)-before):]...)
	return append(dst, ".\r\n"...)
}

func appendHeader(dst []byte, i int, from, to string) []byte {
	return appendRest(appendID(dst, i), i, from, to)
}

// appendID is the field that no two letters have alike.
func appendID(dst []byte, i int) []byte {
	return fmt.Appendf(dst, "Message-ID: <%d.%d@elsewhere.example>\r\n", i, time.Now().UnixNano())
}

func appendRest(dst []byte, i int, from, to string) []byte {
	return fmt.Appendf(dst, "From: Sender <%s>\r\nTo: <%s>\r\nSubject: Letter number %d\r\n"+
		"Date: Mon, 23 Nov 2026 10:00:00 +0700\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", from, to, i)
}

// body is lines of text, size octets of them.
func body(i, size int) []byte {
	b := make([]byte, 0, size)
	for line := 0; len(b) < size-2; line++ {
		text := fmt.Sprintf("%06d the quick brown fox jumps over the lazy dog while %d rivers run", line, i)
		b = append(b, text[:min(len(text), size-2-len(b))]...)
		b = append(b, "\r\n"...)
	}
	return b
}

const (
	signingDomains = 20
	pooled         = 2 * users // signed letters of a size; each time they get another Message-ID, which is not signed
)

// signers are domains with a key each (RSA, 2048 bits, as most of the world has).
type signers struct {
	keys  []*rsa.PrivateKey
	pools map[int]signed // by size
}

func newSigners() (*signers, error) {
	s := &signers{pools: make(map[int]signed)}
	for range signingDomains {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

func signingDomain(i int) string { return fmt.Sprintf("from%d.example", i%signingDomains) }

// zone is what the domains publish: keys, SPF and DMARC.
func (s *signers) zone() (records []string) {
	for i, key := range s.keys {
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			panic(err) // an RSA key has a form
		}
		text := "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
		records = append(records, published(signingDomain(i))...)
		records = append(records, fmt.Sprintf("sel._domainkey.%s. 300 IN TXT %q %q", signingDomain(i), text[:200], text[200:]))
	}
	return records
}

// senderZone is what the unsigned sender's domain and the client's address have.
func senderZone() []string {
	return append(append(published("elsewhere.example"), published(clientName)...),
		"1.0.0.127.in-addr.arpa. 300 IN PTR "+clientName+".")
}

// published are the records of a domain that sends from this machine alone.
func published(domain string) []string {
	return []string{
		domain + ". 300 IN A 127.0.0.1",
		domain + ". 300 IN MX 10 " + domain + ".",
		domain + `. 300 IN TXT "v=spf1 ip4:127.0.0.0/8 -all"`,
		"_dmarc." + domain + `. 300 IN TXT "v=DMARC1; p=reject"`,
	}
}

// signed letters of one size, made before they are sent: signing takes longer than the rest of sending.
type signed [][]byte

// pool makes the letters of a size, once.
func (s *signers) pool(size int, address func(int) string) (signed, error) {
	if s.pools[size] != nil {
		return s.pools[size], nil
	}
	pool := make(signed, pooled)
	for i := range pool {
		text := appendRest(nil, i, pool.from(i), address(i%users))
		text = append(text, body(i, size-len(text)-700)...) // the signature and the Message-ID have about so many
		var b bytes.Buffer
		err := dkim.Sign(&b, bytes.NewReader(text), &dkim.SignOptions{
			Domain: signingDomain(i), Selector: "sel", Signer: s.keys[i%signingDomains],
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
			HeaderKeys: []string{"From", "To", "Subject", "Date", "MIME-Version", "Content-Type"},
		})
		if err != nil {
			return nil, fmt.Errorf("sign a letter: %w", err)
		}
		pool[i] = append(b.Bytes(), ".\r\n"...)
	}
	s.pools[size] = pool
	return pool, nil
}

func (s signed) from(i int) string { return "sender@" + signingDomain(i) }

func (s signed) letter(dst []byte, i int, _ string) []byte {
	return append(appendID(dst, i), s[i%len(s)]...)
}

// passed checks that the checks that were measured came to good ends.
func (t *target) passed() error {
	c, err := t.login(1) // whom smtp-source does not write to
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.command("SELECT INBOX"); err != nil {
		return err
	}
	lines, err := c.command("FETCH * BODY.PEEK[HEADER.FIELDS (AUTHENTICATION-RESULTS)]")
	if err != nil {
		return err
	}
	text := strings.Join(lines, "")
	for _, want := range []string{"spf=pass", "dkim=pass", "dmarc=pass", "iprev=pass"} {
		if !strings.Contains(text, want) {
			return fmt.Errorf("%s: a letter was not judged %s: %q", t.name, want, text)
		}
	}
	return nil
}
