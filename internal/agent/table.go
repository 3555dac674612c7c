package agent

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// table is rows for people; cells are measured as a terminal shows them.
type table struct {
	head []string
	rows [][]string
	wide int // the column that is cut when a line is too long
}

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = visible(c)
	}
	t.rows = append(t.rows, cells)
}

func (t *table) print(e *Env) error {
	limit := 0
	if e.OutTTY {
		limit = e.Width
	}
	return t.write(e.Out, limit)
}

// write prints the table in at most limit columns; 0 is no limit.
func (t *table) write(w io.Writer, limit int) error {
	widths := t.widths()
	if over := total(widths) - limit; limit > 0 && over > 0 {
		widths[t.wide] = max(widths[t.wide]-over, 8)
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		l := runewidth.Truncate(t.line(row, widths), max(limit, 0), "")
		if limit == 0 {
			l = t.line(row, widths)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(l, " ")); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) widths() []int {
	ws := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			ws[i] = max(ws[i], runewidth.StringWidth(c))
		}
	}
	return ws
}

func total(ws []int) int {
	n := 2 * (len(ws) - 1)
	for _, w := range ws {
		n += w
	}
	return n
}

func (t *table) line(row []string, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(runewidth.FillRight(runewidth.Truncate(c, widths[i], "…"), widths[i]))
	}
	return b.String()
}
