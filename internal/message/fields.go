package message

import (
	"slices"
	"strings"
)

// The fields that the index reads.
const (
	fDate = iota
	fSubject
	fFrom
	fSender
	fReplyTo
	fTo
	fCc
	fBcc
	fInReplyTo
	fMessageID
	fReferences
	fContentType
	fContentID
	fContentDescription
	fContentEncoding
	fContentMD5
	fContentDisposition
	fContentLanguage
	fContentLocation
	fCount
)

// fields has the values of one header block, unfolded.
type fields struct {
	values [fCount]string
	has    [fCount]bool // there is such a field
}

// read picks the fields out of a block. The first of a name counts; the lists
// of recipients are joined.
func (f *fields) read(h Header) {
	var raw [fCount][]byte
	for name, line := range h.RawFields {
		i, value := fieldIndex(name), fieldValue(name, line)
		switch {
		case i < 0:
		case raw[i] == nil:
			raw[i] = slices.Clip(value)
		case i == fTo || i == fCc || i == fBcc:
			raw[i] = append(append(raw[i], ','), value...)
		}
	}
	for i, value := range raw {
		f.values[i], f.has[i] = unfold(value), value != nil
	}
}

// fieldIndex is the place of a field name in fields, -1 for the others.
func fieldIndex(name []byte) int {
	var buf [len("content-transfer-encoding")]byte
	if len(name) > len(buf) {
		return -1
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(name)]) {
	case "date":
		return fDate
	case "subject":
		return fSubject
	case "from":
		return fFrom
	case "sender":
		return fSender
	case "reply-to":
		return fReplyTo
	case "to":
		return fTo
	case "cc":
		return fCc
	case "bcc":
		return fBcc
	case "in-reply-to":
		return fInReplyTo
	case "message-id":
		return fMessageID
	case "references":
		return fReferences
	case "content-type":
		return fContentType
	case "content-id":
		return fContentID
	case "content-description":
		return fContentDescription
	case "content-transfer-encoding":
		return fContentEncoding
	case "content-md5":
		return fContentMD5
	case "content-disposition":
		return fContentDisposition
	case "content-language":
		return fContentLanguage
	case "content-location":
		return fContentLocation
	}
	return -1
}

// value is one field, "" if there is none.
func (f *fields) value(i int) string { return f.values[i] }

// mediaType is what a part without a usable Content-Type is.
type mediaType int

const (
	textDefault    mediaType = iota // text/plain; charset=us-ascii, RFC 2045 §5.2
	messageDefault                  // message/rfc822, in a digest
)

// describe sets the part's MIME fields.
func (f *fields) describe(p *Part, def mediaType) {
	f.describeType(p, def)
	p.ID = f.value(fContentID)
	p.Description = f.value(fContentDescription)
	p.MD5 = f.value(fContentMD5)
	p.Encoding = transferEncoding(f.value(fContentEncoding))
	p.Disposition, p.DispParams = disposition(f.value(fContentDisposition))
	p.Language = languages(f.value(fContentLanguage))
	// RFC 2557 §4.4.1: a long URI is folded, the white space is not part of it.
	p.Location = dropSpaces(f.value(fContentLocation))
}

// describeType sets the media type.
func (f *fields) describeType(p *Part, def mediaType) {
	var ok bool
	if p.Type, p.Subtype, p.Params, ok = contentType(f.value(fContentType)); !ok {
		p.Type, p.Subtype, p.Params = "text", "plain", nil
		if !f.has[fContentType] && def == messageDefault {
			p.Type, p.Subtype = "message", "rfc822"
		}
	}
	if p.is("text", "plain") && param(p.Params, "charset") == "" {
		p.Params = append(p.Params, Param{"charset", "us-ascii"}) // RFC 2046 §4.1.2
	}
}

// languages splits a list of language tags (RFC 3282).
func languages(value string) []string {
	var tags []string
	for tag := range strings.SplitSeq(value, ",") {
		if tag, _, _ = strings.Cut(strings.TrimSpace(tag), " "); tag != "" && len(tags) < maxParams {
			tags = append(tags, tag)
		}
	}
	return tags
}

// MessageIDs finds the <id>s in a value and takes their brackets off. Without
// any bracket the first word counts.
func MessageIDs(value string) []string {
	var ids []string
	rest := value
	for len(ids) < maxReferences {
		_, after, ok := strings.Cut(rest, "<")
		id, next, closed := strings.Cut(after, ">")
		if !ok || !closed {
			break
		}
		if id = dropSpaces(id); id != "" {
			ids = append(ids, id)
		}
		rest = next
	}
	if len(ids) == 0 && value != "" && !strings.ContainsAny(value, "<>") {
		for word := range strings.FieldsSeq(value) {
			return []string{word}
		}
	}
	return ids
}

// UnquotedID is a Message-ID as it is compared: <"a"@b> is <a@b> (RFC 5256 §3, REFERENCES).
func UnquotedID(id string) string {
	at := strings.LastIndexByte(id, '@')
	if at < 2 || id[0] != '"' || id[at-1] != '"' {
		return id
	}
	return unquote(id[:at]) + id[at:]
}

// dropSpaces takes all white space out.
func dropSpaces(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Join(strings.Fields(s), "")
}

// maxReferences is how many ids of one field are read.
const maxReferences = 1000

// first is the first string of a list, or "".
func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
