package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"syscall"
	"time"

	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/delivery"
	"tem/internal/imapserver"
	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/message/dsn"
	"tem/internal/pop3server"
	"tem/internal/queue"
	"tem/internal/reports"
	"tem/internal/sasl"
	"tem/internal/smtpserver"
	"tem/internal/transport"
	"tem/internal/trust"
	"tem/internal/webserver"
)

// Options are what a server is started with beside its configuration.
type Options struct {
	File    string // where the configuration came from, to be read again by Reload; "" for nowhere
	Version string // of the program, "" if it is not known
	Log     *slog.Logger
	Tap     line.Tap // sees every session; may be nil
	// Fatal is called when the store can't keep anything any more; it should
	// end the process.
	Fatal func(error)
}

// Server is one mail server: stores, listeners and the queue.
type Server struct {
	config   config.Config
	options  Options
	log      *slog.Logger
	cert     certificate
	tokens   sasl.Tokens  // nil: none are taken
	guard    *login.Guard // of the logins of all protocols
	stores   *Stores
	throttle *smtpserver.Throttle // of SMTP clients
	judge    *trust.Judge         // of mail from elsewhere; nil: nobody is
	sealer   *sealer              // nil: nothing is sealed
	remote   *transport.Remote
	queue    *queue.Queue
	delivery *delivery.Delivery
	reports  *reports.Reports
	ports    []port
	web      *webserver.Server // of the https ports; it runs if there are any
	service  *control.Service
	door     *control.Door // the administrator's socket
}

// port is one listener and the protocol that it speaks.
type port struct {
	name string
	*line.Listener
}

// Start opens the stores and binds every port, but accepts nothing before Run.
// Its errors are mistakes in the set-up: one line that says what to mend.
func Start(ctx context.Context, c config.Config, o Options) (*Server, error) {
	s := &Server{config: c, options: o, log: o.Log, guard: login.NewGuard(o.Log)}
	for _, w := range c.Warnings() {
		o.Log.Warn(w)
	}
	if err := s.cert.Load(c.TLS); err != nil {
		return nil, err
	}
	if err := s.cert.loadClients(c.TLS.Clients); err != nil {
		return nil, err
	}
	if err := s.openTokens(); err != nil {
		return nil, err
	}
	if err := s.bind(); err != nil {
		s.unbind()
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		s.unbind()
		if s.stores != nil {
			s.stores.Close() // what it says is not why
		}
		return nil, err
	}
	return s, nil
}

// open opens the stores and the administrator's door to them.
func (s *Server) open(ctx context.Context) (err error) {
	if s.stores, err = OpenStores(ctx, s.config, s.log, s.options.Fatal); err != nil {
		return err
	}
	if s.config.Store.IsPostgres() {
		lock, err := lockDir(s.config.Data, nodeLock)
		if err != nil {
			return err
		}
		s.stores.close = slices.Insert(s.stores.close, 0, lock.Close)
	}
	s.wire()
	s.service = &control.Service{
		Site:      siteOf(s.config, &s.cert),
		Directory: s.stores.Directory, Mail: s.stores.Mail, Queue: s.queue, Journal: s.stores.Journal, Reports: s.reports, Places: s.stores.Places, Reload: s.Reload, Route: s.remote.CheckRoute, Log: s.log,
	}
	s.door, err = control.Listen(ctx, s.config.Data, s.service)
	return err
}

