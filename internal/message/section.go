package message

import "slices"

// Find returns the part with an IMAP section number such as 1.2 (RFC 9051
// §6.4.5); nil path is the whole message; nil if there is none.
func (p *Part) Find(path []int) *Part {
	around, found := p, p // around is the multipart or the message whose parts have numbers
	for _, n := range path {
		switch {
		case around == nil:
			return nil
		case around.isMultipart() && n >= 1 && n <= len(around.Parts):
			found = around.Parts[n-1]
		case !around.isMultipart() && n == 1:
			found = around // every message has a part 1
		default:
			return nil
		}
		around = found.inside()
	}
	return found
}

// inside is what has numbered parts inside p, nil if nothing has.
func (p *Part) inside() *Part {
	if p.isMultipart() {
		return p
	}
	return p.Message
}

// Walk calls fn for every part in order with its IMAP section path, going into
// embedded messages, but not into a part for which fn returns false. A
// multipart at the top has an empty path; one that is the root of an embedded
// message has no number and is left out. path is good only during the call.
func (p *Part) Walk(fn func(path []int, p *Part) bool) {
	if !p.isMultipart() || fn(nil, p) {
		p.walkInside(nil, fn)
	}
}

// walkInside visits the numbered parts of a multipart or message.
func (p *Part) walkInside(path []int, fn func([]int, *Part) bool) {
	parts := p.Parts
	if !p.isMultipart() {
		parts = []*Part{p}
	}
	path = append(slices.Clip(path), 0)
	for i, child := range parts {
		path[len(path)-1] = i + 1
		if fn(path, child) {
			if in := child.inside(); in != nil {
				in.walkInside(path, fn)
			}
		}
	}
}
