package imap

import "strconv"

// ThreadNode is one message in a list of threads: it stands before its
// children, each followed by all that is below it. A Number of 0 is a message that
// is not here; it has two children or more.
type ThreadNode struct{ Number, Children uint32 }

// AppendThreads writes what follows "THREAD " (RFC 5256 §4, thread-list): an
// only child behind its parent, several as a list each. It does not recurse, so
// that a chain of any length can be written.
func AppendThreads(dst []byte, nodes []ThreadNode) []byte {
	begins := true       // the next node begins a list
	var missing []uint32 // of the lists around: how many are still to come in each
	for _, n := range nodes {
		if begins {
			dst = append(dst, '(')
		} else {
			dst = append(dst, ' ')
		}
		if n.Number != 0 {
			dst = strconv.AppendUint(dst, uint64(n.Number), 10)
		}
		begins = n.Children != 1
		switch {
		case n.Children == 0:
			dst, missing = closeThread(append(dst, ')'), missing)
		case n.Children > 1:
			missing = append(missing, n.Children)
			if n.Number != 0 {
				dst = append(dst, ' ')
			}
		}
	}
	return dst
}

// closeThread closes the lists whose last member was closed.
func closeThread(dst []byte, missing []uint32) ([]byte, []uint32) {
	for i := len(missing) - 1; i >= 0; i-- {
		if missing[i]--; missing[i] > 0 {
			break
		}
		dst, missing = append(dst, ')'), missing[:i]
	}
	return dst, missing
}
