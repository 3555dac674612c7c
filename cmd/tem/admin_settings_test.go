package main

import (
	"path/filepath"
	"testing"
)

func TestAdminKeys(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, `publish the keys: tem domain dkim list hanoi.example`, "domain add hanoi.example")
	h.expect(0, `(?s)SELECTOR.*-rsa +rsa +active.*\._domainkey\.hanoi\.example\. TXT "v=DKIM1; k=rsa; t=s; p=[^"]{200,255}" "[^"]+"`, "domain dkim list hanoi.example")
	h.expect(3, `domain hue.example: no such domain here`, "domain dkim list hue.example")
	h.expect(1, `tem domain dkim rotate hanoi.example`, "domain dkim add hanoi.example")
	h.expect(1, `no key is waiting`, "domain dkim activate hanoi.example")
	h.expect(0, `b-rsa +rsa +next`, "domain dkim rotate hanoi.example")
	h.expect(0, `b-rsa +rsa +active`, "domain dkim activate hanoi.example")
	h.expect(0, `"state":"retired"`, "domain dkim list hanoi.example --json")
	h.expect(2, `no such file`, "domain dkim import hanoi.example x nothing.pem")
	h.expectInput(1, `not PEM`, "domain dkim import hanoi.example x -", "sesame")
	h.expect(3, `no key with the selector x`, "domain dkim export hanoi.example x x.pem")
	h.expect(0, `added the domain`, "domain add hue.example")
	file := filepath.Join(t.TempDir(), "key.pem")
	h.s.Directory.AddDomain(t.Context(), "da.example")
	h.expect(0, `no keys`, "domain dkim list da.example")
	h.expect(0, `-ed25519 +ed25519 +active`, "domain dkim add da.example")
	keys, err := h.s.Directory.Keys(t.Context(), "da.example")
	if err != nil {
		t.Fatal(err)
	}
	h.expect(0, `whoever has it can sign for da.example`, "domain dkim export da.example "+keys[0].Selector+" "+file)
	h.expect(0, `mine +[a-z0-9]+ +next`, "domain dkim import hue.example mine "+file+" --next")
	h.expect(0, `retired`, "domain dkim retire da.example "+keys[0].Selector)
	h.expect(0, `its record can go: `, "domain dkim remove da.example "+keys[0].Selector)
}

func TestAdminSettings(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, ``, "domain add hanoi.example")
	h.expect(0, ``, "account add linh@hanoi.example --password-file -")
	h.expect(0, `(?s)forward +-\s+blocked +-\s+tags +INBOX\s+reply +-`, "account settings linh@hanoi.example")
	h.expect(0, `tags +into the mailbox that a tag names`, "account settings linh@hanoi.example --tags mailbox")
	h.expect(0, `"tags":"mailbox"`, "account settings linh@hanoi.example --json")
	h.expect(0, `tags +INBOX`, "account settings linh@hanoi.example --tags inbox")
	h.expect(2, `must be one of`, "account settings linh@hanoi.example --tags folder")
	h.expect(3, `no such account`, "account settings x@hanoi.example --tags inbox")
	h.expect(3, `no such account`, "account settings x@hanoi.example")
	h.expect(2, `nothing to change`, "account forward linh@hanoi.example")
	h.expect(2, `--off goes with nothing else`, "account forward linh@hanoi.example --off --keep")
	h.expect(0, `x@hue.example, y@hue.example, with a copy`, "account forward linh@hanoi.example --to x@hue.example,y@hue.example --keep")
	h.expect(0, `without a copy`, "account forward linh@hanoi.example --no-keep")
	h.expect(0, `forward +-`, "account forward linh@hanoi.example --off")
	h.expect(2, `senders go with add`, "account block linh@hanoi.example add")
	h.expect(2, `senders go with add`, "account block linh@hanoi.example refuse x.example")
	h.expect(0, `blocked +b@mail.example, spam.example\n`, "account block linh@hanoi.example add spam.example B@mail.example")
	h.expect(0, `spam.example \(refused\)`, "account block linh@hanoi.example refuse")
	h.expect(0, `blocked +b@mail.example`, "account block linh@hanoi.example remove spam.example")
	h.expect(0, `blocked +b@mail.example`, "account block linh@hanoi.example list")
	h.expect(2, `what should it say`, "account reply linh@hanoi.example --until 2026-12-01")
	h.expect(2, `is not a date`, "account reply linh@hanoi.example --text x --until soon")
	h.expect(1, `would end before it begins`, "account reply linh@hanoi.example --text x --from 2026-12-02 --until 2026-12-01")
	h.expectInput(0, `(?s)reply +from 2026-12-01 00:00 until 2026-12-08 00:00\s+Subject: Away\s+One\s+Two`,
		"account reply linh@hanoi.example --subject Away --file - --from 2026-12-01 --until 2026-12-08", "One\nTwo\n")
	h.expect(0, `"reply":\{"subject":"Away","text":"One\\nTwo\\n"`, "account settings linh@hanoi.example --json")
	h.expect(0, `reply +-`, "account reply linh@hanoi.example --off")
}
