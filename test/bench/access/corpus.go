package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime"
	"strings"
	"time"
)

// corpus makes letters: the same for the same number and size, so that all
// servers hold the same. One in five is Vietnamese, one in three has a plain
// and an HTML part, half answer an earlier one.
type corpus struct {
	english, vietnamese []string
}

// rare is in one letter of a thousand, absent in none.
const (
	rare   = "quindecim"
	absent = "zyxwvutsrq"
)

// syllables from which words are made, so that the vocabulary is as large as
// that of real mail and its frequencies fall as Zipf has it.
var syllables = strings.Fields("ba con der el fi gra hu in jo ka lor men na or pre qua ris sta ter un ver wil xi yan zo ment ing tion al ness")

var tones = strings.Fields("xin chào họp tuần này gửi báo cáo tháng mười hợp đồng khách hàng thanh toán hóa đơn cảm ơn anh chị em công ty " +
	"Hà Nội Đà Nẵng Huế dự án kế hoạch đã được duyệt vui lòng xem đính kèm trước ngày thứ hai không có vấn đề gì nữa nhé trân trọng kính gửi phòng kỹ thuật")

func newCorpus() *corpus {
	c := &corpus{vietnamese: tones}
	r := rand.New(rand.NewPCG(1, 2))
	for range 8000 {
		var w strings.Builder
		for range 1 + r.IntN(3) {
			w.WriteString(syllables[r.IntN(len(syllables))])
		}
		c.english = append(c.english, w.String())
	}
	return c
}

// letter is what a letter is made with.
type letter struct {
	*rand.Rand
	zipf       *rand.Zipf
	corpus     *corpus
	n          int
	vietnamese bool
	strings.Builder
}

// first is when letter 0 was sent; each later one 7 minutes after.
var first = time.Date(2026, 1, 5, 8, 0, 0, 0, time.FixedZone("", 7*3600))

func sent(n int) time.Time { return first.Add(time.Duration(n) * 7 * time.Minute) }

// letter is number n in exactly size octets, at least 2 KiB.
func (c *corpus) letter(n, size int) string {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	l := &letter{Rand: r, zipf: rand.NewZipf(r, 1.2, 4, uint64(len(c.english)-1)), corpus: c, n: n, vietnamese: n%5 == 0}
	l.Grow(size + 200)
	l.envelope()
	switch {
	case size >= 1<<20:
		l.attachment(size)
	case n%3 == 0:
		l.alternative(size)
	default:
		l.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		l.text(size)
	}
	return l.String()
}

// envelope writes the fields that real mail arrives with.
func (l *letter) envelope() {
	date, from := sent(l.n), l.IntN(500)
	stamp := date.Format("Mon, 2 Jan 2006 15:04:05 -0700")
	fmt.Fprintf(l, "Return-Path: <person%d@example.net>\r\n", from)
	for hop := range 3 {
		fmt.Fprintf(l, "Received: from relay%d.example.net (relay%d.example.net [192.0.2.%d])\r\n\tby mx%d.example.org with ESMTPS id %08X\r\n\tfor <big@example.org>; %s\r\n",
			hop, hop, 1+l.IntN(250), hop, l.Uint32(), stamp)
	}
	fmt.Fprintf(l, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=mail;\r\n\th=from:to:subject:date:message-id; bh=%s;\r\n\tb=%s\r\n", l.base64(32), l.base64(192))
	fmt.Fprintf(l, "From: %s <person%d@example.net>\r\nTo: Big Box <big@example.org>\r\n", l.name(from), from)
	if l.IntN(3) == 0 {
		cc := l.IntN(500)
		fmt.Fprintf(l, "Cc: %s <person%d@example.net>, list@lists.example.net\r\n", l.name(cc), cc)
	}
	l.thread()
	fmt.Fprintf(l, "Date: %s\r\nMessage-ID: %s\r\nUser-Agent: Mozilla Thunderbird\r\nX-Spam-Status: No, score=-1.%d\r\nMIME-Version: 1.0\r\n", stamp, id(l.n), l.IntN(10))
}

func id(n int) string { return fmt.Sprintf("<%d.%x@mail.example.net>", n, n*7919) }

// thread writes the subject, and what the letter answers: conversations of
// about four, whose letters lie up to 200 apart.
func (l *letter) thread() {
	root := l.n - l.n%200 + l.IntN(50)
	subject, re := (&letter{Rand: rand.New(rand.NewPCG(uint64(root), 4)), corpus: l.corpus, n: root, vietnamese: root%5 == 0}).subject(), ""
	if root < l.n {
		re = "Re: "
		fmt.Fprintf(l, "In-Reply-To: %s\r\nReferences: %[1]s\r\n", id(root))
	} else {
		subject = l.subject()
	}
	fmt.Fprintf(l, "Subject: %s%s\r\n", re, mime.BEncoding.Encode("utf-8", subject))
}

func (l *letter) subject() string {
	words := l.corpus.english
	if l.vietnamese {
		words = l.corpus.vietnamese
	}
	var s []string
	for range 3 + l.IntN(3) {
		s = append(s, words[l.IntN(min(len(words), 600))])
	}
	return strings.Join(s, " ")
}

func (l *letter) name(n int) string {
	if n%5 == 0 {
		return mime.BEncoding.Encode("utf-8", "Nguyễn Văn "+tones[n%len(tones)])
	}
	return fmt.Sprintf("Person %s", l.corpus.english[n])
}

// text writes words until the letter has size octets.
func (l *letter) text(size int) {
	for column := 0; l.Len() < size-2; {
		word := l.word()
		if column += len(word) + 1; column > 72 {
			l.WriteString("\r\n")
			column = len(word)
		}
		if left := size - 2 - l.Len(); len(word)+3 > left {
			l.WriteString(strings.Repeat(".", max(left, 0)))
			break
		}
		l.WriteString(word)
		l.WriteByte(' ')
	}
	l.WriteString("\r\n")
}

func (l *letter) word() string {
	switch {
	case l.IntN(400_000) == 0:
		return rare
	case l.vietnamese:
		return tones[l.IntN(len(tones))]
	}
	return l.corpus.english[l.zipf.Uint64()]
}

func (l *letter) alternative(size int) {
	const boundary, end = "=_alternative_4711", "\r\n--=_alternative_4711--\r\n"
	fmt.Fprintf(l, "Content-Type: multipart/alternative; boundary=%q\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", boundary, boundary)
	l.text((size + l.Len()) / 2)
	fmt.Fprintf(l, "\r\n--%s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>", boundary)
	l.text(size - len(end) - 20)
	l.WriteString("</p></body></html>")
	l.WriteString(strings.Repeat(" ", max(0, size-len(end)-l.Len())))
	l.WriteString(end)
}

// attachment writes a short text and a file.
func (l *letter) attachment(size int) {
	const boundary, end = "=_mixed_0815", "\r\n--=_mixed_0815--\r\n"
	fmt.Fprintf(l, "Content-Type: multipart/mixed; boundary=%q\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", boundary, boundary)
	l.text(l.Len() + 500)
	fmt.Fprintf(l, "\r\n--%s\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=report.pdf\r\n\r\n", boundary)
	for size-len(end)-l.Len() >= 80 {
		l.WriteString(l.base64(57))
		l.WriteString("\r\n")
	}
	l.WriteString(strings.Repeat("A", max(0, size-len(end)-l.Len())))
	l.WriteString(end)
}

// base64 is n random octets.
func (l *letter) base64(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(l.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}
