// Package config is the one description of a server: its struct is the
// configuration file, and the tags of its fields are the reference.
//
// Invariant: a Config that Load returned is complete and checked; an unknown
// key or an unusable value is an error that names the file and the line.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"tem/internal/throttle"
)

// Config is everything about a server that an operator may say. People,
// aliases, groups and domains are not here: they live in the store.
type Config struct {
	Hostname     string   `toml:"hostname" doc:"The name of this machine in the DNS, as it greets others: mail.example.com."`
	Data         string   `toml:"data" doc:"The directory of the store and of the administrator's socket. One server uses it at a time."`
	Store        Place    `toml:"store" doc:"Where rows are kept: \"\" in the data directory, or in PostgreSQL 14 or newer, postgres://USER@HOST/DATABASE, which several servers can share. The password may be in it, in PGPASSWORD or in the file that PGPASSFILE names."`
	Bodies       Place    `toml:"bodies" doc:"Where letters above 256K are kept: \"\" in the data directory, or s3://HOST/BUCKET/PREFIX?region=R (credentials as KEY:SECRET@ before HOST, or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or file:///DIR. Servers that share a store need s3."`
	InsecureAuth string   `toml:"insecure_auth" doc:"\"loopback\" lets passwords be sent without TLS by programs on this machine; \"\" by nobody."`
	Relogin      bool     `toml:"relogin" doc:"Lets an IMAP client give up its login and log in anew on the same connection (UNAUTHENTICATE, RFC 8437). It must be false behind a proxy that checks logins and then only passes octets on."`
	TLS          TLS      `toml:"tls" doc:"The certificate that every protocol shows."`
	OAuth        OAuth    `toml:"oauth" doc:"Logins by OAuth 2.0 tokens (OAUTHBEARER, XOAUTH2) instead of passwords; offered when issuer is set."`
	Trusted      Trusted  `toml:"trusted" doc:"Machines that are believed when they say whom they speak for; networks as 192.0.2.0/24 or one address."`
	Listen       Listen   `toml:"listen" doc:"Addresses to listen on, by protocol; [] turns one off."`
	Web          Web      `toml:"web" doc:"What is told over HTTPS, where listen.https is set."`
	Keep         Keep     `toml:"keep" doc:"How long what has gone can still be had."`
	Limits       Limits   `toml:"limits" doc:"Bounds on what one message, session or address may take."`
	Trust        Trust    `toml:"trust" doc:"How mail from other servers is judged."`
	Outbound     Outbound `toml:"outbound" doc:"How mail leaves."`
	Reports      Reports  `toml:"reports" doc:"What others are told once a day of mail in their name, if they ask. What others tell of us is shown by tem reports."`
	Log          Log      `toml:"log" doc:"What is written to standard error."`
}

// TLS names certificate files.
type TLS struct {
	Cert string `toml:"cert" doc:"PEM file with the certificate and its chain. Read again on SIGHUP."`
	Key  string `toml:"key" doc:"PEM file with the private key."`
	// Not asked for on port 25: other servers show certificates of any authority there.
	Clients string `toml:"clients" doc:"PEM file with the authorities whose certificates let people log in without a password (EXTERNAL), as the mail address in the certificate; \"\" for none. Asked for on every port but those of smtp; read at start."`
}

// OAuth says whose tokens are believed.
type OAuth struct {
	Issuer   string `toml:"issuer" doc:"The provider, exactly as its tokens name it: https://id.example.com."`
	Audience string `toml:"audience" doc:"What tokens for this server name as their audience."`
	Keys     string `toml:"keys" doc:"The provider's public keys (JSON Web Key Set): a file, or an https URL, read again every hour."`
	Claim    string `toml:"claim" doc:"The claim that holds the address of the account."`
}

