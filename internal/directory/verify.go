package directory

import (
	"context"
	"fmt"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/sasl"
)

// VerifyPassword, SCRAM and Principal make a Directory a sasl.Backend; login is
// the address. A login that does not exist, is disabled or has another password
// costs the same and gives the same sasl.ErrFailed.
func (d *Directory) VerifyPassword(ctx context.Context, login, password string) (principal string, err error) {
	password, err = normalise(password)
	if err != nil {
		return "", sasl.ErrFailed // nobody can have it
	}
	acc, row, err := d.credentials(ctx, login)
	if err != nil {
		return "", err
	}
	if ok, err := d.check(ctx, key(acc.Address), row, password); err != nil {
		return "", fmt.Errorf("verify the password of %s: %w", acc.Address, err)
	} else if !ok {
		return "", sasl.ErrFailed
	}
	return acc.Address.String(), nil
}

// check compares a normalised password with a credential row. It costs one
// argon2, also for the missing row of nobody, unless the same was right of late.
func (d *Directory) check(ctx context.Context, k string, row []byte, password string) (bool, error) {
	tag := d.verified.tag(k, string(row), password)
	if d.verified.has(k, tag, d.now()) {
		return true, nil
	}
	release, err := d.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	if d.verified.has(k, tag, d.now()) {
		return true, nil // another session of the same client was quicker
	}
	ok, err := d.hashAndCompare(row, password)
	if ok {
		row = d.upgrade(ctx, k, row, password)
		d.verified.add(k, d.verified.tag(k, string(row), password), d.now())
	}
	return ok, err
}

// upgrade adds to a row what it lacks because it is older than a mechanism, now
// that the password is known, and returns the row as it is then. It is one
// commit, once, that asserts the old row; as the index has no credentials, no
// version is raised. Where it fails, the next login that is hashed tries again:
// nobody is kept out for it.
func (d *Directory) upgrade(ctx context.Context, k string, row []byte, password string) []byte {
	c, err := decodeCredentials(row)
	if err != nil || c.SCRAMSHA1.Iterations != 0 || c.deriveSCRAM(sasl.SHA1, password) != nil {
		return row
	}
	b := &kv.Batch{}
	b.Assert(kv.Directory, rowKey(credentialRow, k), row)
	upgraded := encode(c)
	b.Set(kv.Directory, rowKey(credentialRow, k), upgraded)
	if kv.Commit(ctx, d.kv, b) != nil {
		return row
	}
	return upgraded
}

func (d *Directory) hashAndCompare(row []byte, password string) (bool, error) {
	if row == nil {
		d.cost.hash(password, make([]byte, saltSize), phcHashSize)
		return false, nil
	}
	c, err := decodeCredentials(row)
	if err != nil {
		return false, err
	}
	return matches(c.Argon2id, password)
}

// SCRAM returns the stored secrets of login. An account whose password was last
// set and seen before there was this hash has none, and looks like one that does not exist.
func (d *Directory) SCRAM(ctx context.Context, h sasl.Hash, login string) (principal string, s sasl.SCRAMSecrets, err error) {
	acc, row, err := d.credentials(ctx, login)
	if err != nil {
		return "", s, err
	}
	if row == nil {
		return "", s, sasl.ErrFailed
	}
	c, err := decodeCredentials(row)
	if err != nil {
		return "", s, fmt.Errorf("read the SCRAM secrets of %s: %w", acc.Address, err)
	}
	if s = *c.scram(h); s.Iterations == 0 {
		return "", s, sasl.ErrFailed
	}
	return acc.Address.String(), s, nil
}

// Principal returns the address of the account of login if that may log in,
// else sasl.ErrFailed.
func (d *Directory) Principal(ctx context.Context, login string) (string, error) {
	acc, err := d.person(ctx, login)
	if err == nil && acc.ID == 0 {
		err = sasl.ErrFailed
	}
	if err != nil {
		return "", err
	}
	return acc.Address.String(), nil
}

// person is the account of a login that may log in; the zero Account for any other.
func (d *Directory) person(ctx context.Context, login string) (acc Account, err error) {
	a, bad := address.Parse(login)
	if bad != nil || a.Local == "" {
		return acc, nil
	}
	err = d.look(ctx, func(x *index) error {
		acc = x.accounts[key(a)]
		return nil
	})
	if err != nil || acc.Disabled {
		return Account{}, err
	}
	return acc, nil
}

// credentials are the account and the credential row of a login that may log
// in; the row is nil for any other.
func (d *Directory) credentials(ctx context.Context, login string) (acc Account, row []byte, err error) {
	if acc, err = d.person(ctx, login); err != nil || acc.ID == 0 {
		return acc, nil, err
	}
	row, err = d.readCredentials(ctx, key(acc.Address))
	return acc, row, err
}

func (d *Directory) readCredentials(ctx context.Context, k string) (row []byte, err error) {
	row, err = d.row(ctx, rowKey(credentialRow, k))
	if err != nil {
		return nil, fmt.Errorf("read the credentials of %s: %w", k, err)
	}
	return row, nil
}
