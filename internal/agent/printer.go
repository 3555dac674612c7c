package agent

import (
	"bytes"
	"fmt"
	"strings"

	"tem/internal/line"
)

// maxTraced is how much of each content a trace shows.
const maxTraced = 64 << 10

// tap shows a dialogue on Err in the shape of the figures of §16.
func (e *Env) tap() line.Tap { return &line.Printer{W: e.Err, Times: e.Times, MaxData: maxTraced} }

// visible keeps what others wrote from steering the terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && steers(r) {
			return '�'
		}
		return r
	}, s)
}

// visibleText is visible for several lines.
func visibleText(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = visible(l)
	}
	return strings.Join(lines, "\n")
}

// steers reports what a terminal obeys instead of showing it: the controls C0
// and C1, and those that turn the direction of the text that follows.
func steers(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// escapeControls writes what steers a terminal as JSON's \u escapes, where
// encoding/json leaves it as it is.
func escapeControls(raw []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(raw) {
		if r != '\n' && steers(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}
