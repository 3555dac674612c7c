package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/kv"
	"tem/internal/sasl"
)

const (
	linh   = "linh@hanoi.example"
	secret = "mật khẩu của Linh"
)

// withLinh is a directory where Linh's password is secret.
func withLinh(t testing.TB) (*Directory, *clock) {
	t.Helper()
	d, c := open(t, engine(t))
	must(t, d.AddDomain(t.Context(), "hanoi.example"))
	_, err := d.AddAccount(t.Context(), mailbox(t, linh), "", secret, 0)
	must(t, err)
	return d, c
}

func login(t testing.TB, d *Directory, who, password string) error {
	t.Helper()
	principal, err := d.VerifyPassword(t.Context(), who, password)
	if err == nil && principal != linh {
		t.Errorf("principal %q", principal)
	}
	return err
}

func TestVerifyPassword(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	for _, c := range []struct {
		login, password string
		want            error
	}{
		{linh, secret, nil},
		{linh, secret, nil}, // from memory
		{"Linh@HANOI.example", secret, nil},
		{linh, "ma\u0323\u0302t kh\u00e2\u0309u cu\u0309a Linh", nil}, // the same letters, composed otherwise
		{linh, "mật\u00a0khẩu\u3000của Linh", nil},                    // RFC 8265 §4.2.2: other spaces
		{linh, secret + " ", sasl.ErrFailed},
		{linh, strings.ToUpper(secret), sasl.ErrFailed},
		{linh, "", sasl.ErrFailed},
		{linh, "\x00", sasl.ErrFailed},
		{linh, strings.Repeat("x", 5000), sasl.ErrFailed},
		{"minh@hanoi.example", secret, sasl.ErrFailed},
		{"linh@remote.example", secret, sasl.ErrFailed},
		{"linh+tag@hanoi.example", secret, sasl.ErrFailed},
		{"linh", secret, sasl.ErrFailed},
		{"", secret, sasl.ErrFailed},
	} {
		if err := login(t, d, c.login, c.password); err != c.want {
			t.Errorf("%q with %q: %v, want %v", c.login, c.password, err, c.want)
		}
	}
}

func TestPasswordChangeDisableRemove(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	ctx := t.Context()
	expect := func(step, password string, want error) {
		t.Helper()
		if err := login(t, d, linh, password); err != want {
			t.Errorf("%s: %v, want %v", step, err, want)
		}
	}
	expect("at first", secret, nil)
	must(t, d.SetPassword(ctx, mailbox(t, linh), "another one"))
	expect("the old password", secret, sasl.ErrFailed)
	expect("the new password", "another one", nil)
	acc, err := d.Account(ctx, mailbox(t, linh))
	must(t, err)
	acc.Disabled = true
	must(t, d.SetAccount(ctx, acc))
	expect("disabled", "another one", sasl.ErrFailed)
	if _, _, err := d.SCRAM(ctx, sasl.SHA256, linh); err != sasl.ErrFailed {
		t.Errorf("SCRAM, disabled: %v", err)
	}
	acc.Disabled = false
	must(t, d.SetAccount(ctx, acc))
	expect("enabled", "another one", nil)
	_, err = d.RemoveAccount(ctx, acc.Address, nil)
	must(t, err)
	expect("removed", "another one", sasl.ErrFailed)
	if err := d.SetPassword(ctx, acc.Address, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the password of nobody: %v", err)
	}
	must(t, d.kv.View(ctx, func(r kv.Reader) error {
		if _, ok, err := r.Get(kv.Directory, rowKey(credentialRow, linh)); ok || err != nil {
			t.Errorf("credentials after removal: %v, %v", ok, err)
		}
		return nil
	}))
}

// hashes reports whether a login of Linh would cost an argon2: while no token
// is free for one, it waits. It runs in a synctest bubble, where an hour is nothing.
func hashes(t testing.TB, d *Directory, password string) bool {
	t.Helper()
	for range cap(d.hashing) {
		d.hashing <- struct{}{}
	}
	defer func() {
		for range cap(d.hashing) {
			<-d.hashing
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := d.VerifyPassword(ctx, linh, password)
	return errors.Is(err, context.DeadlineExceeded)
}

func TestSuccessIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, c := withLinh(t)
		expect := func(when, password string, want bool) {
			t.Helper()
			if hashes(t, d, password) != want {
				t.Errorf("%s: hashed %v, want %v", when, !want, want)
			}
		}
		expect("the first login", secret, true)
		must(t, login(t, d, linh, secret))
		expect("the second login", secret, false)
		expect("a wrong password", "wrong", true)
		c.Advance(verifiedFor - time.Second)
		expect("just within the time", secret, false)
		c.Advance(time.Second)
		expect("just after the time", secret, true)
		login(t, d, linh, "wrong")
		expect("after a failure", "wrong", true)
		must(t, login(t, d, linh, secret))
		must(t, d.SetPassword(t.Context(), mailbox(t, linh), secret))
		expect("the same password, set anew", secret, true)
	})
}

