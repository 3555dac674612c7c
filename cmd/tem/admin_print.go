package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"tem/internal/agent"
	"tem/internal/config"
)

// say reports what was done: v as JSON, or one line for people.
func (f adminFlags) say(env *adminEnv, err error, v any, format string, args ...any) error {
	switch {
	case err != nil:
		return err
	case f.JSON:
		return json.NewEncoder(env.Out).Encode(v)
	}
	_, err = fmt.Fprintf(env.Out, format, args...)
	return err
}

// show answers with v as JSON, or with what human prints.
func (f adminFlags) show(env *adminEnv, err error, v any, human func(w io.Writer)) error {
	if err != nil {
		return err
	}
	if f.JSON {
		return json.NewEncoder(env.Out).Encode(v)
	}
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	human(w)
	return w.Flush()
}

// tableRow prints the cells of one line of a table.
func tableRow(w io.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			io.WriteString(w, "\t")
		}
		io.WriteString(w, cleanCell(fmt.Sprint(c)))
	}
	io.WriteString(w, "\n")
}

// cleanCell keeps what others wrote from moving the cursor or the columns.
func cleanCell(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// orDash shows that there is nothing to show.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// languageOf is the language of --lang, or without it that of the environment.
func languageOf(flag string) string { return cmp.Or(flag, agent.Language(os.Getenv)) }

func quotaText(n int64) string {
	if n == 0 {
		return "none"
	}
	return config.Size(n).String()
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}
