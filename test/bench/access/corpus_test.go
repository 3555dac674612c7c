package main

import (
	"io"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLettersAreExactAndTheSame(t *testing.T) {
	t.Parallel()
	c := newCorpus()
	for n := range 300 {
		text := c.letter(n, 4<<10)
		if len(text) != 4<<10 || text != newCorpus().letter(n, 4<<10) || !utf8.ValidString(text) {
			t.Fatalf("letter %d has %d octets, or is not the same twice, or not UTF-8", n, len(text))
		}
		readable(t, n, text)
	}
	if text := c.letter(7, largeSize); len(text) != largeSize {
		t.Errorf("a large letter has %d octets", len(text))
	}
}

func readable(t *testing.T, n int, text string) {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Errorf("letter %d has a bare line feed", n)
	}
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("letter %d: %v", n, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	body, _ := io.ReadAll(m.Body)
	if err != nil || subject == "" || len(body) < 1500 {
		t.Errorf("letter %d: subject %q, %d octets of body: %v", n, subject, len(body), err)
	}
}