// Of the sessions that wait to check the same password only the first hashes
// it. Here none does: the answer comes while they wait, and is another one than
// hashing would give.
func TestSessionsThatWaitShareOneHash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, c := withLinh(t)
		row, err := d.readCredentials(t.Context(), linh)
		must(t, err)
		for range cap(d.hashing) {
			d.hashing <- struct{}{}
		}
		results := make(chan error, 20)
		for range cap(results) {
			go func() { results <- login(t, d, linh, "another") }()
		}
		synctest.Wait()
		d.verified.add(linh, d.verified.tag(linh, string(row), "another"), c.Now())
		for range cap(d.hashing) {
			<-d.hashing
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Errorf("a session that waited: %v", err)
			}
		}
	})
}

// A change by another node does not pass through this one's forget.
func TestAnotherNodesPasswordChangeCounts(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	must(t, login(t, d, linh, secret))
	other, _ := open(t, d.kv)
	must(t, other.SetPassword(t.Context(), mailbox(t, linh), "another one"))
	if err := login(t, d, linh, secret); err != sasl.ErrFailed {
		t.Errorf("the old password: %v", err)
	}
}

func TestUnknownUserCostsOneHash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := open(t, engine(t))
		if !hashes(t, d, "whatever") {
			t.Error("the login of nobody was not hashed")
		}
		if _, err := d.VerifyPassword(t.Context(), linh, "whatever"); err != sasl.ErrFailed {
			t.Error(err)
		}
	})
}

func TestSCRAMSecrets(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	var salts [][]byte
	for _, h := range []sasl.Hash{sasl.SHA256, sasl.SHA1} {
		principal, got, err := d.SCRAM(t.Context(), h, "LINH@hanoi.example")
		if err != nil || principal != linh {
			t.Fatalf("%q, %v", principal, err)
		}
		want, err := sasl.DeriveSCRAM(h, secret, got.Salt, got.Iterations)
		must(t, err)
		if got.Iterations < 4096 || len(got.Salt) < 16 ||
			!bytes.Equal(got.StoredKey, want.StoredKey) || !bytes.Equal(got.ServerKey, want.ServerKey) {
			t.Errorf("secrets of %d iterations do not fit the password", got.Iterations)
		}
		for _, who := range []string{"minh@hanoi.example", "linh", ""} {
			if _, _, err := d.SCRAM(t.Context(), h, who); err != sasl.ErrFailed {
				t.Errorf("%q: %v", who, err)
			}
		}
		salts = append(salts, got.Salt)
	}
	if bytes.Equal(salts[0], salts[1]) {
		t.Error("two hashes of one password share a salt")
	}
}

// older makes Linh's row one from before SCRAM-SHA-1.
func older(t *testing.T, d *Directory) {
	t.Helper()
	row, err := d.readCredentials(t.Context(), linh)
	must(t, err)
	c, err := decodeCredentials(row)
	must(t, err)
	c.SCRAMSHA1 = sasl.SCRAMSecrets{}
	val := encode(c)
	if bytes.Contains(val, []byte("scram_sha_1\"")) {
		t.Fatalf("not an old row: %s", val)
	}
	b := &kv.Batch{}
	b.Set(kv.Directory, rowKey(credentialRow, linh), val)
	must(t, kv.Commit(t.Context(), d.kv, b))
}

func TestOldRowIsUpgradedByAPassword(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	older(t, d)
	version := d.indexVersion()
	login(t, d, linh, "wrong")
	if _, _, err := d.SCRAM(t.Context(), sasl.SHA1, linh); err != sasl.ErrFailed {
		t.Errorf("before: %v", err)
	}
	if got := exchange(t, d, "SCRAM-SHA-1", linh, secret); got != "" {
		t.Errorf("before: principal %q", got)
	}
	if got := exchange(t, d, "SCRAM-SHA-256", linh, secret); got != linh {
		t.Errorf("before, SHA-256: principal %q", got)
	}
	must(t, login(t, d, linh, secret))
	if got := exchange(t, d, "SCRAM-SHA-1", linh, secret); got != linh {
		t.Errorf("after: principal %q", got)
	}
	row, err := d.readCredentials(t.Context(), linh)
	must(t, err)
	if !d.verified.has(linh, d.verified.tag(linh, string(row), secret), d.now()) {
		t.Error("the upgraded row's password is not remembered")
	}
	must(t, login(t, d, linh, secret))
	if again, err := d.readCredentials(t.Context(), linh); err != nil || !bytes.Equal(again, row) {
		t.Errorf("upgraded twice, %v", err)
	}
	if v, err := readVersion(t.Context(), d.kv); err != nil || v != version {
		t.Errorf("version %d, %v; it was %d", v, err, version)
	}
}