// wire gives each part what it may use.
func (s *Server) wire() {
	s.remote = s.newRemote()
	s.queue = queue.New(queue.Options{
		KV: s.stores.KV, Mail: s.stores.Mail, Transport: s.remote, Local: mailboxes{s}, Record: s.stores.Journal.Record, Log: s.log,
		Lifetime: time.Duration(s.config.Outbound.Lifetime), Workers: s.config.Outbound.Workers, PerDomain: s.config.Outbound.PerDomain, Shared: s.config.Store.IsPostgres(),
		// The queue needs delivery for bounces, delivery needs the queue for rows.
		Bounce: func(ctx context.Context, j *queue.Job, failed []queue.Recipient, delayed bool, done func(*kv.Batch)) (string, error) {
			return s.delivery.Bounce(ctx, j, failed, delayed, done)
		},
	})
	s.delivery = delivery.New(delivery.Options{
		Record:   s.stores.Journal.Record,
		Hostname: s.config.Hostname, Directory: s.stores.Directory, Mail: s.stores.Mail, Queue: s.queue, Log: s.log,
		Keys: s.keys, Accepted: s.accepted,
	})
	s.reports = s.newReports()
	s.throttle, s.judge, s.sealer = s.newThrottle(), s.newJudge(), s.newSealer()
	smtp := smtpserver.New(s.smtpOptions(smtpserver.Relay))
	submission := smtpserver.New(s.smtpOptions(smtpserver.Submission))
	lmtp := smtpserver.New(s.smtpOptions(smtpserver.LMTP))
	pop3 := pop3server.New(pop3server.Options{
		Hostname: s.config.Hostname, TLS: s.cert.PeopleConfig(), Auth: s.auth(), Guard: s.guard, InsecureAuth: s.insecureAuth(),
		Mail: s.stores.Mail, Directory: s.stores.Directory, IdleTimeout: time.Duration(s.config.Limits.POP3Timeout),
		LoginDelay: time.Duration(s.config.Limits.POP3LoginDelay), Log: s.log,
	})
	imap := imapserver.New(imapserver.Options{
		Hostname: s.config.Hostname, TLS: s.cert.PeopleConfig(), Auth: s.auth(), Guard: s.guard, InsecureAuth: s.insecureAuth(),
		Mail: s.stores.Mail, Directory: s.stores.Directory, MaxMessage: int64(s.config.Limits.Message), Room: s.hasRoom,
		Version: s.options.Version, Unauthenticate: s.config.Relogin,
		IdleTimeout: time.Duration(s.config.Limits.IMAPTimeout), MessageLimit: s.config.Limits.IMAPMessages, Log: s.log,
		// The service is made last: it needs the queue.
		SetQuota: func(ctx context.Context, root string, bytes, messages int64) error {
			return s.service.SetQuota(ctx, root, bytes, messages)
		},
	})
	s.web = s.newWeb()
	engines := map[string]engine{
		"smtp": smtp, "lmtp": lmtp, "submission": submission, "submissions": submission,
		"pop3": pop3, "pop3s": pop3, "imap": imap, "imaps": imap,
	}
	for _, p := range s.ports {
		if p.name == "https" {
			p.Raw = s.web.Handle
			continue
		}
		e := engines[p.name]
		p.Handle = e.Handle
		p.Options = func() line.Options {
			o := e.Options()
			o.Tap = s.options.Tap
			if _, mail := e.(*smtpserver.Server); mail { // what is said there belongs to the journey of a message
				o.Tap = journey.Listen(o.Tap)
			}
			return o
		}
	}
}

// mailboxes is the way to those here, which the queue has before delivery is made.
type mailboxes struct{ s *Server }

func (m mailboxes) Deliver(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	return m.s.delivery.Deliver(ctx, j, to)
}

// engine is one protocol's server.
type engine interface {
	Options() line.Options
	Handle(ctx context.Context, c *line.Conn)
}

func (s *Server) smtpOptions(mode smtpserver.Mode) smtpserver.Options {
	cfg := s.cert.PeopleConfig()
	if mode != smtpserver.Submission {
		cfg = s.cert.Config() // a server whose certificate we do not know would break off
	}
	o := smtpserver.Options{
		Record:   s.stores.Journal.Record,
		Hostname: s.config.Hostname, Mode: mode, TLS: cfg, Auth: s.auth(), Guard: s.guard, InsecureAuth: s.insecureAuth(),
		Delivery: s.delivery, Directory: s.stores.Directory,
		MaxSize: int64(s.config.Limits.Message), MaxRecipients: s.config.Limits.Recipients,
		Timeout: time.Duration(s.config.Limits.SMTPTimeout), Log: s.log,
		Room: s.hasRoom, Judge: s.judge, Judged: s.reports.Judged, Keys: s.keys, Throttle: s.throttle, GreetDelay: time.Duration(s.config.Limits.GreetingDelay), Trusted: config.Within(s.config.Trusted.XClient),
	}
	if s.sealer != nil {
		o.Sealer = s.sealer.key
	}
	return o
}

// newThrottle holds SMTP clients, on all ports together, to the limits.
func (s *Server) newThrottle() *smtpserver.Throttle {
	l := s.config.Limits
	return smtpserver.NewThrottle(smtpserver.Limits{
		Connections: l.SMTPConnections, Messages: l.SMTPMessages, Recipients: l.SMTPRecipients, Errors: l.SMTPErrors,
		AccountMessages: l.AccountMessages, AccountRecipients: l.AccountRecipients, Tarpit: time.Duration(l.SMTPTarpit),
		Exempt: s.exempt(),
	}, time.Now)
}

// exempt tells who is not held to the limits of one address. A proxy that speaks
// for others by XCLIENT is not: its clients are, once it has named them.
func (s *Server) exempt() func(net.Addr) bool {
	return config.Within(slices.Concat(s.config.Limits.Exempt, s.config.Trusted.XClient))
}

// hasRoom says whether a message of this size may still be begun, as far as the
// disks of this machine are concerned.
func (s *Server) hasRoom(octets int64) bool {
	for _, dir := range []string{s.stores.Places.RowsDir, s.stores.Places.BodiesDir} {
		if dir != "" && !hasRoom(dir, octets, int64(s.config.Limits.Free)) {
			return false
		}
	}
	return true
}

// insecureAuth says which peers may send a password in clear.
func (s *Server) insecureAuth() func(net.Addr) bool {
	if s.config.InsecureAuth != "loopback" {
		return func(net.Addr) bool { return false }
	}
	return func(a net.Addr) bool {
		t, ok := a.(*net.TCPAddr)
		return ok && t.IP.IsLoopback()
	}
}

