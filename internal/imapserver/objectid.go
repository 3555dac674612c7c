package imapserver

import "strconv"

// objectID reads an object identifier (RFC 8474 §7): a letter that says of what
// kind it is, E for an email and T for a thread, and its number.
func objectID(kind byte, id string) (n uint64, ok bool) {
	if len(id) < 2 || id[0] != kind {
		return 0, false
	}
	n, err := strconv.ParseUint(id[1:], 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == id[1:]
}
