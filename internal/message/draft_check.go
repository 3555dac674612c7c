package message

import (
	"fmt"
	"strings"
)

// maxToken is the longest word that is written into a header as it is: the line
// that it stands on must not have more than 998 octets (RFC 5322 §2.1.1).
const maxToken = 900

// check finds what can't stand in a header: what would end its line early and
// begin another field, or is longer than a line can be.
func (d *Draft) check() error {
	for _, f := range []struct {
		name string
		list []Mailbox
	}{{"From", d.From}, {"Reply-To", d.ReplyTo}, {"To", d.To}, {"Cc", d.Cc}, {"Bcc", d.Bcc}} {
		for _, m := range f.list {
			if err := checkToken(f.name+" address", m.Address); err != nil {
				return err
			}
		}
	}
	if err := checkTokens("Message-ID", d.MessageID); err != nil {
		return err
	}
	if err := checkTokens("In-Reply-To", d.InReplyTo...); err != nil {
		return err
	}
	if err := checkTokens("References", d.References...); err != nil {
		return err
	}
	for _, x := range d.Extra {
		if err := checkExtra(x); err != nil {
			return err
		}
	}
	for _, a := range d.Attachments {
		if err := checkToken("type of attachment "+fmt.Sprintf("%q", a.Name), a.Type); err != nil {
			return err
		}
	}
	return nil
}

func checkExtra(x Param) error {
	if x.Name == "" || len(x.Name) > 76 {
		return fmt.Errorf("field name %.80q: it must have 1 to 76 octets", x.Name)
	}
	for i := range len(x.Name) {
		if c := x.Name[i]; c <= ' ' || c >= 0x7f || c == ':' { // RFC 5322 §3.6.8
			return fmt.Errorf("field name %q: octet %#x can't be in a name", x.Name, c)
		}
	}
	return checkLine("field "+x.Name, x.Value)
}

func checkTokens(field string, values ...string) error {
	for _, value := range values {
		if err := checkToken(field, value); err != nil {
			return err
		}
	}
	return nil
}

// checkToken is checkLine for what can't be encoded or folded.
func checkToken(field, value string) error {
	if len(value) > maxToken {
		return fmt.Errorf("%s: %d octets are more than a line can have", field, len(value))
	}
	return checkLine(field, value)
}

func checkLine(field, value string) error {
	if i := strings.IndexAny(value, "\r\n\x00"); i >= 0 {
		return fmt.Errorf("%s: octet %#x can't be in a header", field, value[i])
	}
	return nil
}