func (o OAuth) check() error {
	set := o.Issuer != ""
	if set != (o.Audience != "") || set != (o.Keys != "") {
		return errors.New("oauth: issuer, audience and keys go together; one of them is missing")
	}
	if strings.Contains(o.Keys, "://") && !strings.HasPrefix(o.Keys, "https://") {
		return fmt.Errorf("oauth.keys = %q: it must be a file or an https URL", o.Keys)
	}
	if set && o.Claim == "" {
		return errors.New("oauth.claim is empty: name the claim with the address, such as email")
	}
	return nil
}

// Listen has the addresses of each protocol.
type Listen struct {
	SMTP        []string `toml:"smtp" doc:"Mail from other servers, STARTTLS."`
	Submission  []string `toml:"submission" doc:"Mail from our people, STARTTLS and AUTH required."`
	LMTP        []string `toml:"lmtp" doc:"Mail from another mail server of ours that has it delivered here (LMTP), to local people only: the path of a socket, which its group may use, or an address that only that server can reach."`
	Submissions []string `toml:"submissions" doc:"The same with TLS from the first octet."`
	POP3        []string `toml:"pop3" doc:"POP3 with STLS."`
	POP3S       []string `toml:"pop3s" doc:"POP3 with TLS from the first octet."`
	IMAP        []string `toml:"imap" doc:"IMAP with STARTTLS."`
	IMAPS       []string `toml:"imaps" doc:"IMAP with TLS from the first octet."`
	HTTPS       []string `toml:"https" doc:"The web: settings for mail programs and people, and the MTA-STS policies of the domains. Off by default, since port 443 may be that of another web server here, and the certificate must have the names mta-sts.DOMAIN, autoconfig.DOMAIN and autodiscover.DOMAIN too; [\":443\"] turns it on."`
}

// Trusted names the peers that speak for others.
type Trusted struct {
	Proxy   []Network `toml:"proxy" doc:"Proxies, on every port: their connections must begin with a header of the PROXY protocol, version 1 or 2, which tells the client's address."`
	XClient []Network `toml:"xclient" doc:"Mail proxies that may tell by XCLIENT who their client is and who has logged in. They are not held to the limits of one address, their clients are."`
}

// Keep says how long what has gone can still be had.
type Keep struct {
	Deleted     Duration `toml:"deleted" doc:"How long a message that was removed can be brought back (tem account restore); 0s is not at all."`
	Changes     Duration `toml:"changes" doc:"How long a mail program can stay away and still be told only what has changed."`
	Journey     Duration `toml:"journey" doc:"How long it is remembered what became of each message (tem journey)."`
	JourneySize Size     `toml:"journey_size" doc:"Space for that, about; what is oldest is forgotten first."`
}

