package control

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tem/internal/directory"
	"tem/internal/trust/dkim"
)

// Key is one key that signs for a domain, as anybody may know it, with the
// TXT record to be published for it (RFC 6376 §3.6).
type Key struct {
	Domain    string    `json:"domain"`
	Selector  string    `json:"selector"`
	Algorithm string    `json:"algorithm"` // rsa or ed25519
	State     string    `json:"state"`     // next, active or retired
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed"`
	Name      string    `json:"name"`   // of the record
	Record    string    `json:"record"` // its text
}

// Keys is the answer to the verbs about keys: those that the verb was about.
type Keys struct {
	Keys []Key `json:"keys"`
}

// KeyAdd asks for new keys of a domain, one of each algorithm. State is active
// or next.
type KeyAdd struct {
	Domain string `json:"domain"`
	State  string `json:"state"`
}

// KeyNames names keys of a domain.
type KeyNames struct {
	Domain    string   `json:"domain"`
	Selectors []string `json:"selectors,omitempty"`
}

// KeyImport brings a private key: PEM with PKCS #8 or PKCS #1.
type KeyImport struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	State    string `json:"state"`
	PEM      []byte `json:"pem"`
}

// KeyExport asks the server to write a private key into a new file, which only
// it can read. File is an absolute path.
type KeyExport struct {
	Domain   string `json:"domain"`
	Selector string `json:"selector"`
	File     string `json:"file"`
}

func toKey(k directory.Key) Key {
	return Key{k.Domain, k.Selector, k.Algorithm, string(k.State), k.Created, k.Changed,
		k.Selector + "._domainkey." + k.Domain,
		dkim.RecordText(k.Algorithm, k.Public)}
}

func toKeys(keys []directory.Key) Keys {
	out := Keys{[]Key{}}
	for _, k := range keys {
		out.Keys = append(out.Keys, toKey(k))
	}
	return out
}

// newKeys makes a key of each algorithm.
func newKeys(state directory.KeyState) ([]directory.NewKey, error) {
	var keys []directory.NewKey
	for _, algorithm := range []string{directory.RSA, directory.Ed25519} {
		private, err := directory.GenerateKey(algorithm)
		if err != nil {
			return nil, fmt.Errorf("make a key of %s: %w", algorithm, err)
		}
		keys = append(keys, directory.NewKey{Private: private, State: state})
	}
	return keys, nil
}

// ListKeys lists the keys of a domain.
func (s *Service) ListKeys(ctx context.Context, r Domain) (Keys, error) {
	keys, err := s.Directory.Keys(ctx, r.Name)
	return toKeys(keys), err
}

// AddKeys makes keys for a domain. Where keys sign already, new ones are to be
// published before they take over.
func (s *Service) AddKeys(ctx context.Context, r KeyAdd) (Keys, error) {
	have, err := s.Directory.Keys(ctx, r.Domain)
	if err != nil {
		return Keys{}, err
	}
	for _, k := range have {
		if k.State == directory.KeyActive && r.State == string(directory.KeyActive) {
			return Keys{}, errorf(Exists, "domain %s has keys that sign already; for new ones: tem domain dkim rotate %[1]s", k.Domain)
		}
	}
	keys, err := newKeys(directory.KeyState(r.State))
	if err != nil {
		return Keys{}, err
	}
	added, err := s.Directory.AddKeys(ctx, r.Domain, keys...)
	return toKeys(added), err
}

// ActivateKeys makes keys sign: those named, or all that are next.
func (s *Service) ActivateKeys(ctx context.Context, r KeyNames) (Keys, error) {
	changed, err := s.Directory.ActivateKeys(ctx, r.Domain, r.Selectors...)
	return toKeys(changed), err
}

// RetireKeys makes keys sign no more.
func (s *Service) RetireKeys(ctx context.Context, r KeyNames) (Keys, error) {
	return eachKey(r, func(selector string) ([]directory.Key, error) {
		return s.Directory.RetireKey(ctx, r.Domain, selector)
	})
}

// RemoveKeys forgets keys that do not sign.
func (s *Service) RemoveKeys(ctx context.Context, r KeyNames) (Keys, error) {
	return eachKey(r, func(selector string) ([]directory.Key, error) {
		gone, err := s.Directory.RemoveKey(ctx, r.Domain, selector)
		return []directory.Key{gone}, err
	})
}

func eachKey(r KeyNames, do func(selector string) ([]directory.Key, error)) (Keys, error) {
	if len(r.Selectors) == 0 {
		return Keys{}, errorf(Invalid, "domain %s: say which keys, by their selectors", r.Domain)
	}
	var all []directory.Key
	for _, selector := range r.Selectors {
		keys, err := do(selector)
		if err != nil {
			return Keys{}, err
		}
		all = append(all, keys...)
	}
	return toKeys(all), nil
}

// ImportKey adds a private key that was made elsewhere.
func (s *Service) ImportKey(ctx context.Context, r KeyImport) (Keys, error) {
	private, err := parseKey(r.PEM)
	if err != nil {
		return Keys{}, errorf(Invalid, "domain %s: the key is not imported: %v", r.Domain, err)
	}
	added, err := s.Directory.AddKeys(ctx, r.Domain,
		directory.NewKey{Selector: r.Selector, Private: private, State: directory.KeyState(r.State)})
	return toKeys(added), err
}

// parseKey reads a private key; its errors quote nothing of it.
func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is not PEM (-----BEGIN PRIVATE KEY-----)")
	}
	switch block.Type {
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if signer, ok := key.(crypto.Signer); ok && err == nil {
			return signer, nil
		}
	case "RSA PRIVATE KEY":
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return key, nil
		}
	default:
		return nil, fmt.Errorf("it is a PEM block %q, not a private key without a passphrase", block.Type)
	}
	return nil, errors.New("the private key in it is damaged, or of another kind than RSA and Ed25519")
}

// ExportKey writes a private key into a file. The answer does not have it: it
// stays on this machine.
func (s *Service) ExportKey(ctx context.Context, r KeyExport) (Nothing, error) {
	if !filepath.IsAbs(r.File) {
		return Nothing{}, errorf(Invalid, "%q is not an absolute path", r.File)
	}
	key, err := s.Directory.PrivateKey(ctx, r.Domain, r.Selector)
	if err != nil {
		return Nothing{}, err
	}
	text, err := dkim.MarshalKey(key.Private)
	if err != nil {
		return Nothing{}, fmt.Errorf("export the key %s of %s: %w", r.Selector, r.Domain, err)
	}
	return Nothing{}, writeSecret(r.File, text)
}

// writeSecret writes a file that was not there, for its owner alone.
func writeSecret(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errorf(Exists, "%s already exists: it is not overwritten", name)
	} else if err != nil {
		return errorf(Failed, "the server can't write the file: %v", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name)
		return errorf(Failed, "the key is not written: %v", err)
	}
	return nil
}
