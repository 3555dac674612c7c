package dns

import (
	"context"
	"sync/atomic"
)

type rememberedKey struct{}

// Remembered returns a context under which only what is remembered (or lies in
// a zone in this process) is answered, at once; other questions are
// ErrTemporary and are not asked. complete tells whether there were none of
// these: then the answers are what they would be without the context, and
// nobody needed a goroutine to wait in. ok is false under WithTrace: each step
// is to be told once.
func Remembered(ctx context.Context) (known context.Context, complete func() bool, ok bool) {
	if tracer(ctx) != nil {
		return nil, nil, false
	}
	missed := new(atomic.Bool)
	return context.WithValue(ctx, rememberedKey{}, missed), func() bool { return !missed.Load() }, true
}

// forbids notes a question that would have to be asked, if ctx is one of Remembered.
func forbids(ctx context.Context) bool {
	missed, ok := ctx.Value(rememberedKey{}).(*atomic.Bool)
	if ok {
		missed.Store(true)
	}
	return ok
}