// bind opens every port of the configuration.
func (s *Server) bind() error {
	listen := s.config.Listen
	for _, p := range []struct {
		name      string
		addresses []string
		tls       bool
		refuse    string
	}{
		{"smtp", listen.SMTP, false, "421 4.7.0 " + s.config.Hostname + " too many connections, try again later"},
		{"lmtp", listen.LMTP, false, "421 4.7.0 " + s.config.Hostname + " too many connections, try again later"},
		{"submission", listen.Submission, false, "421 4.7.0 " + s.config.Hostname + " too many connections, try again later"},
		{"submissions", listen.Submissions, true, ""},
		{"pop3", listen.POP3, false, "-ERR [SYS/TEMP] too many connections, try again later"},
		{"pop3s", listen.POP3S, true, ""},
		{"imap", listen.IMAP, false, "* BYE [UNAVAILABLE] too many connections, try again later"},
		{"imaps", listen.IMAPS, true, ""},
		{"https", listen.HTTPS, false, ""}, // net/http has TLS of its own
	} {
		for _, address := range p.addresses {
			l, err := listenOn(p.name, address)
			if err != nil {
				return err
			}
			limits := line.Limits{Connections: s.config.Limits.Connections, PerAddress: s.config.Limits.ConnectionsPerAddress, Exempt: s.exempt()}
			bound := &line.Listener{Net: l, Limits: limits, Refuse: p.refuse, Drain: time.Duration(s.config.Limits.Drain)}
			if len(s.config.Trusted.Proxy) > 0 {
				bound.Proxies = config.Within(s.config.Trusted.Proxy)
				bound.Silent = func(proxy net.Addr, err error) {
					s.log.Warn("trusted.proxy: no PROXY header came; the connection is closed", "port", p.name, "proxy", proxy.String(), "err", err)
				}
			}
			if p.tls {
				bound.TLS = s.cert.PeopleConfig()
			}
			s.ports = append(s.ports, port{p.name, bound})
		}
	}
	return nil
}

func listenOn(name, address string) (net.Listener, error) {
	if config.IsSocket(address) {
		return listenSocket(name, address)
	}
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen.%s = %q: the port is in use by another program: %w", name, address, syscall.EADDRINUSE)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen.%s = %q: no right to open this port; start as root or give the program cap_net_bind_service", name, address)
	}
	return nil, fmt.Errorf("listen.%s = %q: %w", name, address, err)
}

func (s *Server) unbind() {
	for _, l := range s.ports {
		l.Net.Close()
	}
}

// Run serves until ctx ends, lets every session say goodbye, and closes the
// stores. It returns nil after an orderly end.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tasks := []func(context.Context) error{s.queue.Run, s.remote.Run, s.stores.Mail.Run, s.stores.Directory.Run, s.door.Serve, giveBack}
	for _, l := range s.ports {
		tasks = append(tasks, l.Run)
	}
	if len(s.config.Listen.HTTPS) > 0 {
		tasks = append(tasks, s.web.Run)
	}
	if s.sealer != nil {
		s.sealer.key(ctx) // that there is none is better known now than with the first letter
	}
	endJournal := beside(ctx, s.stores.Journal.Run)
	endReports := beside(ctx, s.reports.Run)
	errs := make(chan error, len(tasks))
	var wg sync.WaitGroup
	for _, task := range tasks {
		wg.Go(func() {
			err := task(ctx)
			cancel() // the end of one is the end of all
			errs <- err
		})
	}
	wg.Wait()
	endReports()
	endJournal()
	close(errs)
	var failed []error
	for err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			failed = append(failed, err)
		}
	}
	return errors.Join(append(failed, s.stores.Close())...)
}

// beside runs what others tell things to until end is called, which must be
// when nobody tells it anything any more. What it returns is nil.
func beside(ctx context.Context, run func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// Reload reads the configuration file and the certificate again. What can't
// change while the server runs is named in the log.
func (s *Server) Reload(context.Context) error {
	if s.options.File == "" {
		return s.cert.Load(s.config.TLS)
	}
	c, err := config.Load(s.options.File)
	if err != nil {
		return err
	}
	if err := s.cert.Load(c.TLS); err != nil {
		return err
	}
	c.TLS.Cert, c.TLS.Key = s.config.TLS.Cert, s.config.TLS.Key
	if !reflect.DeepEqual(c, s.config) {
		s.log.Warn("the configuration has changed beyond the certificate: restart the server to apply it", "file", s.options.File)
	}
	s.log.Info("reloaded", "file", s.options.File)
	return nil
}

// Addresses are the ports that were bound, by protocol.
func (s *Server) Addresses() map[string]net.Addr {
	m := make(map[string]net.Addr, len(s.ports))
	for _, l := range s.ports {
		m[l.name] = l.Net.Addr()
	}
	return m
}
