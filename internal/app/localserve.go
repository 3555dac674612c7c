package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"tem/internal/address"
	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/directory"
	"tem/internal/dns"
	"tem/internal/dnsplan"
	"tem/internal/line"
	"tem/internal/transport/sts"
)

// Lab describes a running localserve: what its --json line says.
type Lab struct {
	PID     int         `json:"pid"`
	CA      string      `json:"ca"` // file of the authority that signed the certificates
	DNS     string      `json:"dns"`
	Servers []LabServer `json:"servers"`
}

// LabServer is one mail server of a Lab.
type LabServer struct {
	Hostname string         `json:"hostname"`
	Domain   string         `json:"domain"`
	Address  string         `json:"address"`
	Data     string         `json:"data"`
	Ports    map[string]int `json:"ports"`
	Accounts []LabAccount   `json:"accounts"`
}

// LabAccount is one person of a LabServer.
type LabAccount struct {
	Address  string `json:"address"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// LabFile is the name of the file in the directory of a localserve that holds
// its Lab, for user agents on this machine.
const LabFile = "localserve.json"

// towns are the two servers that a localserve runs, as crepes.fr and
// hamburger.edu in §12.1 of the document.
var towns = []struct {
	domain string
	people []LabAccount
}{
	{"hanoi.example", []LabAccount{{Address: "an", Name: "Nguyễn Văn An"}, {Address: "binh", Name: "Trần Thị Bình"}}},
	{"saigon.example", []LabAccount{{Address: "chi", Name: "Lê Thị Chi"}, {Address: "dung", Name: "Phạm Tiến Dũng"}}},
}

// standardPorts are the ports of the protocols; a lab adds its base to each.
var standardPorts = map[string]int{
	"smtp": 25, "submission": 587, "submissions": 465, "pop3": 110, "pop3s": 995, "imap": 143, "imaps": 993, "https": 443,
}

// LabOptions shape a localserve.
type LabOptions struct {
	Dir      string
	PortBase int // added to each standard port; the second server's are 1000 higher
	Log      *slog.Logger
	Tap      line.Tap
	Fatal    func(error)
}

// DefaultLabDir is where localserve keeps its data unless told otherwise.
func DefaultLabDir() (string, error) {
	if dir := os.Getenv("TEM_LOCALSERVE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tem", "localserve"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory: name one with --dir: %w", err)
	}
	return filepath.Join(home, ".local", "share", "tem", "localserve"), nil
}

// Localserve runs a whole mail system on loopback until ctx ends: two servers
// that reach each other by MX, a name server, a certificate authority. ready
// is called once when every port answers.
func Localserve(ctx context.Context, o LabOptions, ready func(Lab) error) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	ca, err := openAuthority(o.Dir)
	if err != nil {
		return fmt.Errorf("certificate authority in %s: %w", o.Dir, err)
	}
	lab := readLab(o.Dir)
	lab.PID, lab.CA = os.Getpid(), ca.file
	zone, err := dns.Serve("127.0.0.1:0", labZone()...)
	if err != nil {
		return fmt.Errorf("name server: %w", err)
	}
	defer zone.Close()
	lab.DNS = zone.Address()
	servers, err := startTowns(ctx, o, ca, &lab)
	if err != nil {
		return err
	}
	if err := publish(ctx, servers, zone); err != nil {
		stop(servers)
		return err
	}
	return runAll(ctx, servers, func() error { return announce(o.Dir, lab, ready) })
}

// labZone has the records by which the towns find and believe each other.
func labZone() []string {
	var records []string
	for _, t := range towns {
		host := "mail." + t.domain
		records = append(records,
			t.domain+". 300 IN MX 10 "+host+".",
			host+". 300 IN A 127.0.0.1",
			t.domain+`. 300 IN TXT "v=spf1 mx -all"`,
			host+`. 300 IN TXT "v=spf1 a -all"`,
			"_dmarc."+t.domain+`. 300 IN TXT "v=DMARC1; p=reject"`,
			"1.0.0.127.in-addr.arpa. 300 IN PTR "+host+".",
		)
	}
	return records
}

// startTowns starts each server; when one fails the others are closed again.
func startTowns(ctx context.Context, o LabOptions, ca *authority, lab *Lab) (servers []*Server, err error) {
	defer func() {
		if err != nil {
			stop(servers)
		}
	}()
	passwords := make(map[string]string)
	for _, s := range lab.Servers {
		for _, a := range s.Accounts {
			passwords[a.Address] = a.Password
		}
	}
	lab.Servers = nil
	for i := range towns {
		c, err := townConfig(o, ca, lab, i)
		if err != nil {
			return servers, err
		}
		s, err := Start(ctx, c, Options{Log: o.Log.With("server", c.Hostname), Tap: o.Tap, Fatal: o.Fatal})
		if errors.Is(err, syscall.EADDRINUSE) {
			return servers, fmt.Errorf("%w; choose other ports with --port-base", err)
		} else if err != nil {
			return servers, err
		}
		servers = append(servers, s)
		described, err := s.describe(ctx, i, passwords)
		if err != nil {
			return servers, err
		}
		lab.Servers = append(lab.Servers, described)
	}
	return servers, nil
}

// stop closes servers that have not run.
func stop(servers []*Server) {
	for _, s := range servers {
		s.unbind()
		s.stores.Close()
	}
}

// publish puts into the zone what only the towns know, as tem dns records
// prints it: the keys that sign for them, and the policy of TLS.
func publish(ctx context.Context, servers []*Server, zone *dns.Server) error {
	for i, s := range servers {
		plan, err := s.service.PlanDNS(ctx, control.DNSPlan{Domain: towns[i].domain})
		if err != nil {
			return err
		}
		for _, purpose := range []dnsplan.Purpose{dnsplan.ForDKIM, dnsplan.ForSTS, dnsplan.ForSTSHost, dnsplan.ForConfig} {
			if err := zone.Add(plan.ZoneLines(purpose)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// townConfig is the configuration of server number i.
func townConfig(o LabOptions, ca *authority, lab *Lab, i int) (config.Config, error) {
	c := config.Default()
	c.Hostname = "mail." + towns[i].domain
	c.Data = filepath.Join(o.Dir, towns[i].domain)
	c.InsecureAuth = "loopback"
	c.Limits.ConnectionsPerAddress = 0 // everybody is 127.0.0.1
	c.Outbound.DNS = []string{lab.DNS}
	c.Outbound.Ports = make(map[string]int)
	for j, t := range towns {
		c.Outbound.Ports["mail."+t.domain] = townPort(o, j, "smtp")
		c.Outbound.Ports["mta-sts."+t.domain] = townPort(o, j, "https")
	}
	c.Outbound.Roots, c.Web.MTASTS = ca.file, string(sts.Enforce)
	for name, list := range map[string]*[]string{
		"smtp": &c.Listen.SMTP, "submission": &c.Listen.Submission, "submissions": &c.Listen.Submissions,
		"pop3": &c.Listen.POP3, "pop3s": &c.Listen.POP3S, "imap": &c.Listen.IMAP, "imaps": &c.Listen.IMAPS, "https": &c.Listen.HTTPS,
	} {
		*list = []string{fmt.Sprintf("127.0.0.1:%d", townPort(o, i, name))}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return c, err
	}
	var err error
	c.TLS.Cert, c.TLS.Key, err = ca.Issue(c.Data, townNames(i)...)
	return c, err
}

// townNames are those that the certificate of a town is for.
func townNames(i int) (names []string) {
	for _, name := range []string{"mail", "mta-sts", "autoconfig", "autodiscover"} {
		names = append(names, name+"."+towns[i].domain)
	}
	return names
}

func townPort(o LabOptions, i int, name string) int { return o.PortBase + 1000*i + standardPorts[name] }

// describe makes sure that the people of a town exist, and says what the server is.
func (s *Server) describe(ctx context.Context, i int, passwords map[string]string) (LabServer, error) {
	domain := towns[i].domain
	d := LabServer{Hostname: s.config.Hostname, Domain: domain, Address: "127.0.0.1", Data: s.config.Data, Ports: make(map[string]int)}
	for name, a := range s.Addresses() {
		d.Ports[name] = a.(*net.TCPAddr).Port
	}
	if err := s.ensureDomain(ctx, domain); err != nil {
		return d, err
	}
	for _, p := range towns[i].people {
		p.Address += "@" + domain
		p.Password = passwords[p.Address]
		if err := s.ensurePerson(ctx, &p); err != nil {
			return d, err
		}
		d.Accounts = append(d.Accounts, p)
	}
	return d, nil
}

// ensureDomain adds a domain, and keys that sign for it where there are none:
// older localserves made none.
func (s *Server) ensureDomain(ctx context.Context, domain string) error {
	have, err := s.stores.Directory.IsLocal(ctx, domain)
	if err != nil {
		return err
	}
	if !have {
		_, err = s.service.AddDomain(ctx, control.Domain{Name: domain})
		return err
	}
	keys, err := s.service.ListKeys(ctx, control.Domain{Name: domain})
	if err == nil && len(keys.Keys) == 0 {
		_, err = s.service.AddKeys(ctx, control.KeyAdd{Domain: domain, State: string(directory.KeyActive)})
	}
	return err
}

// ensurePerson makes the account with a new password, unless it is there and
// its password is still the one that was written down.
func (s *Server) ensurePerson(ctx context.Context, p *LabAccount) error {
	a, err := address.Parse(p.Address)
	if err != nil {
		return err
	}
	if p.Password != "" {
		if _, err := s.stores.Directory.VerifyPassword(ctx, p.Address, p.Password); err == nil {
			return nil
		}
	}
	p.Password = NewPassword()
	_, err = s.service.AddAccount(ctx, control.AccountAdd{Address: p.Address, Name: p.Name, Password: p.Password})
	if errors.Is(err, directory.ErrExists) {
		return s.stores.Directory.SetPassword(ctx, a, p.Password)
	}
	return err
}

// NewPassword is a random password of 60 bits that can be read out: xxxx-xxxx-xxxx.
func NewPassword() string {
	t := strings.ToLower(rand.Text()) // base 32
	return t[:4] + "-" + t[4:8] + "-" + t[8:12]
}

// runAll runs the servers until ctx ends or one of them does.
func runAll(ctx context.Context, servers []*Server, ready func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(servers)+1)
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			errs[i] = s.Run(ctx)
			cancel()
		})
	}
	if errs[len(servers)] = ready(); errs[len(servers)] != nil {
		cancel()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// announce writes the lab down for user agents on this machine, then says that it is ready.
func announce(dir string, lab Lab, ready func(Lab) error) error {
	text, err := json.MarshalIndent(lab, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, LabFile)
	temporary := file + ".new"
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(temporary, file); err != nil {
		return err
	}
	return ready(lab)
}

// readLab is what the last localserve wrote down: the passwords are still good.
func readLab(dir string) (lab Lab) {
	if text, err := os.ReadFile(filepath.Join(dir, LabFile)); err == nil {
		_ = json.Unmarshal(text, &lab) // a broken file means new passwords
	}
	return lab
}
