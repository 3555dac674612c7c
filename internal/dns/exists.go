package dns

import (
	"context"
	"errors"
)

// Exists tells whether a name exists, with records of whatever kind, or names
// below it (RFC 8020): only NXDOMAIN says that it does not. An error is ErrTemporary.
func (r *Resolver) Exists(ctx context.Context, name string) (bool, error) {
	_, err := r.A(ctx, name)
	if errors.Is(err, ErrTemporary) {
		return false, err
	}
	return !errors.Is(err, errNoName), nil
}
