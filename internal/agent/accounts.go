package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Account is one mail account and how to reach it.
type Account struct {
	Address         string   `toml:"-" json:"address"`
	Name            string   `toml:"name,omitempty" json:"name,omitempty"` // display name
	Provider        string   `toml:"provider,omitempty" json:"provider,omitempty"`
	IMAP            Endpoint `toml:"imap,omitempty" json:"imap"`
	POP             Endpoint `toml:"pop,omitempty" json:"pop"`
	SMTP            Endpoint `toml:"smtp,omitempty" json:"smtp"`
	PasswordCommand string   `toml:"password_command,omitempty" json:"-"`
	TokenCommand    string   `toml:"token_command,omitempty" json:"-"` // prints an OAuth token, which is used instead of a password
	PasswordFile    string   `toml:"password_file,omitempty" json:"-"`
	Store           string   `toml:"store,omitempty" json:"-"` // keyring or file
	FilesSent       bool     `toml:"files_sent,omitempty" json:"-"`
	Timeout         string   `toml:"timeout,omitempty" json:"-"` // such as 5m, which is the default (§15)
	CA              string   `toml:"ca,omitempty" json:"-"`      // file of a private authority
	ServerName      string   `toml:"server_name,omitempty" json:"-"`

	password string // known already, from localserve.json
}

// accountsFile is mail.toml.
type accountsFile struct {
	Default string              `toml:"default,omitempty"`
	Account map[string]*Account `toml:"account"`
}

func (e *Env) loadAccounts() (*accountsFile, error) {
	f := &accountsFile{Account: map[string]*Account{}}
	raw, err := os.ReadFile(e.configFile())
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	d := toml.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, failf(Usage, "%s: %w", e.configFile(), err)
	}
	for address, a := range f.Account {
		a.Address = address
	}
	return f, nil
}

func (e *Env) saveAccounts(f *accountsFile) error {
	raw, err := toml.Marshal(f)
	if err != nil {
		return err
	}
	return writeFile(e.configFile(), raw)
}

// account finds the account to use: the one asked for, the file's default, or
// the only (else first) one; then those of a running localserve.
func (e *Env) account() (*Account, error) {
	f, err := e.loadAccounts()
	if err != nil {
		return nil, err
	}
	want := e.Account
	if want == "" {
		want = f.first()
	}
	if a := f.find(want); a != nil {
		return a, nil
	}
	if a := e.localAccount(want); a != nil {
		return a, nil
	}
	if want == "" {
		return nil, failf(Usage, "no account yet: run `tem mail setup ADDRESS`, or `tem localserve` to try without one")
	}
	return nil, failf(Usage, "account %s is not set up: run `tem mail setup %s`", want, want)
}

func (f *accountsFile) first() string {
	if f.Default != "" || len(f.Account) == 0 {
		return f.Default
	}
	return f.sorted()[0]
}

func (f *accountsFile) sorted() []string {
	var names []string
	for name := range f.Account {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f *accountsFile) find(address string) *Account {
	for name, a := range f.Account {
		if strings.EqualFold(name, address) {
			return a
		}
	}
	return nil
}

// Accounts lists the accounts of the file and of localserve.
func (e *Env) Accounts() error {
	f, err := e.loadAccounts()
	if err != nil {
		return err
	}
	t := table{head: []string{"ADDRESS", "PROVIDER", "IMAP", "SMTP", "POP3"}}
	all := e.localAccounts()
	for _, name := range f.sorted() {
		all = append(all, f.Account[name])
	}
	if len(all) == 0 {
		return failf(NoMatch, "no account: run `tem mail setup ADDRESS`")
	}
	for _, a := range all {
		if e.JSON {
			if err := e.printJSON(a); err != nil {
				return err
			}
			continue
		}
		t.add(a.Address, a.Provider, a.IMAP.Host, a.SMTP.Host, a.POP.Host)
	}
	if e.JSON {
		return nil
	}
	return t.print(e)
}

// Setup is what `setup` was told.
type Setup struct {
	Address, Name, Provider, IMAP, SMTP, POP, TLS string
	PasswordCommand, PasswordFile, Store, CA      string
	TokenCommand                                  string
	Default                                       bool
}

// Setup adds or replaces one account.
func (e *Env) Setup(s Setup) error {
	if !strings.Contains(s.Address, "@") {
		return failf(Usage, "%q is not an address: local@domain is needed", s.Address)
	}
	a, note, err := e.newAccount(s)
	if err != nil {
		return err
	}
	f, err := e.loadAccounts()
	if err != nil {
		return err
	}
	if note != "" { // before the wrong password is given
		e.sayf("%s: %s", words(e.Lang).note, note)
	}
	if err := e.keepPassword(a); err != nil {
		return err
	}
	for name := range f.Account {
		if strings.EqualFold(name, s.Address) {
			delete(f.Account, name) // replaced, however it was written
		}
	}
	f.Account[s.Address] = a
	if s.Default {
		f.Default = s.Address
	}
	if err := e.saveAccounts(f); err != nil {
		return err
	}
	e.sayf("Account %s saved in %s.", s.Address, e.configFile())
	if e.JSON {
		return e.printJSON(a)
	}
	return nil
}

func (e *Env) newAccount(s Setup) (a *Account, note string, err error) {
	p, ok := presetFor(s.Provider, s.Address)
	local := e.localAccount(s.Address)
	switch {
	case local != nil && (s.Provider == "" || s.Provider == "localserve"):
		a = local
		a.Store = "" // the password is in localserve.json
	case ok:
		a = &Account{Provider: p.Name, IMAP: p.IMAP, POP: p.POP, SMTP: p.SMTP}
		note = p.Note.in(e.Lang)
	case s.Provider != "":
		return nil, "", failf(Usage, "provider %q is not known: gmail, outlook, yahoo, icloud, fastmail or a running localserve", s.Provider)
	case s.IMAP == "" && s.POP == "":
		return nil, "", failf(Usage, "no preset for %s: give --imap HOST:PORT --smtp HOST:PORT", s.Address)
	default:
		a = &Account{}
	}
	a.Address, a.Name = s.Address, s.Name
	a.TokenCommand = s.TokenCommand
	a.PasswordCommand, a.PasswordFile, a.Store, a.CA = s.PasswordCommand, s.PasswordFile, s.Store, or(s.CA, a.CA)
	err = errors.Join(override(&a.IMAP, s.IMAP, s.TLS), override(&a.SMTP, s.SMTP, s.TLS), override(&a.POP, s.POP, s.TLS))
	a.FilesSent = filesSent(a.SMTP.Host)
	return a, note, err
}

// override replaces a preset's server; without --tls the port tells the kind.
func override(p *Endpoint, host, kind string) error {
	if host == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(host); err != nil || port == "" {
		return failf(Usage, "server %q: HOST:PORT is needed", host)
	}
	if kind == "" {
		kind = "starttls"
		for _, port := range []string{":993", ":995", ":465", ":1993", ":1995", ":1465"} {
			if strings.HasSuffix(host, port) {
				kind = "implicit"
			}
		}
	}
	*p = Endpoint{host, kind}
	return nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (a *Account) endpoint(protocol string) (Endpoint, error) {
	p := map[string]Endpoint{"imap": a.IMAP, "pop3": a.POP, "smtp": a.SMTP}[protocol]
	if p.Host == "" {
		return p, failf(Usage, "account %s has no %s server: set one with `tem mail setup %s --%s HOST:PORT`", a.Address, protocol, a.Address, fmt.Sprint(protocol[:3]))
	}
	return p, nil
}
