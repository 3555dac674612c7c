package imapserver

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"tem/internal/line/linetest"
)

// The version is for those who have logged in, and who has is logged with their
// program, once, whatever it says.
func TestID(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	var log bytes.Buffer
	s.o.Log, s.o.Version = slog.New(slog.NewTextHandler(&log, nil)), "v1.2.3"
	linetest.Play(t, "id", `
S: * OK
C: a ID ("name" "Thunder\"bird" "version" "1" "x-connected-ip" "192.0.2.1" "vendor" {4+}
C! "a\r\nb \"os\" NIL)\r\n"
S: /^\* ID \("name" "Tem"\)$/
S: a OK
C: b LOGIN a@x.example "pass word"
S: b OK
C: c ID NIL
S: /^\* ID \("name" "Tem" "version" "v1.2.3"\)$/
S: c OK
C: d ID ("name" "another")
S: * ID
S: d OK
C: z LOGOUT
S: ...
S: <EOF>
`, s.Handle, linetest.Options{Line: s.Options()})
	text := log.String()
	if strings.Count(text, "imap client") != 1 || !strings.Contains(text, `id="Thunder\"bird; 1; a??b"`) {
		t.Errorf("logged\n%s", text)
	}
	if got := clientText(map[string]string{"name": strings.Repeat("ư", 1000)}); len(got) > maxIDValue {
		t.Errorf("%d octets", len(got))
	}
}

// What was said before a login that fails is not logged.
func TestIDOfNobody(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	var log bytes.Buffer
	s.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	linetest.Play(t, "id", "S: * OK\nC: a ID (\"name\" \"garbage\")\nS: *\nS: a OK\nC: b LOGOUT\nS: *\nS: b OK\nS: <EOF>\n",
		s.Handle, linetest.Options{Line: s.Options()})
	if strings.Contains(log.String(), "garbage") {
		t.Errorf("logged\n%s", log.String())
	}
}
