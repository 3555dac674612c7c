package directory

import (
	"strings"
	"testing"
)

func TestPHC(t *testing.T) {
	t.Parallel()
	cheap := argonCost{64, 1, 1}
	salt := []byte("sixteen bytes of")
	phc := encodePHC(cheap, salt, cheap.hash("right", salt, phcHashSize))
	for password, want := range map[string]bool{"right": true, "wrong": false, "": false} {
		if got, err := matches(phc, password); got != want || err != nil {
			t.Errorf("matches %q: %v, %v", password, got, err)
		}
	}
	for _, c := range []struct{ name, old, new string }{
		{"another algorithm", "argon2id", "argon2i"},
		{"another version", "v=19", "v=16"},
		{"dear memory", "m=64", "m=4000000"},
		{"dear time", "t=1", "t=1000"},
		{"no time", "t=1", "t=0"},
		{"no threads", "p=1", "p=0"},
		{"junk in the costs", "p=1", "p=1,x"},
		{"no base64", "$argon2id", "$argon2id$"},
	} {
		if _, err := matches(strings.Replace(phc, c.old, c.new, 1), "right"); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=1,t=1,p=1$$")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		c, salt, hash, err := parsePHC(s)
		if err == nil && encodePHC(c, salt, hash) != s {
			t.Errorf("%q reads as %v %x %x", s, c, salt, hash)
		}
	})
}