// An upgrade that a new password overtakes must not bring the old one back.
func TestUpgradeLosesToANewPassword(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	older(t, d)
	row, err := d.readCredentials(t.Context(), linh)
	must(t, err)
	must(t, d.SetPassword(t.Context(), mailbox(t, linh), "another one"))
	if got := d.upgrade(t.Context(), linh, row, secret); !bytes.Equal(got, row) {
		t.Error("the upgrade of a row that is gone was kept")
	}
	must(t, login(t, d, linh, "another one"))
	if err := login(t, d, linh, secret); err != sasl.ErrFailed {
		t.Errorf("the old password: %v", err)
	}
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	for _, c := range []struct {
		login, want string
		err         error
	}{{"LINH@hanoi.example", linh, nil}, {"minh@hanoi.example", "", sasl.ErrFailed}, {"linh", "", sasl.ErrFailed}, {"", "", sasl.ErrFailed}} {
		if got, err := d.Principal(t.Context(), c.login); got != c.want || err != c.err {
			t.Errorf("%q: %q, %v", c.login, got, err)
		}
	}
	acc, err := d.Account(t.Context(), mailbox(t, linh))
	must(t, err)
	acc.Disabled = true
	must(t, d.SetAccount(t.Context(), acc))
	if _, err := d.Principal(t.Context(), linh); err != sasl.ErrFailed {
		t.Errorf("disabled: %v", err)
	}
}

// Every mechanism of sasl, against its own client.
func TestMechanisms(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	for _, mechanism := range sasl.Mechanisms(d, sasl.Channel{}) {
		for _, c := range []struct{ login, password, want string }{
			{linh, secret, linh},
			{"LINH@hanoi.example", secret, linh},
			{linh, "wrong", ""},
			{"who@hanoi.example", secret, ""},
		} {
			if got := exchange(t, d, mechanism, c.login, c.password); got != c.want {
				t.Errorf("%s as %s with %q: principal %q, want %q", mechanism, c.login, c.password, got, c.want)
			}
		}
	}
}

// exchange returns the principal of a login, "" if it failed.
func exchange(t *testing.T, d *Directory, mechanism, login, password string) string {
	t.Helper()
	server, err := sasl.NewServer(mechanism, d, sasl.Channel{})
	must(t, err)
	client, err := sasl.NewClient([]string{mechanism}, sasl.Credentials{Login: login, Password: password})
	must(t, err)
	initial, err := client.Initial()
	must(t, err)
	err = sasl.Exchange(t.Context(), server, initial, func(challenge []byte) ([]byte, error) {
		answer, err := client.Next(challenge)
		return append([]byte{}, answer...), err
	})
	switch {
	case err == nil:
		return server.Principal()
	case !errors.Is(err, sasl.ErrFailed):
		t.Errorf("%s: %v", mechanism, err)
	}
	return ""
}

func TestDefaultCost(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, err := Open(t.Context(), Options{KV: e})
	must(t, err)
	c, err := d.derive(t.Context(), secret)
	must(t, err)
	if !strings.HasPrefix(c.Argon2id, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("not OWASP's parameters")
	}
	if s := fmt.Sprint(c); strings.Contains(s, "argon2id") {
		t.Errorf("printed as %s", s)
	}
}

func TestVerifiedIsBounded(t *testing.T) {
	t.Parallel()
	v := newVerified("key")
	tag := v.tag("a", "b")
	for i := range maxVerified + 500 {
		v.add(fmt.Sprint(i), tag, epoch.Add(time.Duration(i)*time.Millisecond))
	}
	if n := len(v.entries); n > maxVerified {
		t.Errorf("%d entries, at most %d are wanted", n, maxVerified)
	}
	if !v.has(fmt.Sprint(maxVerified+499), tag, epoch) {
		t.Error("the newest entry is gone")
	}
	if v.tag("ab", "c") == v.tag("a", "bc") {
		t.Error("parts run together")
	}
	if v.tag("a") == newVerified("other").tag("a") {
		t.Error("the key does not count")
	}
}

func TestNoPasswordInTheStore(t *testing.T) {
	t.Parallel()
	d, _ := withLinh(t)
	must(t, login(t, d, linh, secret))
	must(t, d.kv.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(kv.Directory, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
			if bytes.Contains(val, []byte(secret)) {
				t.Errorf("row %q has the password", key)
			}
			return nil
		})
	}))
	if strings.Contains(fmt.Sprintf("%+v", d.verified), secret) {
		t.Error("the memory of logins has the password")
	}
}

func BenchmarkVerifyRemembered(b *testing.B) {
	d, _ := withLinh(b)
	must(b, login(b, d, linh, secret))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.VerifyPassword(b.Context(), linh, secret); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyHashed(b *testing.B) {
	d, _ := withLinh(b)
	d.cost = standardCost
	must(b, d.SetPassword(b.Context(), mailbox(b, linh), secret))
	for b.Loop() {
		d.verified.forget(linh)
		if _, err := d.VerifyPassword(b.Context(), linh, secret); err != nil {
			b.Fatal(err)
		}
	}
}
