package message

import (
	"encoding/binary"
	"errors"
	"math"
)

// maxRowDepth is how deep DecodePart goes: each message is a level of its own.
const maxRowDepth = 2*MaxDepth + 4

var errPart = errors.New("message structure: damaged or of another version")

// partVersion is the first octet of an encoded structure.
const partVersion = 1

// Flags say which fields an encoded part has beyond its offsets and type.
const (
	hasStrings    = 1 << iota // ID, Description, MD5, Location
	hasDisp                   // Disposition and DispParams
	hasLanguage               // Language
	hasParts                  // Parts
	hasMessage                // Message
	hasEnvelope               // Envelope
	knownPartBits = 1<<iota - 1
)

// AppendBinary and DecodePart keep a structure in a row, compactly: a version,
// then each part before those inside it; numbers as varints, offsets from the
// part's own beginning, strings with their length before them.
func (p *Part) AppendBinary(dst []byte) []byte {
	return p.appendPart(append(dst, partVersion), 0)
}

// appendPart writes offsets from base, the Body of the part around.
func (p *Part) appendPart(dst []byte, base int64) []byte {
	flags := p.flags()
	dst = append(dst, flags)
	for _, n := range [...]int64{p.Start - base, p.Body - p.Start, p.End - p.Body, p.Lines} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for _, s := range [...]string{p.Type, p.Subtype, p.Encoding} {
		dst = putString(dst, s)
	}
	dst = putParams(dst, p.Params)
	if flags&hasStrings != 0 {
		for _, s := range [...]string{p.ID, p.Description, p.MD5, p.Location} {
			dst = putString(dst, s)
		}
	}
	if flags&hasDisp != 0 {
		dst = putParams(putString(dst, p.Disposition), p.DispParams)
	}
	if flags&hasLanguage != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(p.Language)))
		for _, tag := range p.Language {
			dst = putString(dst, tag)
		}
	}
	if flags&hasEnvelope != 0 {
		dst = putString(dst, string(p.Envelope))
	}
	return p.appendInside(dst, flags)
}

// appendInside writes the parts inside.
func (p *Part) appendInside(dst []byte, flags byte) []byte {
	if flags&hasParts != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(p.Parts)))
		for _, child := range p.Parts {
			dst = child.appendPart(dst, p.Body)
		}
	}
	if flags&hasMessage != 0 {
		dst = p.Message.appendPart(dst, p.Body)
	}
	return dst
}

func (p *Part) flags() (f byte) {
	set := func(bit byte, on bool) {
		if on {
			f |= bit
		}
	}
	set(hasStrings, p.ID != "" || p.Description != "" || p.MD5 != "" || p.Location != "")
	set(hasDisp, p.Disposition != "" || len(p.DispParams) > 0)
	set(hasLanguage, len(p.Language) > 0)
	set(hasParts, len(p.Parts) > 0)
	set(hasMessage, p.Message != nil)
	set(hasEnvelope, len(p.Envelope) > 0)
	return f
}

func putString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func putParams(dst []byte, params []Param) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(params)))
	for _, p := range params {
		dst = putString(putString(dst, p.Name), p.Value)
	}
	return dst
}

// DecodePart reads what AppendBinary wrote. Any octets are safe to give it.
func DecodePart(b []byte) (*Part, error) {
	if len(b) == 0 || b[0] != partVersion {
		return nil, errPart
	}
	r := &row{b: string(b[1:])}
	p := r.part(0, 0)
	if r.bad || r.b != "" {
		return nil, errPart
	}
	return p, nil
}

// row reads fields one after another; once bad, all further ones are empty.
// Strings share its memory.
type row struct {
	b   string
	bad bool
}

func (r *row) part(base int64, depth int) *Part {
	flags := r.octet()
	p := new(Part)
	p.Start = r.offset(base)
	p.Body = r.offset(p.Start)
	p.End = r.offset(p.Body)
	p.Lines = r.offset(0)
	p.Type, p.Subtype, p.Encoding = r.string(), r.string(), r.string()
	p.Params = r.params()
	if flags&hasStrings != 0 {
		p.ID, p.Description, p.MD5, p.Location = r.string(), r.string(), r.string(), r.string()
	}
	if flags&hasDisp != 0 {
		p.Disposition, p.DispParams = r.string(), r.params()
	}
	if flags&hasLanguage != 0 {
		for range r.count() {
			p.Language = append(p.Language, r.string())
		}
	}
	if flags&hasEnvelope != 0 {
		p.Envelope = []byte(r.string())
	}
	r.inside(p, flags, depth+1)
	r.bad = r.bad || p.flags() != flags // an empty field is not written
	return p
}

// inside reads the parts inside p.
func (r *row) inside(p *Part, flags byte, depth int) {
	if depth > maxRowDepth {
		r.bad = true
	}
	if flags&hasParts != 0 {
		for range r.count() {
			p.Parts = append(p.Parts, r.part(p.Body, depth))
		}
	}
	if flags&hasMessage != 0 && !r.bad {
		p.Message = r.part(p.Body, depth)
	}
}

func (r *row) octet() byte {
	if r.bad || r.b == "" {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	r.bad = c > knownPartBits
	return c
}

// number reads a varint of at most limit, in its shortest form.
func (r *row) number(limit uint64) uint64 {
	var n uint64
	for i := 0; i < len(r.b) && i < binary.MaxVarintLen64 && !r.bad; i++ {
		c := r.b[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if n > limit || c == 0 && i > 0 || i == 9 && c > 1 {
				break
			}
			r.b = r.b[i+1:]
			return n
		}
	}
	r.bad = true
	return 0
}

// offset reads a distance from base.
func (r *row) offset(base int64) int64 { return base + int64(r.number(uint64(math.MaxInt64-base))) }

// count reads how many elements follow; each takes at least one octet.
func (r *row) count() int {
	n := int(r.number(uint64(len(r.b))))
	if r.bad {
		return 0
	}
	return n
}

func (r *row) string() string {
	n := r.count()
	if n > len(r.b) {
		r.bad = true
		return ""
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *row) params() []Param {
	n := r.count()
	if n == 0 {
		return nil
	}
	params := make([]Param, 0, min(n, maxParams))
	for range n {
		if r.bad {
			return nil
		}
		params = append(params, Param{r.string(), r.string()})
	}
	return params
}
