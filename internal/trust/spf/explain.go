package spf

import "strings"

// maxExplanation is how much of a domain owner's text is shown.
const maxExplanation = 400

// explain is what the owner of the domain has to say of a fail (RFC 7208 §6.2);
// "" where that can't be had: the result stays what it is.
func (e *evaluation) explain(v verdict) string {
	if v.result != Fail || v.exp == "" {
		return ""
	}
	target, err := e.target(v.exp, v.domain)
	if err != nil {
		return ""
	}
	texts, err := e.resolver.TXT(e.ctx, escape(target))
	if err != nil || len(texts) != 1 {
		return ""
	}
	text, err := e.expand(texts[0], v.domain)
	if err != nil || strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f }) >= 0 {
		return ""
	}
	return text[:min(len(text), maxExplanation)]
}