// Limits bound what others can make the server do.
type Limits struct {
	Message               Size          `toml:"message" doc:"Largest message."`
	Free                  Size          `toml:"free" doc:"Space that mail must leave free on the disk; with less, new mail is refused for now (452)."`
	Recipients            int           `toml:"recipients" doc:"Recipients of one message; at least 100."`
	Connections           int           `toml:"connections" doc:"Connections at once on one port."`
	ConnectionsPerAddress int           `toml:"connections_per_address" doc:"Connections at once from one address on one port; 0 for no limit."`
	GreetingDelay         Duration      `toml:"greeting_delay" doc:"How long other mail servers must wait for our greeting on port 25: those that speak meanwhile are sent away. 0s greets at once and sends nobody away."`
	Exempt                []Network     `toml:"exempt" doc:"Networks that are not held to the limits of one address or account: connections_per_address and the seven that follow."`
	SMTPConnections       throttle.Rate `toml:"smtp_connections" doc:"How often one address may connect to SMTP: how many in what time, or \"none\" for no limit. The network around it (/24, of IPv6 /48) may eight times as often; so with the next three."`
	SMTPMessages          throttle.Rate `toml:"smtp_messages" doc:"Messages from one address."`
	SMTPRecipients        throttle.Rate `toml:"smtp_recipients" doc:"Recipients asked for by one address."`
	SMTPErrors            throttle.Rate `toml:"smtp_errors" doc:"Commands of one address that are refused for good; with more, its connections are refused for a while."`
	SMTPTarpit            Duration      `toml:"smtp_tarpit" doc:"How much longer each command takes after the third of a connection that was refused for good; up to ten times as long; 0s for no longer."`
	AccountMessages       throttle.Rate `toml:"account_messages" doc:"Messages that one account may send: a stolen password must not make a source of junk."`
	AccountRecipients     throttle.Rate `toml:"account_recipients" doc:"Recipients that one account may send to."`
	SMTPTimeout           Duration      `toml:"smtp_timeout" doc:"Longest silence of an SMTP client (RFC 5321 §4.5.3.2.7)."`
	POP3Timeout           Duration      `toml:"pop3_timeout" doc:"Longest silence of a POP3 client (RFC 1939 §3: at least 10m)."`
	POP3LoginDelay        Duration      `toml:"pop3_login_delay" doc:"Shortest time between two POP3 logins to one account (RFC 2449 §6.5), on each server; 0s for none."`
	IMAPTimeout           Duration      `toml:"imap_timeout" doc:"Longest silence of an IMAP client (RFC 9051 §5.4: at least 30m)."`
	IMAPMessages          int           `toml:"imap_messages" doc:"Messages that one IMAP command may work on (RFC 9738); few mail programs know of such a limit; 0 for none."`
	Drain                 Duration      `toml:"drain" doc:"How long a stopping server waits for sessions to end: those that send a message, or are being answered, may finish that; all others are told at once."`
}

// Outbound says how mail leaves.
type Outbound struct {
	DNS       []string       `toml:"dns" doc:"Name servers to ask (address:port); [] takes those of the system."`
	DNSSEC    string         `toml:"dnssec" doc:"Whose word is taken that an answer was checked with DNSSEC, which DANE (RFC 7672) rests on: \"loopback\" that of name servers on this machine, if all are; \"yes\" that of all of them, which must then check, and be reached by a way on which nobody else can write; \"no\" nobody's."`
	Port      int            `toml:"port" doc:"Port of other mail servers."`
	Ports     map[string]int `toml:"ports" doc:"Another port for mail servers by name, and for the web servers mta-sts.DOMAIN with their policies: for laboratories on one machine."`
	Lifetime  Duration       `toml:"lifetime" doc:"How long to try before the sender gets the message back."`
	Workers   int            `toml:"workers" doc:"Messages on their way at once."`
	PerDomain int            `toml:"per_domain" doc:"Of them, to the servers of one site at most. Tem starts with two and grows with what goes well."`
	Roots     string         `toml:"roots" doc:"PEM file with the authorities that servers are verified by where MTA-STS, REQUIRETLS or a relay ask for it; \"\" for those of the system. Read at start."`
	Relay     []Relay        `toml:"relay" doc:"Servers that mail goes to instead of the recipients' own; the first that fits takes it. [[outbound.relay]] with name, host (host:port, lmtp://host:port, lmtp:///path), tls (starttls, implicit, or none on this machine; a socket needs none), login and password_file or oauth = {token_url, client_id, client_secret_file, refresh_token_file}, for (recipients' domains: example.com, .example.com, *), senders (addresses, @domain; none: all)."`
	Source    []Source       `toml:"source" doc:"Addresses that mail leaves from, by sender. [[outbound.source]] with addresses, hello (their name in the DNS), senders (domains of return paths, or *)."`
}

// Log says what is logged.
type Log struct {
	Level string `toml:"level" doc:"debug, info, warn or error."`
	JSON  bool   `toml:"json" doc:"One JSON object a line instead of key=value text."`
}

