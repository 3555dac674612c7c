package config

import (
	"fmt"
	"strings"
	"testing"
)

// password is in every address here; nothing may show it.
const password = "hush-hush"

func TestPlaces(t *testing.T) {
	t.Parallel()
	const bucket = `bodies = "s3://KEY:` + password + `@s3.example/tem-bodies"`
	for name, tc := range map[string]struct{ text, want string }{ // want is "" where nothing is wrong
		"cluster":            {`store = "postgres://tem:` + password + `@db.example/tem"` + "\n" + bucket, ""},
		"password elsewhere": {`store = "postgresql://tem@db1.example,db2.example:5433/tem?sslmode=verify-full"` + "\n" + `bodies = "s3://s3.example/tem-bodies"`, ""},
		"only bodies":        {bucket, ""},
		"one node":           {`store = "postgres:///tem?host=/run/postgresql"` + "\n" + `bodies = "file:///srv/bodies"`, ""},
		"bodies here":        {`store = "postgres://tem:` + password + `@db.example/tem"`, "could be read on this node only"},
		"another database":   {`store = "mysql://tem:` + password + `@db.example/tem"`, "begins with postgres://"},
		"no scheme":          {`store = "tem:` + password + `@db.example"`, "begins with postgres://"},
		"unreadable":         {`store = "postgres://tem:` + password + `/x@db.example/tem"` + "\n" + bucket, "the address can't be read"},
		"other bodies":       {`bodies = "https://KEY:` + password + `@s3.example/b"`, "begins with s3://"},
		"no bucket":          {`bodies = "s3://KEY:` + password + `@s3.example"`, "bodies: host and bucket of the object service"},
		"relative":           {`bodies = "file://bodies"`, "whole path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := load(t, tc.text+"\n"+six)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if text := fmt.Sprintf("%v %v %+v %s %q %#v %x", err, c, c, c.Store, c.Bodies, c.Store, c.Bodies); strings.Contains(text, password) || strings.Contains(text, fmt.Sprintf("%x", password)) {
				t.Errorf("the password is shown: %s", text)
			}
		})
	}
}

func TestPlaceIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	for place, want := range map[Place]string{
		"":                                     "",
		"postgres://tem:pw@db.example/tem":     "postgres://db.example/tem",
		"postgres://db.example/tem?password=x": "postgres://db.example/tem",
		"postgres:///tem?host=/run/x":          "postgres:///tem",
		"postgres://u:p@ss@h1:1,h2:2/tem":      "postgres://h1:1,h2:2/tem",
		"postgres://u:p/w@h/tem":               "postgres://(hidden)",
		"postgres://h/tem?password=a@b":        "postgres://(hidden)",
		"postgres://u:p?w@h/tem":               "postgres://(hidden)",
		"s3://K:S@h.example/b/p?region=r":      "s3://h.example/b/p",
		"file:///srv/bodies":                   "file:///srv/bodies",
		"p@ssword":                             "(hidden)",
	} {
		if got := place.String(); got != want {
			t.Errorf("%q is shown as %q, want %q", string(place), got, want)
		}
	}
}

// FuzzPlace puts a secret before the host of any address, and as an option.
func FuzzPlace(f *testing.F) {
	f.Add("postgres", "u", "db.example/tem")
	f.Add("s3", "a/b", "h/x@y?z")
	f.Fuzz(func(t *testing.T, scheme, user, rest string) {
		for _, p := range []Place{
			Place(scheme + "://" + user + ":" + password + "@" + rest),
			Place(scheme + "://h/" + "?" + user + "=" + password),
		} {
			if strings.Contains(scheme, password) || strings.Contains(rest, password) || strings.Contains(scheme, "://") {
				return
			}
			if strings.Contains(fmt.Sprintf("%+v", p), password) {
				t.Errorf("%q is shown as %v", string(p), p)
			}
		}
	})
}
