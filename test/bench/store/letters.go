package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
)

// letters makes messages that differ in their headers and in where their text
// begins in a long one, so that they are cheap to make and no easier to
// compress together than mail is.
type letters struct {
	text    []byte // lines of words
	encoded []byte // lines of base64
}

const (
	poolSize   = 8 << 20
	pieceSize  = 32 << 10 // what the network hands over at once
	plainMost  = 16 << 10 // larger messages have an attachment
	lineOctets = 78       // a line of base64 with its end
)

func newLetters() *letters {
	r := rand.New(rand.NewPCG(7, 11))
	return &letters{textLines(r), encodedLines(r)}
}

// textLines are words of a small language; common ones are common.
func textLines(r *rand.Rand) []byte {
	syllables := []string{"ba", "con", "de", "er", "in", "ka", "la", "men", "no", "pre", "ro", "s", "the", "ti", "un", "vi", "wo", "yo"}
	words := make([]string, 4000)
	for i := range words {
		for range 1 + r.IntN(4) {
			words[i] += syllables[r.IntN(len(syllables))]
		}
	}
	text := make([]byte, 0, poolSize+100)
	for column := 0; len(text) < poolSize; {
		f := r.Float64()
		word := words[int(f*f*f*float64(len(words)))]
		if column += len(word) + 1; column > 72 {
			text, column = append(text, "\r\n"...), 0
		}
		text = append(append(text, word...), ' ')
	}
	return text[:poolSize]
}

func encodedLines(r *rand.Rand) []byte {
	raw := make([]byte, (lineOctets-2)/4*3)
	lines := make([]byte, 0, poolSize)
	for len(lines)+lineOctets <= poolSize {
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		lines = append(base64.StdEncoding.AppendEncode(lines, raw), "\r\n"...)
	}
	return lines
}

// piecewise is a writer for write: it hands on pieces as they come from the network.
func piecewise() *bufio.Writer { return bufio.NewWriterSize(io.Discard, pieceSize) }

// write gives message number i, of exactly size octets (at least 400, and 1,000
// with an attachment), to w, through p.
func (l *letters) write(w io.Writer, p *bufio.Writer, i, size int) error {
	p.Reset(w)
	c := &counter{w: p}
	fmt.Fprintf(c, "Return-Path: <sender%d@elsewhere.example>\r\n"+
		"From: Sender %d <sender%d@elsewhere.example>\r\nTo: Reader <reader@tem.example>\r\nSubject: Letter number %d\r\n"+
		"Date: Mon, 23 Nov 2026 10:00:00 +0700\r\nMessage-ID: <%d.bench@elsewhere.example>\r\nMIME-Version: 1.0\r\n",
		i%1000, i%1000, i%1000, i, i)
	if size <= plainMost {
		fmt.Fprint(c, "Content-Type: text/plain; charset=utf-8\r\n\r\n")
		l.fill(c, l.text, i*7919%poolSize, size-2-c.n)
		fmt.Fprint(c, "\r\n")
	} else {
		l.attach(c, i, size)
	}
	return p.Flush()
}

// attach writes the body of a message with some text and an attachment.
func (l *letters) attach(c *counter, i, size int) {
	const begin = "Content-Type: multipart/mixed; boundary=\"=_part\"\r\n\r\n" +
		"--=_part\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	const middle = "\r\n--=_part\r\nContent-Type: application/pdf; name=\"paper.pdf\"\r\n" +
		"Content-Disposition: attachment; filename=\"paper.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	const end = "\r\n--=_part--\r\n"
	fmt.Fprint(c, begin)
	l.fill(c, l.text, i*7919%poolSize, 2<<10)
	fmt.Fprint(c, middle)
	l.fill(c, l.encoded, i*7919%(len(l.encoded)/lineOctets)*lineOctets, size-len(end)-c.n)
	fmt.Fprint(c, end)
}

// fill writes n octets of pool from an offset on, round and round.
func (l *letters) fill(w io.Writer, pool []byte, from, n int) {
	for n > 0 {
		m := min(n, len(pool)-from, pieceSize)
		_, _ = w.Write(pool[from : from+m]) // Flush returns the error
		n -= m
		from = (from + m) % len(pool)
	}
}

// counter counts what it passes on.
type counter struct {
	w *bufio.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.w.Write(p)
}
