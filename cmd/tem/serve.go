package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"

	"tem/internal/app"
	"tem/internal/config"
	"tem/internal/line"
)

type serveCommand struct {
	Config string `required:"" type:"path" placeholder:"FILE" help:"Configuration file; tem config reference prints one with every key."`
	Trace  bool   `help:"Print every session's dialogue to standard output, secrets hidden."`
}

func (serveCommand) Help() string {
	return `Examples:
  tem serve --config /etc/tem/tem.toml
  tem config check /etc/tem/tem.toml     is the file right?
  kill -HUP PID                          read the certificate again
  kill -TERM PID                         let sessions say goodbye, then stop`
}

// Run serves until a signal ends it.
func (s *serveCommand) Run(ctx context.Context, std *streams) error {
	c, err := config.Load(s.Config)
	if err != nil {
		return usageError{err}
	}
	log := newLog(std.err, c.Log)
	server, err := app.Start(ctx, c, app.Options{File: s.Config, Version: version(), Log: log, Tap: printer(s.Trace, std.out), Fatal: fatal(log)})
	if err != nil {
		return usageError{err}
	}
	defer reloadOnHangup(ctx, server, log)()
	for name, a := range server.Addresses() {
		log.Info("listening", "protocol", name, "address", a.String())
	}
	log.Info("ready", "hostname", c.Hostname, "pid", os.Getpid())
	err = server.Run(ctx)
	log.Info("stopped")
	return err
}

// reloadOnHangup reloads the server at each SIGHUP; the result ends that.
func reloadOnHangup(ctx context.Context, server *app.Server, log *slog.Logger) func() {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangup {
			if err := server.Reload(ctx); err != nil {
				log.Error("reload failed; the old settings stay", "err", err)
			}
		}
	}()
	return func() {
		signal.Stop(hangup)
		close(hangup)
		<-done
	}
}

func newLog(w io.Writer, c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.SlogLevel()}
	if c.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// fatal ends the process when the store can't keep anything any more: what was
// acknowledged is on the disk, and nothing more may be.
func fatal(log *slog.Logger) func(error) {
	return func(err error) {
		log.Error("the store has failed; stopping at once so that nothing is promised that is not kept", "err", err, "todo", mending(err))
		os.Exit(exitFailure)
	}
}

// mending is what whoever runs a server does about a store that has failed.
func mending(err error) string {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return "the disk is full: make room on it and start the server again; everything that was accepted is there, and limits.free keeps room for next time"
	}
	return "see to the disk, or the database, that the error names, start the server again, and run tem store check"
}

// printer is the tap of --trace, or none.
func printer(on bool, w io.Writer) line.Tap {
	if !on {
		return nil
	}
	return &line.Printer{W: w, Sessions: true}
}

type localserveCommand struct {
	Dir      string `type:"path" placeholder:"DIR" help:"Where to keep mail and passwords across restarts (default: ~/.local/share/tem/localserve)."`
	PortBase int    `default:"1000" help:"Added to each standard port; the second server's ports are 1000 higher."`
	JSON     bool   `name:"json" help:"Print one line of JSON when ready instead of the table."`
	Trace    bool   `help:"Print every session's dialogue, secrets hidden."`
	Verbose  bool   `short:"v" help:"Print the mail log to standard error."`
}

func (localserveCommand) Help() string {
	return `Examples:
  tem localserve                   two servers on 127.0.0.1, everything printed in a table
  tem localserve --trace           the same, and every line that is said
  tem localserve --json --dir D    for programs: one line when ready`
}

// Run serves until a signal ends it.
func (l *localserveCommand) Run(ctx context.Context, std *streams) error {
	if l.PortBase < 0 || l.PortBase+2000 > 65535 {
		return usageError{fmt.Errorf("--port-base %d: it may be 0 to 63535", l.PortBase)}
	}
	if l.Dir == "" {
		var err error
		if l.Dir, err = app.DefaultLabDir(); err != nil {
			return usageError{err}
		}
	}
	level := "error"
	if l.Verbose {
		level = "info"
	}
	log := newLog(std.err, config.Log{Level: level})
	ready := false
	err := app.Localserve(ctx, app.LabOptions{
		Dir: l.Dir, PortBase: l.PortBase, Log: log, Tap: printer(l.Trace, std.out), Fatal: fatal(log),
	}, func(lab app.Lab) error {
		ready = true
		if l.JSON {
			return json.NewEncoder(std.out).Encode(lab)
		}
		return printLab(std.out, l.Dir, lab)
	})
	if err != nil && !ready {
		return usageError{err}
	}
	return err
}

// printLab is the table of ports and people, and what to try next.
func printLab(w io.Writer, dir string, lab app.Lab) error {
	var b strings.Builder
	for _, s := range lab.Servers {
		fmt.Fprintf(&b, "\n%s  (%s, %s)\n", s.Domain, s.Hostname, s.Address)
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "  smtp %d\tsubmission %d\tsubmissions %d\t\n", s.Ports["smtp"], s.Ports["submission"], s.Ports["submissions"])
		fmt.Fprintf(t, "  pop3 %d\timap %d\t\t\n", s.Ports["pop3"], s.Ports["imap"])
		fmt.Fprintf(t, "  pop3s %d\timaps %d\thttps %d\t\n", s.Ports["pop3s"], s.Ports["imaps"], s.Ports["https"])
		for _, a := range s.Accounts {
			fmt.Fprintf(t, "  %s\t%s\t%s\t\n", a.Address, a.Password, a.Name)
		}
		t.Flush()
	}
	from, to := lab.Servers[0].Accounts[0].Address, lab.Servers[1].Accounts[0].Address
	there := lab.Servers[1]
	fmt.Fprintf(&b, "\nname server %s · certificates signed by %s · data in %s\n", lab.DNS, lab.CA, dir)
	fmt.Fprintf(&b, `
Try, in another terminal:
  echo "Chào Sài Gòn" | ./tem mail write --account %s --to %s --subject "Thư đầu tiên" --trace
  ./tem mail pop --account %s --mbox letters.mbox --trace
  ./tem mail read @last --account %s --trace
  ./tem trace smtp %s:%d          say HELO yourself
Stop with Ctrl-C.
`, from, to, to, to, there.Address, there.Ports["smtp"])
	_, err := io.WriteString(w, b.String())
	return err
}

type versionCommand struct{}

// Run prints the version of the program and of Go.
func (versionCommand) Run(std *streams) error {
	_, err := fmt.Fprintf(std.out, "tem %s (%s)\n", cmp.Or(version(), "devel"), runtime.Version())
	return err
}

// version is that of the program, "" if it was built from no release.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}
