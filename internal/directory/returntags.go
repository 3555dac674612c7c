package directory

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"tem/internal/kv"
)

// returnKeyFor is how long one key makes tags. The key before it is kept, so
// that a tag is good for at least as long again.
const returnKeyFor = 30 * 24 * time.Hour

const returnKeySize = 32

// returnKey is a secret under which return paths are rewritten.
type returnKey struct {
	Secret  []byte    `json:"secret"`
	Created time.Time `json:"created"`
}

// String keeps the secret out of whatever is printed by accident.
func (returnKey) String() string { return "[key of return paths]" }

// ReturnTags returns what proves that a text was written here: its
// HMAC-SHA256 under each key that is in use. The first is the one to write, any
// may be met in what comes back. The keys are made when they are first needed.
func (d *Directory) ReturnTags(ctx context.Context, text string) (tags [][]byte, err error) {
	var keys []returnKey
	read := func(x *index) error { keys = x.returnKeys; return nil }
	if err := d.look(ctx, read); err != nil {
		return nil, err
	}
	if now := d.now(); len(keys) == 0 || now.Sub(keys[0].Created) >= returnKeyFor {
		if err := d.change(ctx, func(x *index, b *kv.Batch) error { return x.nextReturnKey(b, now) }); err != nil {
			return nil, err
		}
		if err := d.look(ctx, read); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		h := hmac.New(sha256.New, k.Secret)
		h.Write([]byte(text))
		tags = append(tags, h.Sum(nil))
	}
	return tags, nil
}

// nextReturnKey puts a new key before the one in use, unless somebody just did.
func (x *index) nextReturnKey(b *kv.Batch, now time.Time) error {
	if len(x.returnKeys) > 0 && now.Sub(x.returnKeys[0].Created) < returnKeyFor {
		return nil
	}
	secret := make([]byte, returnKeySize)
	rand.Read(secret) // never fails
	keys := append([]returnKey{{secret, now.UTC()}}, x.returnKeys...)
	b.Set(kv.Directory, returnKeysKey, encode(keys[:min(2, len(keys))]))
	return nil
}

func (x *index) setReturnKeys(val []byte) error {
	var keys []returnKey
	if json.Unmarshal(val, &keys) != nil {
		return errors.New("the keys of return paths are damaged")
	}
	for _, k := range keys {
		if len(k.Secret) != returnKeySize {
			return errors.New("a key of return paths is damaged")
		}
	}
	x.returnKeys = keys
	return nil
}
