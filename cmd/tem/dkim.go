package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"tem/internal/address"
	"tem/internal/trust/dkim"
)

// DKIMCommand works with DKIM signatures by hand.
type DKIMCommand struct {
	Sign DKIMSignCommand `cmd:"" help:"Sign a message with a key of your own, and print it."`
}

// DKIMSignCommand signs one message.
type DKIMSignCommand struct {
	File     string        `arg:"" help:"The message; - for standard input."`
	Domain   string        `required:"" help:"The domain that signs (d=)."`
	Selector string        `required:"" help:"The selector of its key (s=)."`
	Key      string        `required:"" help:"File with the private key, in PEM form."`
	Expire   time.Duration `placeholder:"TIME" help:"How long the signature is good for, such as 168h; without it, for ever."`
	JSON     bool          `help:"Answer with JSON: field, message (message_base64 where it is not UTF-8), the name and the record to publish, crlf (false: line ends were changed)."`
}

func (DKIMSignCommand) Help() string {
	return `Examples:
  tem dkim sign letter.eml --domain hanoi.example --selector s1 --key s1.pem > signed.eml
  tem mail source 7 | tem dkim sign - --domain hanoi.example --selector s1 --key s1.pem
  tem dkim sign letter.eml --domain hanoi.example --selector s1 --key s1.pem --json

A message whose lines end with LF only is signed as it will be on its way, with CRLF.
Exit codes: 0 signed, 1 it can't be signed, 2 a mistake in the command.`
}

// signed is the answer with --json.
type signed struct {
	Field   string `json:"field"`                    // the DKIM-Signature, folded, with CRLF
	Message string `json:"message,omitempty"`        // with the field in front; "" if that is no UTF-8
	Octets  []byte `json:"message_base64,omitempty"` // which then stands here
	Name    string `json:"name"`                     // where the key is to be published
	Record  string `json:"record"`                   // what as a TXT record
	CRLF    bool   `json:"crlf"`                     // false: line ends were LF, and have been changed
}

// Run signs.
func (c *DKIMSignCommand) Run(std *streams) error {
	key, err := c.readKey()
	if err != nil {
		return err
	}
	message, crlf, err := c.readMessage(std.in)
	if err != nil {
		return err
	}
	signing, err := dkim.NewSigning(nil, []dkim.Key{key}, dkim.SigningOptions{Expire: c.Expire})
	if err != nil {
		return usageError{err}
	}
	signing.Write(message)
	field, err := signing.Fields()
	if err != nil {
		return err
	}
	if c.JSON {
		record, err := dkim.Record(key.Signer.Public())
		if err != nil {
			return err
		}
		domain, err := address.Domain(c.Domain)
		if err != nil {
			return usageError{err}
		}
		s := signed{Field: string(field), Octets: append(field, message...), Name: c.Selector + "._domainkey." + domain, Record: record, CRLF: crlf}
		if utf8.Valid(s.Octets) {
			s.Message, s.Octets = string(s.Octets), nil
		}
		return json.NewEncoder(std.out).Encode(s)
	}
	if !crlf {
		fmt.Fprintln(std.err, "tem: lines that ended with LF now end with CRLF, as they do in SMTP")
	}
	_, err = std.out.Write(append(field, message...))
	return err
}

func (c *DKIMSignCommand) readKey() (dkim.Key, error) {
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return dkim.Key{}, usageError{err}
	}
	signer, err := dkim.ParseKey(text)
	if err != nil {
		return dkim.Key{}, usageError{fmt.Errorf("%s: %w", c.Key, err)}
	}
	return dkim.Key{Domain: c.Domain, Selector: c.Selector, Signer: signer}, nil
}

// readMessage reads the message and makes its line ends CRLF; crlf: they were.
func (c *DKIMSignCommand) readMessage(in io.Reader) (message []byte, crlf bool, err error) {
	if c.File == "-" {
		message, err = io.ReadAll(in)
	} else {
		message, err = os.ReadFile(c.File)
	}
	if err != nil {
		return nil, false, usageError{err}
	}
	if len(message) == 0 {
		return nil, false, errors.New("there is no message to sign")
	}
	fixed := withCRLF(message)
	return fixed, bytes.Equal(fixed, message), nil
}
