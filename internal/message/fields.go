package message

import (
	"bytes"
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

// fields has the raw values of one header block; nil where there is none.
type fields [fCount][]byte

// read picks the fields out of a block. The first of a name counts; the lists
// of recipients are joined.
func (f *fields) read(h Header) {
	for name, raw := range h.fields {
		i, value := fieldIndex(name), fieldValue(name, raw)
		switch {
		case i < 0:
		case f[i] == nil:
			f[i] = value
		case i == fTo || i == fCc || i == fBcc:
			f[i] = bytes.Join([][]byte{f[i], value}, []byte(","))
		}
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

// value is one field unfolded.
func (f *fields) value(i int) string { return unfold(f[i]) }

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
	p.Location = strings.Join(strings.Fields(f.value(fContentLocation)), "")
}

// describeType sets the media type.
func (f *fields) describeType(p *Part, def mediaType) {
	var ok bool
	if p.Type, p.Subtype, p.Params, ok = contentType(f.value(fContentType)); !ok {
		p.Type, p.Subtype, p.Params = "text", "plain", nil
		if f[fContentType] == nil && def == messageDefault {
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

// messageIDs finds the <id>s in a value and takes their brackets off. Without
// any bracket the first word counts.
func messageIDs(value string) []string {
	var ids []string
	rest := value
	for len(ids) < maxReferences {
		_, after, ok := strings.Cut(rest, "<")
		id, next, closed := strings.Cut(after, ">")
		if !ok || !closed {
			break
		}
		if id = strings.Join(strings.Fields(id), ""); id != "" {
			ids = append(ids, id)
		}
		rest = next
	}
	if words := strings.Fields(value); len(ids) == 0 && len(words) > 0 && !strings.ContainsAny(value, "<>") {
		ids = words[:1]
	}
	return ids
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
