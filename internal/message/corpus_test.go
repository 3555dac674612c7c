package message

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected files of testdata/corpus anew")

// TestCorpus compares what the index says of each message of testdata/corpus
// with the file beside it.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, string(raw))
			golden := strings.TrimSuffix(file, ".eml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("%v\n got %s\nwant %s", err, got, want)
			}
		})
	}
}

// describe is the text of an expected file.
func describe(t *testing.T, raw string) string {
	ix := check(t, raw)
	text, err := Readable(strings.NewReader(raw), ix.Root)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ENVELOPE\n%s\n\nBODYSTRUCTURE\n%s\n\n", ix.Envelope, ix.Structure)
	fmt.Fprintf(&b, "SENT %s\nSUBJECT %s\nBASE %s\nIDS %q %q %q\n", ix.Sent, ix.Subject, ix.BaseSubject, ix.MessageID, ix.InReplyTo, ix.References)
	ix.Root.Walk(func(_ []int, p *Part) bool {
		if p.IsAttachment() {
			fmt.Fprintf(&b, "FILE %s\n", p.Filename())
		}
		return true
	})
	fmt.Fprintf(&b, "\n%s\n", text)
	return b.String()
}
