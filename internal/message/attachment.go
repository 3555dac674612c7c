package message

import "strings"

// Filename is a part's name from its disposition or type (RFC 2231 and the common RFC 2047 misuse), without any path; "" if none.
func (p *Part) Filename() string {
	name := param(p.DispParams, "filename")
	if name == "" {
		name = param(p.Params, "name")
	}
	name = DecodeWords(name)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if name = strings.TrimSpace(name); name == "." || name == ".." {
		return ""
	}
	return name
}

// IsAttachment reports whether a reader would list the part as a file rather than show it.
func (p *Part) IsAttachment() bool {
	switch {
	case p.isMultipart():
		return false
	case p.Disposition == "attachment":
		return true
	case p.Message != nil:
		return false
	case p.Type == "text":
		return p.Disposition != "inline" && p.Filename() != ""
	case p.isDeliveryStatus(), strings.HasSuffix(p.Subtype, "-signature"):
		return false
	case p.Type == "image":
		return p.ID == "" // a picture that the HTML shows has one
	}
	return true
}
