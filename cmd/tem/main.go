// Command tem is a complete mail system in one program: mail server, user
// agent, and a window on what is said between them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"tem/internal/app"
)

// commands is the whole command line.
type commands struct {
	Localserve localserveCommand `cmd:"" help:"Run a complete mail system on this machine, to try, learn and test: two servers, four people."`
	Serve      serveCommand      `cmd:"" help:"Run a mail server with a configuration file."`
	Config     configCommand     `cmd:"" help:"Check a configuration file, or print the reference of all keys."`
	AdminCommands
	Mail    MailCommand    `cmd:"" help:"Read and write mail: the user agent, for any provider."`
	Trace   TraceCommand   `cmd:"" help:"Speak SMTP, POP3 or IMAP by hand and see every line."`
	DKIM    DKIMCommand    `cmd:"" name:"dkim" help:"Sign messages by hand (DKIM)."`
	Explain ExplainCommand `cmd:"" help:"Tell what a reply code means, in English and Vietnamese."`
	Check   CheckCommand   `cmd:"" help:"Check SPF, DKIM, DMARC and ARC by hand, and see each step."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Exit codes of every command.
const (
	exitFailure = 1
	exitUsage   = 2
)

// ExitCoder is an error that knows the exit code it asks for.
type ExitCoder interface{ ExitCode() int }

// usageError is a mistake in what the program was told: exit code 2.
type usageError struct{ error }

func (usageError) ExitCode() int   { return exitUsage }
func (e usageError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run parses one command line, does what it says and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	var c commands
	exit := -1
	parser := kong.Must(&c,
		kong.Name("tem"),
		kong.Description("Tem: a mail system whose every line can be seen. Start with `tem localserve`."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&adminEnv{Open: app.Service, Out: out, Err: errOut, In: in}),
		kong.Bind(&streams{in, out, errOut}),
	)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // help was asked for and printed
		return exit
	}
	if err != nil {
		fmt.Fprintf(errOut, "tem: %v\n", err)
		var parse *kong.ParseError
		if errors.As(err, &parse) {
			fmt.Fprintf(errOut, "Run `tem %s--help` to see what it takes.\n", commandPath(parse.Context))
		}
		return exitUsage
	}
	return report(errOut, k.Run())
}

// commandPath is the command that was recognised before the mistake.
func commandPath(k *kong.Context) string {
	if k == nil {
		return ""
	}
	path := ""
	for _, p := range k.Path {
		if p.Command != nil {
			path += p.Command.Name + " "
		}
	}
	return path // with a space behind each word, for what follows it
}

// report says what went wrong and turns it into an exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	code := exitFailure
	var coder ExitCoder
	if errors.As(err, &coder) {
		code = coder.ExitCode()
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(w, "tem: %s\n", text)
	}
	return code
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}
