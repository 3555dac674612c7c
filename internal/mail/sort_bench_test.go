package mail

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/message"
)

// conversation is the n-th of letters that answer each other, five to a thread:
// one thread in five has a Vietnamese subject, one letter in ten is missing.
func (c *corpus) conversation(n int) string {
	r := rand.New(rand.NewPCG(11, uint64(n)))
	thread, at := n/5, n%5
	tr := rand.New(rand.NewPCG(13, uint64(thread)))
	words := c.words[200:]
	if thread%5 == 0 {
		words = c.syllables
	}
	subject := make([]string, 3+tr.IntN(5))
	for i := range subject {
		subject[i] = words[tr.IntN(len(words))]
	}
	var refs []string
	for i := range at {
		refs = append(refs, fmt.Sprintf("<%x.%d@mail.example.org>", thread*7919, thread*5+i))
	}
	re := ""
	if at > 0 {
		re = "Re: "
	}
	who := c.words[300+r.IntN(4000)]
	sent := time.Date(2024, 1, 1, 0, 0, thread*300+at*40000, 0, time.UTC)
	return fmt.Sprintf("From: %s %s <%s@%s.example>\r\nTo: An Nguyen <an@example.org>, list@%s.example\r\nSubject: %s\r\nMessage-ID: <%x.%d@mail.example.org>\r\nReferences: %s\r\nDate: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
		strings.ToUpper(who[:1])+who[1:], c.words[200+r.IntN(3000)], who, c.words[300+r.IntN(700)], c.words[300+n%700],
		message.EncodeWords(re+strings.Join(subject, " ")), thread*7919, n, strings.Join(refs, "\r\n "), sent.Format(time.RFC1123Z), strings.Repeat("word ", 30))
}

// conversations delivers n letters in an order that is nearly that of their dates.
func conversations(b *testing.B, s *Store, n int) (id MailboxID, uids []UID) {
	c := newCorpus()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if i%10 == 3 {
					continue
				}
				sp := s.NewSpool(b.Context())
				sp.Write([]byte(c.conversation(int(i))))
				body, err := sp.Finish()
				if err == nil {
					_, err = s.Deliver(b.Context(), body, []Target{{Account: alice}}, nil)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	m, items, err := s.Account(alice).List(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, i := range items {
		uids = append(uids, i.UID)
	}
	return m.ID, uids
}

const benchSorted = 56000 // of which some 50,000 are there

func BenchmarkSort(b *testing.B) {
	s := diskStore(b)
	id, uids := conversations(b, s, benchSorted)
	for name, by := range map[string][]SortKey{
		"arrival": {{By: ByArrival}}, "date": {{By: ByDate}}, "size": {{By: BySize}}, "from": {{By: ByFrom}}, "displayfrom": {{By: ByDisplayFrom}},
		"to": {{By: ByTo}}, "cc": {{By: ByCc}}, "subject": {{By: BySubject}}, "subject reverse date": {{By: BySubject}, {ByDate, true}},
		"nothing": nil,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				got, err := s.Account(alice).Sort(b.Context(), id, uids, by)
				if err != nil || len(got) != len(uids) {
					b.Fatal(len(got), err)
				}
			}
			b.ReportMetric(float64(cpu()-before)/1e6/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkKeptSort sorts for the first time, again, and again after ten letters have come.
func BenchmarkKeptSort(b *testing.B) {
	s := diskStore(b)
	id, uids := conversations(b, s, benchSorted)
	c, sent := newCorpus(), benchSorted
	for name, before := range map[string]func(){
		"first": func() { s.forget(alice) },
		"again": func() {},
		"later": func() {
			for range 10 {
				sent++
				at := deliver(b, s, c.conversation(sent), Target{Account: alice})
				uids = append(uids, at[0].UID)
			}
		},
	} {
		for key, by := range map[string]SortBy{"date": ByDate, "from": ByFrom, "subject": BySubject} {
			b.Run(name+" "+key, func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					b.StopTimer()
					before()
					b.StartTimer()
					got, err := s.Account(alice).Sort(b.Context(), id, uids, []SortKey{{by, true}})
					if err != nil || len(got) != len(uids) {
						b.Fatal(len(got), err)
					}
				}
			})
		}
	}
}

func BenchmarkThread(b *testing.B) {
	s := diskStore(b)
	id, uids := conversations(b, s, benchSorted)
	for name, how := range map[string]Threading{"orderedsubject": OrderedSubject, "references": References, "refs": Refs} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before, n := cpu(), 0
			for b.Loop() {
				got, err := s.Account(alice).Threads(b.Context(), id, uids, how)
				if err != nil || len(got) < len(uids) {
					b.Fatal(len(got), err)
				}
				n = len(got)
			}
			b.ReportMetric(float64(cpu()-before)/1e6/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(n), "nodes")
		})
	}
}
