package message

// appendStructure writes BODYSTRUCTURE, or BODY without the extension data
// (RFC 9051 §7.5.2, §9 body). Names are in upper case as in its examples.
func (p *Part) appendStructure(dst []byte, extended bool) []byte {
	dst = append(dst, '(')
	if p.isMultipart() {
		for _, child := range p.Parts {
			dst = child.appendStructure(dst, extended)
		}
		dst = appendUpper(append(dst, ' '), p.Subtype)
		if extended {
			dst = appendParams(append(dst, ' '), p.Params)
		}
	} else {
		dst = p.appendSingle(dst, extended)
		if extended {
			dst = appendNString(append(dst, ' '), p.MD5)
		}
	}
	if extended {
		dst = p.appendExtension(dst)
	}
	return append(dst, ')')
}

// appendSingle writes the basic fields of a part that is no multipart, and
// those of its type.
func (p *Part) appendSingle(dst []byte, extended bool) []byte {
	dst = appendUpper(dst, p.Type)
	dst = appendUpper(append(dst, ' '), p.Subtype)
	dst = appendParams(append(dst, ' '), p.Params)
	dst = appendNString(append(dst, ' '), p.ID)
	dst = appendNString(append(dst, ' '), p.Description)
	dst = appendUpper(append(dst, ' '), p.Encoding)
	dst = appendNumber(dst, p.End-p.Body)
	switch {
	case p.Message != nil:
		dst = append(append(dst, ' '), p.Message.Envelope...)
		dst = p.Message.appendStructure(append(dst, ' '), extended)
		dst = appendNumber(dst, p.Lines)
	case p.Type == "text":
		dst = appendNumber(dst, p.Lines)
	}
	return dst
}

// appendExtension writes disposition, language and location, which all parts have last.
func (p *Part) appendExtension(dst []byte) []byte {
	if p.Disposition == "" {
		dst = append(dst, " NIL"...)
	} else {
		dst = appendUpper(append(dst, " ("...), p.Disposition)
		dst = appendParams(append(dst, ' '), p.DispParams)
		dst = append(dst, ')')
	}
	dst = appendLanguages(append(dst, ' '), p.Language)
	return appendNString(append(dst, ' '), p.Location)
}

func appendLanguages(dst []byte, tags []string) []byte {
	if len(tags) == 0 {
		return append(dst, "NIL"...)
	}
	for i, tag := range tags {
		dst = appendString(append(dst, separator(i)), tag)
	}
	return append(dst, ')')
}

// appendParams writes name and value pairs. A value beyond ASCII is written as
// RFC 2231 has it, under name*.
func appendParams(dst []byte, params []Param) []byte {
	if len(params) == 0 {
		return append(dst, "NIL"...)
	}
	for i, p := range params {
		name, value := p.Name, p.Value
		if !isASCII(value) {
			name, value = name+"*", extendedValue(toUTF8(value))
		}
		dst = appendUpper(append(dst, separator(i)), name)
		dst = appendString(append(dst, ' '), value)
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
func appendUpper(dst []byte, s string) []byte {
	from := len(dst)
	dst = appendString(dst, s)
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
