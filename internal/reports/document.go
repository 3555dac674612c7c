package reports

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"tem/internal/message"
)

// Document is a report of one of the two kinds.
type Document struct {
	DMARC *Feedback  `json:"dmarc,omitempty"`
	TLS   *TLSReport `json:"tls,omitempty"`
}

// maxFile bounds what is read of a file, and of a compressed part.
const maxFile = 16 << 20

// errNoReport: there is nothing in it that looks like a report.
var errNoReport = errors.New("it holds no report: neither XML of DMARC nor JSON of TLS, as it is, in gzip or zip, or attached to a message")

// Read reads a report: the document itself, compressed, or a message that it is attached to.
func Read(r io.Reader) (*Document, error) {
	data, err := readAll(r, maxFile)
	if err != nil {
		return nil, err
	}
	d, err := readFile(data)
	if !errors.Is(err, errNoReport) {
		return d, err
	}
	return ReadMessage(bytes.NewReader(data), int64(len(data)))
}

func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %d octets", most)
	}
	return data, err
}

// readFile reads what is no message, by how it begins: what it is called says little.
func readFile(data []byte) (*Document, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return readText(z)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return readZip(data)
	}
	return readText(bytes.NewReader(data))
}

// readZip reads the first file that can be a report (RFC 7489 §7.2.1.1 had reports in zip).
func readZip(data []byte) (*Document, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("zip: %w", err)
	}
	for _, f := range z.File {
		name := strings.ToLower(f.Name)
		if !strings.HasSuffix(name, ".xml") && !strings.HasSuffix(name, ".json") {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("zip: %w", err)
		}
		defer in.Close()
		return readText(in)
	}
	return nil, errNoReport
}

// readText reads XML or JSON.
func readText(r io.Reader) (*Document, error) {
	in := bufio.NewReader(r)
	mark := []byte("\xef\xbb\xbf")
	if start, _ := in.Peek(len(mark)); bytes.Equal(start, mark) {
		in.Discard(len(mark))
	}
	for {
		c, err := in.ReadByte()
		switch {
		case err == io.EOF:
			return nil, errNoReport
		case err != nil:
			return nil, err
		case strings.IndexByte(" \t\r\n", c) >= 0:
			continue
		}
		in.UnreadByte()
		switch c {
		case '<':
			f, err := ParseFeedback(in)
			return documentOf(f, nil, err)
		case '{':
			t, err := ParseTLS(in)
			return documentOf(nil, t, err)
		}
		return nil, errNoReport
	}
}

func documentOf(f *Feedback, t *TLSReport, err error) (*Document, error) {
	if err != nil {
		return nil, err
	}
	return &Document{f, t}, nil
}

// ReadMessage reads the report that is attached to a message of size octets.
func ReadMessage(r io.ReaderAt, size int64) (*Document, error) {
	x, err := message.Parse(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	var found *Document
	failed := errNoReport
	x.Root.Walk(func(_ []int, p *message.Part) bool {
		if found == nil && canHold(p) {
			var data []byte
			if data, err = readAll(message.Content(r, p), maxFile); err == nil {
				found, err = readFile(data)
			}
			if err != nil && !errors.Is(err, errNoReport) {
				failed = err
			}
		}
		return found == nil
	})
	if found == nil {
		return nil, failed
	}
	return found, nil
}

// canHold says that a part can be a report, by its type or its name.
func canHold(p *message.Part) bool {
	switch p.Type + "/" + p.Subtype {
	case "application/gzip", "application/x-gzip", "application/zip", "application/x-zip", "application/x-zip-compressed", "text/xml", "application/xml",
		"application/tlsrpt+gzip", "application/tlsrpt+json", "application/json", "application/octet-stream":
		return true
	}
	name := strings.ToLower(p.Filename())
	for _, end := range []string{".xml", ".xml.gz", ".zip", ".json", ".json.gz"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
