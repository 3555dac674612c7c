package imapserver

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// advertised are the words of CAPABILITY in all states; a number that the
// configuration chooses, and what follows AUTH=, is "…".
func advertised(t *testing.T) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	add := func(p *peer) {
		t.Helper()
		said, is := strings.CutPrefix(p.do("CAPABILITY")[0], "* CAPABILITY ")
		if !is {
			t.Fatal(said)
		}
		for _, w := range strings.Fields(said) {
			for _, prefix := range []string{"AUTH=", "APPENDLIMIT=", "MESSAGELIMIT="} {
				if strings.HasPrefix(w, prefix) {
					w = prefix + "…"
				}
			}
			words[w] = true
		}
	}
	s := newPeople(t, 0)
	s.o.MessageLimit = 1000
	add(as(t, s, "d"))
	add(connect(t, s, s.Options(), nil))
	s.o.TLS, s.o.InsecureAuth = certificate(t), nil
	add(connect(t, s, s.Options(), nil))
	return words
}

// TestCapabilitiesAreDocumented holds the table of docs/imap.md to what is said.
func TestCapabilitiesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/imap.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| --- | --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	words, documented := advertised(t), map[string]bool{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		for w := range strings.SplitSeq(strings.TrimSpace(cells[1]), ", ") {
			documented[w] = true
			if !words[w] {
				t.Errorf("docs/imap.md has a row for %q, which is never said", w)
			}
		}
		if !strings.Contains(cells[4], "`") {
			t.Errorf("docs/imap.md names no test of %s", cells[1])
		}
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		if !documented[w] {
			t.Errorf("%s is said and has no row in docs/imap.md", w)
		}
	}
}

// TestDocumentedTestsExist: every test and transcript that docs/imap.md names is there.
func TestDocumentedTestsExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/imap.md")
	if err != nil {
		t.Fatal(err)
	}
	source := testSource(t)
	for _, m := range regexp.MustCompile("`(Test[^` ]*)`").FindAllSubmatch(text, -1) {
		name, partly := strings.CutSuffix(string(m[1]), "…")
		if !partly {
			name += "("
		}
		if !strings.Contains(source, "func "+name) {
			t.Errorf("docs/imap.md names %s, which is not there", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z0-9/-]+\\.txt)`").FindAllSubmatch(text, -1) {
		here, _ := filepath.Glob("testdata/" + string(m[1]))
		parsed, _ := filepath.Glob("../wire/imap/testdata/" + string(m[1]))
		if len(here)+len(parsed) == 0 {
			t.Errorf("docs/imap.md names %s, which is not there", m[1])
		}
	}
}

// testSource is the text of all tests.
func testSource(t *testing.T) string {
	t.Helper()
	files, _ := filepath.Glob("../*/*_test.go")
	nested, _ := filepath.Glob("../wire/*/*_test.go")
	var all strings.Builder
	for _, file := range append(files, nested...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
