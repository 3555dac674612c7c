package imap

// ParseProgram reads search keys that were kept as text, all of which must
// match (RFC 5466 §4 search-criteria). The error is a *SyntaxError.
func ParseProgram(text string, mode Mode) (Key, error) {
	d := &decoder{b: []byte(text), Mode: mode}
	k := d.program()
	d.end()
	if d.err != nil {
		return Key{}, d.syntax("*")
	}
	return k, nil
}

// Contains reports whether a key is, or has in it, one for which is says so.
func (k *Key) Contains(is func(*Key) bool) bool {
	if is(k) {
		return true
	}
	for i := range k.Keys {
		if k.Keys[i].Contains(is) {
			return true
		}
	}
	return false
}
