package smtpserver

import (
	"io"

	"tem/internal/message"
)

// fold writes the text anew, with lines that every server takes. Others would
// break them, and with them our signature. What has come before is left to the
// store's sweep, if it is large.
func (in *intake) fold() error {
	body, err := in.spool.Finish()
	if err != nil {
		return err
	}
	text, err := body.Open(in.ctx)
	if err != nil {
		return err
	}
	defer text.Close()
	index, err := message.Parse(io.NewSectionReader(text, 0, text.Size()))
	if err != nil {
		return err
	}
	in.spool = in.x.o.Delivery.Spool(in.ctx, &in.x.mail.envelope)
	in.signing = in.x.sign(in.ctx, in.from)
	return message.WriteFolded(writer(in.write), text, index.Root)
}

// writer is a function as an io.Writer.
type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }
