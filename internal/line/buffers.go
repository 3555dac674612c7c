package line

import "sync"

const (
	minBuffer = 4 << 10
	maxBuffer = 64 << 10
)

// Buffers are lent to connections while these have something in them.
var (
	smallBuffers = sync.Pool{New: func() any { return new([minBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([maxBuffer]byte) }}
)

// borrow returns a buffer of at least n octets.
func borrow(n int) []byte {
	switch {
	case n <= minBuffer:
		return smallBuffers.Get().(*[minBuffer]byte)[:]
	case n <= maxBuffer:
		return largeBuffers.Get().(*[maxBuffer]byte)[:]
	}
	return make([]byte, n)
}

// giveBack ends the use of a buffer that borrow returned.
func giveBack(b []byte) {
	switch cap(b) {
	case minBuffer:
		smallBuffers.Put((*[minBuffer]byte)(b[:minBuffer]))
	case maxBuffer:
		largeBuffers.Put((*[maxBuffer]byte)(b[:maxBuffer]))
	}
}
