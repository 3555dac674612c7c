package directory

import (
	"context"
	"fmt"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/sasl"
)

// VerifyPassword and SCRAMSHA256 make a Directory a sasl.Backend; login is the
// address. A login that does not exist, is disabled or has another password
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
		d.verified.add(k, tag, d.now())
	}
	return ok, err
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

// SCRAMSHA256 returns the stored secrets of login.
func (d *Directory) SCRAMSHA256(ctx context.Context, login string) (principal string, s sasl.SCRAMSecrets, err error) {
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
	return acc.Address.String(), c.SCRAM, nil
}

// credentials are the account and the credential row of a login that may log
// in; the row is nil for any other.
func (d *Directory) credentials(ctx context.Context, login string) (acc Account, row []byte, err error) {
	a, bad := address.Parse(login)
	if bad != nil || a.Local == "" {
		return acc, nil, nil
	}
	err = d.look(ctx, func(x *index) error {
		acc = x.accounts[key(a)]
		return nil
	})
	if err != nil || acc.ID == 0 || acc.Disabled {
		return Account{}, nil, err
	}
	row, err = d.readCredentials(ctx, key(a))
	return acc, row, err
}

func (d *Directory) readCredentials(ctx context.Context, k string) (row []byte, err error) {
	err = d.kv.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.Directory, rowKey(credentialRow, k))
		if ok {
			row = append([]byte{}, val...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the credentials of %s: %w", k, err)
	}
	return row, nil
}
