package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tem/internal/app"
	"tem/internal/control"
)

// AdminCommands are the verbs of whoever runs a server. They work on a running
// server, through its control socket, and on a stopped one, in its store.
type AdminCommands struct {
	Domain  domainCommand  `cmd:"" help:"The domains whose mail is kept here."`
	Account accountCommand `cmd:"" help:"The people who have a mailbox here."`
	Alias   aliasCommand   `cmd:"" help:"Addresses that stand for others."`
	Group   groupCommand   `cmd:"" help:"Addresses that stand for all members of a group."`
	Queue   queueCommand   `cmd:"" help:"Messages that wait to leave."`
	DNS     dnsCommand     `cmd:"" name:"dns" help:"What a domain has to publish in the DNS, and whether it does."`
	Journey journeyCommand `cmd:"" help:"What became of a message, why, and whose move it is."`
	Reports reportsCommand `cmd:"" help:"What others report of our domains (DMARC, TLS), and what we report to them."`
	Store   storeCommand   `cmd:"" help:"Where mail is kept: what there is, and whether it is whole."`
	Reload  reloadCommand  `cmd:"" help:"Make the running server read its configuration and certificates again."`
}

// StoreOpener opens the store of a stopped server: of a configuration file, or
// of a data directory (exactly one is not empty). The function that it returns
// closes the store.
type StoreOpener func(ctx context.Context, config, data string) (*control.Service, func() error, error)

// adminEnv is what the admin verbs are given besides their flags.
type adminEnv struct {
	Open StoreOpener
	Out  io.Writer
	Err  io.Writer
	In   io.Reader
}

// adminFlags say which server is meant, and how to answer.
type adminFlags struct {
	Config string `placeholder:"FILE" xor:"server" help:"The server's configuration file (default: tem.toml here, or /etc/tem/tem.toml)."`
	Data   string `placeholder:"DIR" xor:"server" help:"The server's data directory, instead of a configuration file."`
	JSON   bool   `name:"json" help:"Answer with one line of JSON."`
}

// defaultConfigs are looked for in this order.
var defaultConfigs = [...]string{"tem.toml", "/etc/tem/tem.toml"}

// exitNotFound is the exit code for an address, domain or entry that is not there.
const exitNotFound = 3

// exitError is an error that knows how the program should end.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }
func (e *exitError) ExitCode() int { return e.code }

func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func failf(format string, args ...any) error {
	return &exitError{exitFailure, fmt.Errorf(format, args...)}
}

// withExit gives an error of a call its exit code.
func withExit(err error) error {
	var known *exitError
	var e *control.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &e) && e.Kind == control.NotFound:
		return &exitError{exitNotFound, err}
	}
	return &exitError{exitFailure, err}
}

// ask runs one call on the server that the flags mean.
func (f adminFlags) ask(ctx context.Context, env *adminEnv, call control.Call) error {
	config, dir, err := f.server()
	if err != nil {
		return err
	}
	open := func(ctx context.Context) (*control.Service, func() error, error) {
		return env.Open(ctx, config, f.Data)
	}
	return withExit(control.Do(ctx, dir, open, call))
}

// server finds the configuration file (if one is used) and the data directory.
func (f adminFlags) server() (config, dir string, err error) {
	config = f.Config
	if f.Data != "" {
		if info, err := os.Stat(f.Data); err != nil || !info.IsDir() {
			return "", "", usagef("--data %s: no such directory", f.Data)
		}
	} else if config == "" {
		if config, err = defaultConfig(); err != nil {
			return "", "", err
		}
	}
	dir, err = app.DataDir(config, f.Data)
	if err != nil {
		return "", "", &exitError{exitUsage, err}
	}
	return config, dir, nil
}

func defaultConfig() (string, error) {
	for _, name := range defaultConfigs {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
	}
	return "", usagef("which server? There is no %s and no %s: give --config FILE or --data DIR",
		defaultConfigs[0], defaultConfigs[1])
}

type reloadCommand struct{ adminFlags }

func (c *reloadCommand) Run(ctx context.Context, env *adminEnv) error {
	err := c.ask(ctx, env, control.Call{Verb: "reload", Request: control.Nothing{}})
	return c.say(env, err, control.Nothing{}, "reloaded\n")
}
