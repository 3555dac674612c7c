package message

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"
)

// write writes a file part, streamed.
func (a *Attachment) write(w *errWriter) error {
	in, err := a.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	name, typ := cleanText(a.Name), a.Type
	if typ == "" {
		typ = guessType(name)
	}
	ascii := name
	if needsWords(name) || len(name) > maxToken {
		ascii = strings.ReplaceAll(encodeAll(name), "?= =?", "?=\r\n =?")
	}
	fmt.Fprintf(w, "Content-Type: %s;\r\n name=%s\r\n", typ, quoteFolded(ascii))
	fmt.Fprintf(w, "Content-Disposition: attachment%s\r\n", parameter("filename", name))
	fmt.Fprint(w, "Content-Transfer-Encoding: base64\r\n\r\n")
	enc := base64.NewEncoder(base64.StdEncoding, &columns{w: w})
	if _, err = io.Copy(enc, in); err == nil {
		err = enc.Close()
	}
	return err
}

// quoteFolded quotes each line of a folded text as one string.
func quoteFolded(s string) string {
	lines := strings.Split(s, "\r\n")
	for i := range lines {
		lines[i] = strings.Trim(quote(lines[i]), `"`)
	}
	return `"` + strings.Join(lines, "\r\n") + `"`
}

func guessType(name string) string {
	if typ, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(name)), ";"); typ != "" {
		return typ
	}
	return "application/octet-stream"
}

// parameter is one parameter with what goes before it, in sections where it is
// long (RFC 2231 §3, §4).
func parameter(name, text string) string {
	if isASCII(text) && len(text) < 60 {
		return ";\r\n " + name + "=" + quote(text)
	}
	const room = 54
	value := extendedValue(toUTF8(text))
	if len(value) <= room {
		return ";\r\n " + name + "*=" + value
	}
	var out strings.Builder
	for i := 0; value != ""; i++ {
		n := min(room, len(value))
		for k := 1; k <= 2 && n < len(value); k++ { // not within %XX
			if value[n-k] == '%' {
				n -= k
				break
			}
		}
		fmt.Fprintf(&out, ";\r\n %s*%d*=%s", name, i, value[:n])
		value = value[n:]
	}
	return out.String()
}

// extendedValue writes UTF-8 as charset'language'text (RFC 2231 §4).
func extendedValue(s string) string {
	var out strings.Builder
	out.WriteString("utf-8''")
	for i := range len(s) {
		if c := s[i]; isQPlain(c) && c != '*' && c != '/' || c == '.' || c == '_' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// columns breaks what is written to it into lines of 76 (RFC 2045 §6.8).
type columns struct {
	w   io.Writer
	col int
}

func (c *columns) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 {
		if c.col == 76 {
			if _, err := io.WriteString(c.w, "\r\n"); err != nil {
				return total - len(b), err
			}
			c.col = 0
		}
		n := min(76-c.col, len(b))
		if _, err := c.w.Write(b[:n]); err != nil {
			return total - len(b), err
		}
		c.col += n
		b = b[n:]
	}
	return total, nil
}
