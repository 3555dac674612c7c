package pop3server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// said are the English texts of the server and of the parser of its commands:
// the first string of each call of ok and the second of each of wants, and each
// Text of an Error.
func said(t *testing.T) map[string]bool {
	t.Helper()
	texts := map[string]bool{}
	for _, pattern := range []string{"*.go", "../wire/pop3/*.go"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "client.go" {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			must(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				if e := textOf(n); e != nil {
					if l, ok := e.(*ast.BasicLit); ok {
						text, err := strconv.Unquote(l.Value)
						must(t, err)
						texts[text] = true
					}
				}
				return true
			})
		}
	}
	return texts
}

func textOf(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "ok" {
			return n.Args[0]
		}
		if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "wants" {
			return n.Args[1]
		}
	case *ast.KeyValueExpr:
		if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Text" {
			return n.Value
		}
	}
	return nil
}

var verbs = regexp.MustCompile(`%[a-z]`)

// Whatever is said to people can be said in Vietnamese, with the same arguments
// in the same order, and nothing else can.
func TestEveryTextIsTranslated(t *testing.T) {
	t.Parallel()
	texts := said(t)
	if len(texts) < 30 {
		t.Fatalf("only %d texts found", len(texts))
	}
	for text := range texts {
		there, ok := vietnamese[text]
		switch {
		case verbs.ReplaceAllString(text, "") == strings.Repeat(" ", strings.Count(text, " ")):
		case !ok:
			t.Errorf("not in Vietnamese: %q", text)
		case !slices.Equal(verbs.FindAllString(text, -1), verbs.FindAllString(there, -1)):
			t.Errorf("%q and %q have other arguments", text, there)
		case !utf8.ValidString(there) || strings.ContainsAny(there, "\r\n") || there[0] == '[':
			t.Errorf("%q can't be in an answer", there)
		}
	}
	for text := range vietnamese {
		if !texts[text] {
			t.Errorf("never said: %q", text)
		}
	}
}