// Default is the configuration of a server that was told nothing but its name.
func Default() Config {
	return Config{
		Data: "/var/lib/tem", Relogin: true,
		Listen: Listen{
			SMTP: []string{":25"}, Submission: []string{":587"}, Submissions: []string{":465"},
			POP3: []string{":110"}, POP3S: []string{":995"}, IMAP: []string{":143"}, IMAPS: []string{":993"},
		},
		Web:  Web{MTASTS: "testing"},
		Keep: Keep{Deleted: Duration(14 * 24 * time.Hour), Changes: Duration(30 * 24 * time.Hour), Journey: Duration(30 * 24 * time.Hour), JourneySize: 1 << 30},
		Limits: Limits{
			Message: 50 << 20, Free: 64 << 20, Recipients: 1000,
			Connections: 10000, ConnectionsPerAddress: 100, Exempt: loopback(),
			SMTPConnections: throttle.Rate{Count: 120, Per: time.Minute}, SMTPMessages: throttle.Rate{Count: 600, Per: time.Minute},
			SMTPRecipients: throttle.Rate{Count: 3000, Per: time.Minute}, SMTPErrors: throttle.Rate{Count: 100, Per: 10 * time.Minute},
			SMTPTarpit:      Duration(500 * time.Millisecond),
			AccountMessages: throttle.Rate{Count: 2000, Per: 24 * time.Hour}, AccountRecipients: throttle.Rate{Count: 10000, Per: 24 * time.Hour},
			SMTPTimeout: Duration(5 * time.Minute), POP3Timeout: Duration(10 * time.Minute),
			IMAPTimeout: Duration(30 * time.Minute), Drain: Duration(20 * time.Second),
		},
		Outbound: Outbound{DNSSEC: "loopback", Port: 25, Lifetime: Duration(5 * 24 * time.Hour), Workers: 200, PerDomain: 20},
		Trust:    defaultTrust(),
		Reports:  Reports{DMARC: true, TLS: true},
		OAuth:    OAuth{Claim: "email"},
		Log:      Log{Level: "info"},
	}
}

