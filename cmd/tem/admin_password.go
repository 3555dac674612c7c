package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// passwordFlags say where a password comes from: never from the command line,
// which others on the machine can read.
type passwordFlags struct {
	PasswordFile string `placeholder:"FILE" xor:"password" help:"Read the password from the first line of a file; - is standard input."`
	Generate     bool   `xor:"password" help:"Make a random password and print it."`
}

const (
	maxPasswordFile  = 4096 // bytes
	shortPassword    = 8    // characters; fewer are warned of
	generatedLetters = 20   // of base 32: 100 bits
)

// password gets a password for an account; its errors do not quote it.
func (f passwordFlags) password(ctx context.Context, env *adminEnv, who string) (p string, err error) {
	switch {
	case f.Generate:
		return generatePassword(), nil
	case f.PasswordFile != "":
		p, err = f.fromFile(env)
	default:
		p, err = promptPassword(ctx, env, who)
	}
	if err == nil && utf8.RuneCountInString(p) < shortPassword {
		fmt.Fprintf(env.Err, "warning: the password has fewer than %d characters\n", shortPassword)
	}
	return p, err
}

func (f passwordFlags) fromFile(env *adminEnv) (string, error) {
	data, err := readInput(env, f.PasswordFile, maxPasswordFile)
	if err != nil {
		return "", err
	}
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return "", usagef("%s: the first line is empty, there is no password", f.PasswordFile)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return "", usagef("%s: there is more than one line: which is the password?", f.PasswordFile)
	}
	return string(line), nil
}

// generated is the password if nobody knows it yet.
func (f passwordFlags) generated(password string) string {
	if f.Generate {
		return password
	}
	return ""
}

func (f passwordFlags) generatedLine(password string) string {
	if f.Generate {
		return "password: " + password + "\n"
	}
	return ""
}

// generatePassword makes a password of four groups of five letters and digits.
func generatePassword() string {
	s := strings.ToLower(rand.Text()[:generatedLetters])
	return strings.Join([]string{s[:5], s[5:10], s[10:15], s[15:]}, "-")
}

// promptPassword asks on the terminal, twice and without echo.
func promptPassword(ctx context.Context, env *adminEnv, who string) (string, error) {
	tty, ok := env.In.(*os.File)
	if !ok || !isTerminal(tty) {
		return "", usagef("the password of %s: standard input is not a terminal: give --password-file FILE (- is standard input) or --generate", who)
	}
	return askTwice(who, func(question string) (string, error) {
		fmt.Fprint(env.Err, question)
		defer fmt.Fprintln(env.Err)
		return readUnseen(ctx, int(tty.Fd()))
	})
}

// readUnseen reads a line without echo. When ctx ends first the terminal is
// put right, and the goroutine that still reads ends with the program.
func readUnseen(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		return string(r.line), r.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

// askTwice makes sure that what was typed unseen is what was meant.
func askTwice(who string, ask func(question string) (string, error)) (string, error) {
	first, err := ask(fmt.Sprintf("Password for %s: ", who))
	if err != nil {
		return "", failf("read the password: %w", err)
	}
	if first == "" {
		return "", usagef("the password is empty")
	}
	second, err := ask("The same again: ")
	if err != nil {
		return "", failf("read the password: %w", err)
	}
	if first != second {
		return "", usagef("the two passwords are not the same")
	}
	return first, nil
}

var errNotConfirmed = errors.New("not confirmed: nothing was changed")

// confirmRemoval asks on the terminal before something that cannot be undone.
func confirmRemoval(env *adminEnv, question string) error {
	if !isTerminal(env.In) {
		return usagef("%s Standard input is not a terminal: say --yes", question)
	}
	fmt.Fprintf(env.Err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(env.In).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return &exitError{exitFailure, errNotConfirmed}
	}
	return nil
}

// isTerminal reports whether a reader or writer is a person.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
