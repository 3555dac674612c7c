package mail

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"tem/internal/kv"
)

const (
	inbox        = "INBOX"
	maxName      = 500 // octets
	maxLevels    = 30
	maxMailboxes = 10000
)

// canonical checks a mailbox name and writes INBOX, alone or as the first
// level, in capitals (RFC 9051 §5.1).
func canonical(name string) (string, error) {
	switch {
	case name == "":
		return "", fail(Invalid, "a mailbox name is not empty")
	case len(name) > maxName:
		return "", fail(Invalid, "a mailbox name has at most %d octets", maxName)
	case !utf8.ValidString(name):
		return "", fail(Invalid, "the mailbox name is not UTF-8")
	case strings.IndexFunc(name, unicode.IsControl) >= 0 || strings.ContainsAny(name, "\u2028\u2029"):
		return "", fail(Invalid, "the mailbox name has a control character") // RFC 9051 §5.1
	}
	levels := strings.Split(name, "/")
	if len(levels) > maxLevels {
		return "", fail(Invalid, "a mailbox name has at most %d levels", maxLevels)
	}
	for _, l := range levels {
		if l == "" {
			return "", fail(Invalid, "the mailbox name %q has an empty level", name)
		}
	}
	if strings.EqualFold(levels[0], inbox) {
		levels[0] = inbox
	}
	return strings.Join(levels, "/"), nil
}

// CheckName reports why a mailbox can't have a name.
func CheckName(name string) error {
	_, err := canonical(name)
	return err
}

// fresh is canonical for the name of a mailbox that is to be: in Normalization
// Form C, and a separator at the end only declares intent (RFC 9051 §5.1, §6.3.4).
func fresh(name string) (string, error) {
	return canonical(norm.NFC.String(strings.TrimSuffix(name, "/")))
}

// parents are the levels above a name, the highest first.
func parents(name string) (list []string) {
	for i := range len(name) {
		if name[i] == '/' {
			list = append(list, name[:i])
		}
	}
	return list
}

func noMailbox(name string, account kv.Part) *Error {
	return &Error{Kind: NotFound, Text: "there is no mailbox " + name, Account: account}
}
