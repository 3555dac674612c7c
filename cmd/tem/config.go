package main

import (
	"fmt"

	"tem/internal/app"
	"tem/internal/config"
)

type configCommand struct {
	Check     configCheck     `cmd:"" help:"Say whether a configuration file is right, without starting anything."`
	Reference configReference `cmd:"" help:"Print every key with its meaning and default."`
}

type configCheck struct {
	File string `arg:"" optional:"" type:"path" default:"tem.toml" help:"Configuration file (default: tem.toml)."`
}

// Run checks the file and that the certificates and keys it names can be used.
func (c *configCheck) Run(std *streams) error {
	loaded, err := config.Load(c.File)
	if err == nil {
		err = app.CheckCertificate(loaded.TLS)
	}
	if err == nil {
		err = app.CheckOAuth(loaded.OAuth)
	}
	if err != nil {
		return usageError{err}
	}
	for _, w := range loaded.Warnings() {
		fmt.Fprintf(std.out, "warning: %s\n", w)
	}
	_, err = fmt.Fprintf(std.out, "%s is right: %s, data in %s\n", c.File, loaded.Hostname, loaded.Data)
	return err
}

type configReference struct{}

// Run prints the reference.
func (configReference) Run(std *streams) error { return config.WriteReference(std.out) }
