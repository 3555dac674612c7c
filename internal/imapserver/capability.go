package imapserver

import (
	"context"
	"fmt"
	"strings"

	"tem/internal/sasl"
	"tem/internal/wire/imap"
)

// Capability answers CAPABILITY (RFC 9051 §6.1.1).
func (t *turn) Capability(context.Context, *imap.Capability) error {
	return t.say("* CAPABILITY %s", t.capabilities())
}

// capabilities are those of the state we are in (RFC 9051 §7.2.2); docs/imap.md
// says where each is.
func (s *session) capabilities() string {
	words := []string{"IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ID", "ENABLE"}
	if s.state == imap.NotAuthenticated {
		return strings.Join(append(words, s.waysIn()...), " ")
	}
	words = append(words, "IDLE", "NAMESPACE", "UNSELECT")
	words = append(words, "UIDPLUS", "MOVE", "BINARY", "CONDSTORE", "QRESYNC", "UIDONLY", "UIDBATCHES")
	words = append(words, "CHILDREN", "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "SPECIAL-USE", "CREATE-SPECIAL-USE")
	words = append(words, "OBJECTID", "PREVIEW", "SAVEDATE", "X-GM-EXT-1")
	words = append(words, "ACL", "RIGHTS=texk", "LIST-MYRIGHTS", "QUOTA", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE")
	if s.setsQuotas() {
		words = append(words, "QUOTASET")
	}
	words = append(words, "METADATA", "METADATA-SERVER", "LIST-METADATA", "FILTERS")
	words = append(words, "ESEARCH", "SEARCHRES", "PARTIAL", "WITHIN", "SEARCH=FUZZY")
	words = append(words, "SORT", "SORT=DISPLAY", "ESORT", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES", "THREAD=REFS", "I18NLEVEL=1")
	words = append(words, "CONTEXT=SEARCH", "CONTEXT=SORT", "MULTISEARCH", "INPROGRESS", "NOTIFY")
	words = append(words, "MULTIAPPEND", "CATENATE", "URL-PARTIAL", "REPLACE", "UTF8=ACCEPT", fmt.Sprint("APPENDLIMIT=", s.o.MaxMessage))
	if !s.c.Compressed() {
		words = append(words, "COMPRESS=DEFLATE")
	}
	if s.o.Unauthenticate && !s.c.Compressed() {
		words = append(words, "UNAUTHENTICATE")
	}
	if s.o.MessageLimit > 0 {
		words = append(words, fmt.Sprint("MESSAGELIMIT=", s.o.MessageLimit))
	}
	return strings.Join(words, " ")
}

// waysIn are what concerns only a client that has not logged in.
func (s *session) waysIn() (words []string) {
	if s.o.TLS != nil && s.c.TLS() == nil {
		words = append(words, "STARTTLS")
	}
	if !s.mayLogin() {
		return append(words, "LOGINDISABLED") // RFC 9051 §7.2.2
	}
	for _, m := range sasl.Mechanisms(s.o.Auth, sasl.Under(s.c)) {
		words = append(words, "AUTH="+m)
	}
	return words
}
