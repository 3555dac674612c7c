package message

// appendStructure writes BODYSTRUCTURE, or BODY without the extension data
// (RFC 9051 §7.5.2, §9 body). Names are in upper case as in its examples.
func (p *Part) appendStructure(dst []byte, extended bool, as style) []byte {
	dst = append(dst, '(')
	if p.isMultipart() {
		for _, child := range p.Parts {
			dst = child.appendStructure(dst, extended, as)
		}
		dst = appendUpper(append(dst, ' '), p.Subtype, as)
		if extended {
			dst = appendParams(append(dst, ' '), p.Params, as)
		}
	} else {
		dst = p.appendSingle(dst, extended, as)
		if extended {
			dst = appendNString(append(dst, ' '), p.MD5, as)
		}
	}
	if extended {
		dst = p.appendExtension(dst, as)
	}
	return append(dst, ')')
}

// appendSingle writes the basic fields of a part that is no multipart, and
// those of its type.
func (p *Part) appendSingle(dst []byte, extended bool, as style) []byte {
	dst = appendUpper(dst, p.Type, as)
	dst = appendUpper(append(dst, ' '), p.Subtype, as)
	dst = appendParams(append(dst, ' '), p.Params, as)
	dst = appendNString(append(dst, ' '), p.ID, as)
	dst = appendNString(append(dst, ' '), p.Description, as)
	dst = appendUpper(append(dst, ' '), p.Encoding, as)
	dst = appendNumber(dst, p.End-p.Body)
	switch {
	case p.Message != nil:
		dst = append(append(dst, ' '), p.Message.Envelope...)
		dst = p.Message.appendStructure(append(dst, ' '), extended, as)
		dst = appendNumber(dst, p.Lines)
	case p.Type == "text":
		dst = appendNumber(dst, p.Lines)
	}
	return dst
}

// appendExtension writes disposition, language and location, which all parts have last.
func (p *Part) appendExtension(dst []byte, as style) []byte {
	if p.Disposition == "" {
		dst = append(dst, " NIL"...)
	} else {
		dst = appendUpper(append(dst, " ("...), p.Disposition, as)
		dst = appendParams(append(dst, ' '), p.DispParams, as)
		dst = append(dst, ')')
	}
	dst = appendLanguages(append(dst, ' '), p.Language, as)
	return appendNString(append(dst, ' '), p.Location, as)
}

func appendLanguages(dst []byte, tags []string, as style) []byte {
	if len(tags) == 0 {
		return append(dst, "NIL"...)
	}
	for i, tag := range tags {
		dst = appendString(append(dst, separator(i)), tag, as)
	}
	return append(dst, ')')
}

// appendParams writes name and value pairs. Where it has to be ASCII, a value beyond
// is written as RFC 2231 has it, under name*.
func appendParams(dst []byte, params []Param, as style) []byte {
	if len(params) == 0 {
		return append(dst, "NIL"...)
	}
	for i, p := range params {
		name, value := p.Name, p.Value
		if as == inASCII && !isASCII(value) {
			name, value = name+"*", extendedValue(toUTF8(value))
		}
		dst = appendUpper(append(dst, separator(i)), name, as)
		dst = appendString(append(dst, ' '), value, as)
	}
	return append(dst, ')')
}

// separator is what stands before element i of a parenthesized list.
func separator(i int) byte {
	if i == 0 {
		return '('
	}
	return ' '
}

// appendUpper writes a quoted string with its ASCII letters in upper case.
func appendUpper(dst []byte, s string, as style) []byte {
	from := len(dst)
	dst = appendString(dst, s, as)
	if !isASCII(s) {
		return dst // encoded, and the code has both cases
	}
	for i, c := range dst[from:] {
		if 'a' <= c && c <= 'z' {
			dst[from+i] = c - ('a' - 'A')
		}
	}
	return dst
}
