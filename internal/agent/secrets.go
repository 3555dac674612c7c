package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/zalando/go-keyring"
	"golang.org/x/term"
)

const keyringService = "tem-mail"

// password finds the secret of an account: command for a token, environment (for CI), command,
// keyring or file.
func (e *Env) password(ctx context.Context, a *Account) (string, error) {
	switch {
	case a.TokenCommand != "":
		return e.passwordFrom(ctx, a.TokenCommand)
	case e.Getenv("TEM_PASSWORD") != "":
		return e.Getenv("TEM_PASSWORD"), nil
	case a.PasswordCommand != "":
		return e.passwordFrom(ctx, a.PasswordCommand)
	case a.PasswordFile != "":
		return readSecret(a.PasswordFile)
	case a.Store == "keyring":
		return e.keyringGet(a.Address)
	case a.Store == "file":
		return readSecret(e.secretFile(a.Address))
	case a.password != "":
		return a.password, nil
	}
	if l := e.localAccount(a.Address); l != nil {
		return l.password, nil
	}
	return "", failf(AuthError, "no password is known for %s: run `tem mail setup %s` or set TEM_PASSWORD", a.Address, a.Address)
}

func (e *Env) passwordFrom(ctx context.Context, command string) (string, error) {
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.Stderr = e.Err
	out, err := c.Output()
	if err != nil {
		return "", failf(AuthError, "command for the password or token: %w", err)
	}
	return firstLine(string(out)), nil
}

func readSecret(name string) (string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return "", failf(AuthError, "password file: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", failf(AuthError, "password file %s can be read by others: chmod 600 it", name)
	}
	raw, err := os.ReadFile(name)
	return firstLine(string(raw)), err
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(s, "\r")
}

func (e *Env) secretFile(address string) string {
	return filepath.Join(filepath.Dir(e.configFile()), "secrets", safeName(address))
}

// keepPassword asks for a password, or reads it from input, and stores it,
// unless the account says where to get it.
func (e *Env) keepPassword(a *Account) error {
	if a.TokenCommand != "" || a.PasswordCommand != "" || a.PasswordFile != "" || a.Store == "" && a.Provider == "localserve" {
		return nil
	}
	secret, err := e.askPassword(a.Address)
	if err != nil {
		return err
	}
	if secret == "" {
		e.sayf("No password given: TEM_PASSWORD will be needed.")
		return nil
	}
	if a.Store == "" {
		a.Store = e.bestStore()
	}
	if a.Store == "keyring" {
		return e.keyringSet(a.Address, secret)
	}
	return writeFile(e.secretFile(a.Address), []byte(secret+"\n"))
}

func (e *Env) bestStore() string {
	if e.keyringReady() == nil {
		return "keyring"
	}
	return "file"
}

func (e *Env) askPassword(address string) (string, error) {
	f, ok := e.In.(*os.File)
	if !ok || !e.InTTY {
		s, err := bufio.NewReader(e.In).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return firstLine(s), err
	}
	fmt.Fprintf(e.Err, "Password of %s: ", address)
	raw, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(e.Err)
	return string(raw), err
}

// keyringReady probes the session bus by its socket, so that asking for the
// keyring never launches one.
func (e *Env) keyringReady() error {
	if runtime.GOOS != "linux" {
		return nil
	}
	for _, part := range strings.FieldsFunc(e.Getenv("DBUS_SESSION_BUS_ADDRESS"), func(r rune) bool { return r == ';' || r == ',' }) {
		path, ok := strings.CutPrefix(part, "unix:path=")
		if !ok {
			continue
		}
		c, err := net.DialTimeout("unix", path, time.Second)
		if err != nil {
			return fmt.Errorf("session bus: %w", err)
		}
		return c.Close()
	}
	return errors.New("there is no session bus")
}

func (e *Env) keyringGet(address string) (string, error) {
	if err := e.keyringReady(); err != nil {
		return "", failf(AuthError, "keyring: %w", err)
	}
	s, err := keyring.Get(keyringService, address)
	if err != nil {
		return "", failf(AuthError, "keyring: %w", err)
	}
	return s, nil
}

func (e *Env) keyringSet(address, secret string) error {
	if err := e.keyringReady(); err != nil {
		return failf(Failure, "keyring: %w", err)
	}
	return keyring.Set(keyringService, address, secret)
}