// Load reads and checks a configuration file. Relative paths in it are taken
// from the file's own directory.
func Load(file string) (Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c := Default()
	if err := decode(file, text, &c); err != nil {
		return Config{}, err
	}
	dir := filepath.Dir(file)
	paths := []*string{&c.Data, &c.TLS.Cert, &c.TLS.Key, &c.TLS.Clients}
	if !strings.Contains(c.OAuth.Keys, "://") {
		paths = append(paths, &c.OAuth.Keys)
	}
	paths = append(paths, c.Outbound.files()...)
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if err := c.Check(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func decode(file string, text []byte, c *Config) error {
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(c)
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		e := strict.Errors[0]
		line, _ := e.Position()
		return fmt.Errorf("%s:%d: unknown key %q; `tem config reference` lists all keys", file, line, strings.Join(e.Key(), "."))
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		line, column := de.Position()
		text := strings.TrimPrefix(de.Error(), "toml: ")
		if kind, _, ok := strings.Cut(text, " into struct field "); ok { // what follows is for programmers
			text = strings.Join(de.Key(), ".") + " can't be " + strings.Replace(kind, "cannot decode TOML", "a value of the kind", 1)
		}
		return fmt.Errorf("%s:%d:%d: %s", file, line, column, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Check says what is wrong with the values.
func (c *Config) Check() error {
	switch {
	case c.Hostname == "":
		return errors.New(`hostname is missing: write hostname = "mail.example.com", the name of this machine in the DNS`)
	case strings.ContainsAny(c.Hostname, " /:@"):
		return fmt.Errorf("hostname = %q is not a host name", c.Hostname)
	case c.Data == "":
		return errors.New("data is missing: name a directory for the store")
	case c.InsecureAuth != "" && c.InsecureAuth != "loopback":
		return fmt.Errorf("insecure_auth = %q: it may be \"loopback\" or \"\"", c.InsecureAuth)
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return errors.New("tls: cert and key go together; one of them is missing")
	case c.TLS.Cert == "" && len(c.Listen.Submissions)+len(c.Listen.POP3S)+len(c.Listen.IMAPS)+len(c.Listen.HTTPS) > 0:
		return errors.New("tls.cert and tls.key are missing; submissions, pop3s, imaps and https need them (or set these four to [] under [listen])")
	case c.TLS.Clients != "" && c.TLS.Cert == "":
		return errors.New("tls.clients needs tls.cert and tls.key: without TLS nobody shows a certificate")
	case c.Limits.Message <= 0 || c.Limits.Recipients < 100:
		// RFC 5321 §4.5.3.1.8: at least 100 recipients.
		return errors.New("limits: message must be above 0 and recipients at least 100")
	case c.Limits.SMTPTarpit < 0 || time.Duration(c.Limits.SMTPTarpit) > 10*time.Second:
		return fmt.Errorf("limits.smtp_tarpit = %q: it must be from 0s to 10s", c.Limits.SMTPTarpit.String())
	case c.Limits.POP3LoginDelay < 0:
		return fmt.Errorf("limits.pop3_login_delay = %q: it must not be negative", c.Limits.POP3LoginDelay.String())
	case !slices.Contains([]string{"loopback", "yes", "no"}, c.Outbound.DNSSEC):
		return fmt.Errorf("outbound.dnssec = %q: it may be \"loopback\", \"yes\" or \"no\"", c.Outbound.DNSSEC)
	case c.Limits.GreetingDelay < 0 || time.Duration(c.Limits.GreetingDelay) > time.Minute:
		// RFC 5321 §4.5.3.2.1: a client waits five minutes; many wait less.
		return fmt.Errorf("limits.greeting_delay = %q: it must be from 0s to 1m", c.Limits.GreetingDelay.String())
	case c.Outbound.Port < 1 || c.Outbound.Port > 65535:
		return fmt.Errorf("outbound.port = %d: a port is 1 to 65535", c.Outbound.Port)
	}
	var level levelText
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return err
	}
	if err := c.OAuth.check(); err != nil {
		return err
	}
	if _, err := c.Trust.Options(c.Hostname); err != nil {
		return err
	}
	if err := c.Web.check(); err != nil {
		return err
	}
	if _, err := c.Reports.Address(); err != nil {
		return err
	}
	if err := c.Outbound.check(); err != nil {
		return err
	}
	if err := c.checkPlaces(); err != nil {
		return err
	}
	return c.checkBounds()
}

// checkBounds refuses limits with which nothing could work.
func (c *Config) checkBounds() error {
	for _, b := range []struct {
		key          string
		value, least int64
	}{
		{"limits.connections", int64(c.Limits.Connections), 1},
		{"limits.connections_per_address", int64(c.Limits.ConnectionsPerAddress), 0},
		{"limits.imap_messages", int64(c.Limits.IMAPMessages), 0},
		{"outbound.workers", int64(c.Outbound.Workers), 1},
		{"keep.journey_size", int64(c.Keep.JourneySize), 1 << 20},
		{"outbound.per_domain", int64(c.Outbound.PerDomain), 1},
	} {
		if b.value < b.least {
			return fmt.Errorf("%s = %d: it must be at least %d", b.key, b.value, b.least)
		}
	}
	for _, b := range []struct {
		key   string
		value Duration
	}{
		{"limits.smtp_timeout", c.Limits.SMTPTimeout}, {"limits.pop3_timeout", c.Limits.POP3Timeout},
		{"limits.imap_timeout", c.Limits.IMAPTimeout}, {"outbound.lifetime", c.Outbound.Lifetime},
		{"keep.changes", c.Keep.Changes}, {"keep.journey", c.Keep.Journey},
	} {
		if b.value <= 0 {
			return fmt.Errorf("%s = %q: it must be above 0", b.key, b.value.String())
		}
	}
	return c.Listen.check()
}
