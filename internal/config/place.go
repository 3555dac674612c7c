package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"tem/internal/blob/s3"
)

// Place is where something is kept: an address of the form scheme://…, or ""
// for the data directory. There may be a password in it, so it prints without
// all that could be one; string(p) has everything.
type Place string

// hidden stands for what is not shown.
const hidden = "(hidden)"

// UnmarshalText takes a place as it is; Check looks at it, without quoting it.
func (p *Place) UnmarshalText(text []byte) error {
	*p = Place(text)
	return nil
}

// String is the place without user, password and options. Where these end can't
// be told if there is an @ behind the host, so nothing is shown then.
func (p Place) String() string {
	scheme, rest, ok := strings.Cut(string(p), "://")
	if !ok {
		if p == "" {
			return ""
		}
		return hidden
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, options, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.Contains(path, "@") || strings.Contains(options, "@") {
		return scheme + "://" + hidden
	}
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	return scheme + "://" + strings.TrimSuffix(host+"/"+path, "/")
}

// Format keeps secrets out of every verb.
func (p Place) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", p.String())
		return
	}
	fmt.Fprint(f, p.String())
}

// Scheme is what stands before ://, "" without it.
func (p Place) Scheme() string {
	scheme, _, ok := strings.Cut(string(p), "://")
	if !ok {
		return ""
	}
	return scheme
}

// IsPostgres reports whether the store is in PostgreSQL.
func (p Place) IsPostgres() bool { return p.Scheme() == "postgres" || p.Scheme() == "postgresql" }

// Dir is the directory that a place with the scheme file names.
func (p Place) Dir() string { return strings.TrimPrefix(string(p), "file://") }

// checkPlaces says what is wrong with store and bodies, as far as their text
// tells. What an address leaves out may come from the environment of the server.
func (c *Config) checkPlaces() error {
	if c.Store != "" {
		if !c.Store.IsPostgres() {
			return errors.New(`store: it may be "", for the data directory, or an address that begins with postgres://`)
		}
		if _, err := url.Parse(string(c.Store)); err != nil || strings.Contains(c.Store.String(), hidden) { // err quotes the password
			return errors.New("store: the address can't be read: write postgres://USER:PASSWORD@HOST/DATABASE, with %XX for what is neither letter nor digit in the password")
		}
		if c.Bodies == "" {
			return errors.New("bodies: with the store in PostgreSQL, bodies in the data directory could be read on this node only: " +
				"name an object service, s3://…, or, if this will always be the only node, a directory, file:///…")
		}
	}
	switch c.Bodies.Scheme() {
	case "s3":
		if _, err := s3.ParseURL(string(c.Bodies), fromEnvironment); err != nil {
			return fmt.Errorf("bodies: %w", err)
		}
	case "file":
		if !filepath.IsAbs(c.Bodies.Dir()) {
			return errors.New("bodies: a directory is named with its whole path, file:///srv/mail/bodies")
		}
	default:
		if c.Bodies != "" {
			return errors.New(`bodies: it may be "", for the data directory, or an address that begins with s3:// or file:///`)
		}
	}
	return nil
}

// fromEnvironment stands in for variables that the server may have and who
// checks its file has not.
func fromEnvironment(string) string { return "environment" }
