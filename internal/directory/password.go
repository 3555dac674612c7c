package directory

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/xdg-go/stringprep"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/secure/precis"

	"tem/internal/sasl"
)

// maxPassword bounds a password in bytes, so that nobody can make hashing dear.
const maxPassword = 1024

const saltSize = 16

// argonCost is how dear one argon2id is.
type argonCost struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
}

// standardCost is OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
var standardCost = argonCost{19456, 2, 1}

// normalise gives the form in which two ways to type one password are equal
// (RFC 8265 §4.2, OpaqueString). Its errors do not quote the password.
func normalise(password string) (string, error) {
	if password == "" {
		return "", problemf(ErrInvalid, "the password is empty")
	}
	if len(password) > maxPassword {
		return "", problemf(ErrInvalid, "the password is longer than %d bytes", maxPassword)
	}
	s, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", problemf(ErrInvalid, "the password has a character that is not allowed (control characters are not)")
	}
	return s, nil
}

// acceptable normalises a password that somebody wants to have. SCRAM's clients
// prepare passwords with the older SASLprep (RFC 5802 §2.2), which knows fewer
// characters; one that they could not send is refused.
func acceptable(password string) (string, error) {
	s, err := normalise(password)
	if err != nil {
		return "", err
	}
	if _, err := stringprep.SASLprep.Prepare(s); err != nil {
		return "", problemf(ErrInvalid, "the password has a character that not every mail program can send, such as an emoji")
	}
	return s, nil
}

// derive computes what is kept instead of a password.
func (d *Directory) derive(ctx context.Context, password string) (c credentialValue, err error) {
	password, err = acceptable(password)
	if err != nil {
		return c, err
	}
	release, err := d.acquire(ctx)
	if err != nil {
		return c, err
	}
	defer release()
	salt := random(saltSize)
	c.Argon2id = encodePHC(d.cost, salt, d.cost.hash(password, salt, phcHashSize))
	return c, errors.Join(c.deriveSCRAM(sasl.SHA256, password), c.deriveSCRAM(sasl.SHA1, password))
}

func (c *credentialValue) deriveSCRAM(h sasl.Hash, password string) (err error) {
	if *c.scram(h), err = sasl.DeriveSCRAM(h, password, random(saltSize), sasl.Iterations); err != nil {
		return fmt.Errorf("derive SCRAM secrets: %w", err)
	}
	return nil
}

// deriveAll derives every password, as many at a time as there are processors.
func (d *Directory) deriveAll(ctx context.Context, people []NewAccount, progress func(done int)) ([]credentialValue, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]credentialValue, len(people))
	next := make(chan int)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		done    int
	)
	for range min(runtime.NumCPU(), len(people)) {
		workers.Go(func() {
			for i := range next {
				c, err := d.derive(ctx, people[i].Password)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				out[i] = c
				if done++; progress != nil {
					progress(done)
				}
				mu.Unlock()
			}
		})
	}
	feed(ctx, next, len(people))
	workers.Wait()
	return out, context.Cause(ctx)
}

// feed sends 0 to n-1 until ctx ends.
func feed(ctx context.Context, to chan<- int, n int) {
	defer close(to)
	for i := range n {
		select {
		case to <- i:
		case <-ctx.Done():
			return
		}
	}
}

// acquire waits for one of the processors' worth of argon2 that run at once:
// each holds 19 MiB.
func (d *Directory) acquire(ctx context.Context) (release func(), err error) {
	select {
	case d.hashing <- struct{}{}:
		return func() { <-d.hashing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to check a password: %w", context.Cause(ctx))
	}
}

func random(n int) []byte {
	p := make([]byte, n)
	rand.Read(p) // never fails: crypto/rand ends the process first
	return p
}

func (c argonCost) hash(password string, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, size)
}

const phcHashSize = 32

// encodePHC writes $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func encodePHC(c argonCost, salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memory, c.time, c.threads, b64(salt), b64(hash))
}

var errPHC = errors.New("stored password hash is not a known argon2id string")

// parsePHC reads what encodePHC writes, with costs that this server is ready to pay.
func parsePHC(s string) (c argonCost, salt, hash []byte, err error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errPHC
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); n != 3 || err != nil {
		return c, nil, nil, errPHC
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	hash, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(hash) < 16 || len(hash) > 64 || !c.bearable() {
		return c, nil, nil, errPHC
	}
	if encodePHC(c, salt, hash) != s {
		return c, nil, nil, errPHC
	}
	return c, salt, hash, nil
}

// bearable bounds the cost of one verification.
func (c argonCost) bearable() bool {
	return c.memory >= 8 && c.memory <= 65536 && c.time >= 1 && c.time <= 10 && c.threads >= 1 && c.threads <= 4
}

// matches reports whether password (normalised) is the one that phc was made of.
func matches(phc, password string) (bool, error) {
	c, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	got := c.hash(password, salt, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
