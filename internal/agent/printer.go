package agent

import (
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
		if r < 0x20 && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}
