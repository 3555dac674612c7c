package main

import (
	"context"
	"io"
	"path/filepath"

	"tem/internal/control"
	"tem/internal/dnsplan"
)

type dkimCommand struct {
	List     dkimList     `cmd:"" help:"List the keys of a domain, and the records to publish for them."`
	Add      dkimAdd      `cmd:"" help:"Make the first keys of a domain; they sign at once."`
	Rotate   dkimRotate   `cmd:"" help:"Make new keys, to be published before they are activated."`
	Activate dkimActivate `cmd:"" help:"Let new keys sign; those that signed until then are retired."`
	Retire   dkimRetire   `cmd:"" help:"Let a key sign no more; leave its record for a week."`
	Remove   dkimRemove   `cmd:"" help:"Forget a key that does not sign."`
	Import   dkimImport   `cmd:"" help:"Bring a private key from a file (PEM)."`
	Export   dkimExport   `cmd:"" help:"Let the server write a private key into a new file on its machine."`
}

func (dkimCommand) Help() string {
	return `Examples:
  tem domain dkim list hanoi.example
  tem domain dkim rotate hanoi.example       publish what it prints, wait a day, then:
  tem domain dkim activate hanoi.example     and a week later:
  tem domain dkim remove hanoi.example tem-202611-rsa tem-202611-ed25519
  tem domain dkim import hanoi.example mail /etc/opendkim/keys/mail.private`
}

// keysOf runs a verb about keys and prints those that it was about.
func (f adminFlags) keysOf(ctx context.Context, env *adminEnv, verb string, request any, print func(w io.Writer, keys []control.Key)) error {
	var resp control.Keys
	err := f.ask(ctx, env, control.Call{Verb: verb, Request: request, Response: &resp})
	return f.show(env, err, resp, func(w io.Writer) { print(w, resp.Keys) })
}

// printKeys is one line for each key.
func printKeys(w io.Writer, keys []control.Key) {
	tableRow(w, "SELECTOR", "ALGORITHM", "STATE", "SINCE")
	for _, k := range keys {
		tableRow(w, k.Selector, k.Algorithm, k.State, timeText(k.Changed))
	}
}

// printRecords is also what is to be published.
func printRecords(w io.Writer, keys []control.Key) {
	if len(keys) == 0 {
		tableRow(w, "no keys: mail of the domain is not signed; make some with: tem domain dkim add DOMAIN")
		return
	}
	printKeys(w, keys)
	for _, k := range keys {
		tableRow(w, "")
		tableRow(w, k.Name+". TXT "+dnsplan.QuoteText(k.Record))
	}
}

type dkimList struct {
	adminFlags
	Domain string `arg:"" help:"The domain."`
}

func (c *dkimList) Run(ctx context.Context, env *adminEnv) error {
	return c.keysOf(ctx, env, "dkim.list", control.Domain{Name: c.Domain}, printRecords)
}

type dkimAdd struct {
	adminFlags
	Domain string `arg:"" help:"The domain."`
}

func (c *dkimAdd) Run(ctx context.Context, env *adminEnv) error {
	return c.keysOf(ctx, env, "dkim.add", control.KeyAdd{Domain: c.Domain, State: "active"}, printRecords)
}

type dkimRotate struct {
	adminFlags
	Domain string `arg:"" help:"The domain."`
}

func (c *dkimRotate) Run(ctx context.Context, env *adminEnv) error {
	return c.keysOf(ctx, env, "dkim.add", control.KeyAdd{Domain: c.Domain, State: "next"}, printRecords)
}

type dkimActivate struct {
	adminFlags
	Domain    string   `arg:"" help:"The domain."`
	Selectors []string `arg:"" optional:"" name:"selector" help:"The keys; all that are next if none is given."`
}

func (c *dkimActivate) Run(ctx context.Context, env *adminEnv) error {
	return c.keysOf(ctx, env, "dkim.activate", control.KeyNames{Domain: c.Domain, Selectors: c.Selectors}, printKeys)
}

type dkimRetire struct {
	adminFlags
	Domain    string   `arg:"" help:"The domain."`
	Selectors []string `arg:"" name:"selector" help:"The keys."`
}

func (c *dkimRetire) Run(ctx context.Context, env *adminEnv) error {
	return c.keysOf(ctx, env, "dkim.retire", control.KeyNames{Domain: c.Domain, Selectors: c.Selectors}, printKeys)
}

type dkimRemove struct {
	adminFlags
	Domain    string   `arg:"" help:"The domain."`
	Selectors []string `arg:"" name:"selector" help:"The keys."`
}

func (c *dkimRemove) Run(ctx context.Context, env *adminEnv) error {
	return c.keysOf(ctx, env, "dkim.remove", control.KeyNames{Domain: c.Domain, Selectors: c.Selectors}, func(w io.Writer, keys []control.Key) {
		for _, k := range keys {
			tableRow(w, "removed "+k.Selector+"; its record can go: "+k.Name)
		}
	})
}

type dkimImport struct {
	adminFlags
	Domain   string `arg:"" help:"The domain."`
	Selector string `arg:"" help:"The selector under which its record is published."`
	File     string `arg:"" help:"The private key: PEM, PKCS #8 or PKCS #1; - is standard input."`
	Next     bool   `help:"Do not sign with it yet."`
}

// maxKeyFile is more than the PEM of any key that is of use, in octets.
const maxKeyFile = 64 << 10

func (c *dkimImport) Run(ctx context.Context, env *adminEnv) error {
	text, err := readInput(env, c.File, maxKeyFile)
	if err != nil {
		return err
	}
	req := control.KeyImport{Domain: c.Domain, Selector: c.Selector, State: "active", PEM: text}
	if c.Next {
		req.State = "next"
	}
	return c.keysOf(ctx, env, "dkim.import", req, printRecords)
}

type dkimExport struct {
	adminFlags
	Domain   string `arg:"" help:"The domain."`
	Selector string `arg:"" help:"The key's selector."`
	File     string `arg:"" help:"A file that does not exist yet; the server writes it, and only its user can read it."`
}

func (c *dkimExport) Run(ctx context.Context, env *adminEnv) error {
	file, err := filepath.Abs(c.File)
	if err != nil {
		return usagef("%s: %v", c.File, err)
	}
	req := control.KeyExport{Domain: c.Domain, Selector: c.Selector, File: file}
	err = c.ask(ctx, env, control.Call{Verb: "dkim.export", Request: req})
	return c.say(env, err, req, "wrote the private key to %s: whoever has it can sign for %s\n", file, c.Domain)
}
