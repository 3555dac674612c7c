package mail

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime/quotedprintable"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/faultfs"
	"tem/internal/fold"
	"tem/internal/fulltext"
	"tem/internal/kv"
	"tem/internal/message"
)

// library is an account whose messages are known.
type library struct {
	t    *testing.T
	r    *rand.Rand
	s    *Store
	a    *Account
	raws map[EmailID]string
	seen map[string]readText
}

func newLibrary(t *testing.T, seed uint64) *library {
	s := testStore(t)
	s.textIndex().batch = 7
	return &library{t, rand.New(rand.NewPCG(seed, 3)), s, s.Account(alice), make(map[EmailID]string), make(map[string]readText)}
}

var libraryWords = strings.Fields(`the tea on certificate collector Straße CAFÉ Hà Nội đường duong Việt nam 中华人民共和国 人民 한국어 ภาษาไทย かな
	foo_bar x-y a@example.org v1.2 ` + strings.Repeat("abcdef0", 15) + " " + strings.Repeat("q", 1100))

func (l *library) words(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(libraryWords[l.r.IntN(len(libraryWords)-l.r.IntN(2))])
		b.WriteString([]string{" ", " ", "\r\n", ", ", "-"}[l.r.IntN(5)])
	}
	return b.String()
}

// part is an entity with some text in one of the usual dresses.
func (l *library) part() string {
	text := l.words(1 + l.r.IntN(8))
	switch l.r.IntN(5) {
	case 0:
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b.String()
	case 1:
		return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(text))
	case 2:
		return "Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + text + "<b>bold</b>er<a href=\"http://link.example/" + fmt.Sprint(l.r.IntN(9)) + "\">x</a><script>hidden</script>"
	case 3:
		return "Content-Type: application/pdf; name=\"report" + fmt.Sprint(l.r.IntN(9)) + ".pdf\"\r\nX-Part: " + l.words(1)[:1] + "\r\n\r\nJVBERi0="
	}
	return "Content-Type: text/plain\r\n\r\n" + text
}

func (l *library) message() string {
	subject := message.EncodeWords(strings.Join(strings.Fields(l.words(1+l.r.IntN(3))), " "))
	head := "From: " + []string{"Bình <b@example.org>", "carol@tea.example", "\"O'Tea\" <o@x.example>"}[l.r.IntN(3)] + "\r\nTo: an@example.org\r\nSubject: " + subject +
		"\r\nDKIM-Signature: v=1; b=teaCertificate\r\nX-Tag: t" + fmt.Sprint(l.r.IntN(5)) + "\r\n"
	switch l.r.IntN(4) {
	case 0:
		return head + "Content-Type: multipart/mixed; boundary=zz\r\n\r\n--zz\r\n" + l.part() + "\r\n--zz\r\n" + l.part() + "\r\n--zz--\r\n"
	case 1:
		return head + "Content-Type: message/rfc822\r\n\r\nSubject: inner " + subject + "\r\n" + l.part() + "\r\n"
	}
	return head + l.part() + "\r\n"
}

func (l *library) deliver(n int) {
	l.t.Helper()
	for range n {
		raw := l.message()
		box := []string{inbox, inbox, "Archive"}[l.r.IntN(3)]
		p := deliver(l.t, l.s, raw, Target{Account: alice, Mailbox: box, Flags: Flags(l.r.IntN(4))})
		l.raws[p[0].EmailID] = raw
	}
}

// change removes, copies and moves some messages.
func (l *library) change() {
	l.t.Helper()
	m, items := listed(l.t, l.a, inbox)
	var uids [3][]UID
	for _, i := range items {
		if n := l.r.IntN(12); n < len(uids) {
			uids[n] = append(uids[n], i.UID)
		}
	}
	_, err := l.a.Remove(l.t.Context(), m.ID, uids[0])
	if err == nil {
		_, err = l.a.Copy(l.t.Context(), m.ID, uids[1], inbox)
	}
	if err == nil {
		_, err = l.a.Move(l.t.Context(), m.ID, uids[2], "Archive")
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// text is what a piece of a message, or of nothing in it, looks like in a query.
func (l *library) text() string {
	s := []rune(libraryWords[l.r.IntN(len(libraryWords))])
	for _, raw := range l.raws {
		if l.r.IntN(4) > 0 {
			r := l.read(raw)
			s = []rune(strings.Trim([]string{r.header, r.body, r.body}[l.r.IntN(3)], "\x00"))
		}
		break
	}
	from := l.r.IntN(len(s) + 1)
	q := string(s[from : from+min(len(s)-from, 1+l.r.IntN(25))])
	switch l.r.IntN(8) {
	case 0:
		q = string(fold.Plain(nil, []byte(q)))
	case 1:
		q = strings.ToUpper(q)
	case 2:
		q = []string{"--", "absent", "teaCertificate", "hidden", "bolder", "report3", "link.example/3", ""}[l.r.IntN(8)]
	}
	return q
}

func (l *library) query(depth int) Query {
	switch n := l.r.IntN(12); {
	case n < 3 || depth == 0 && n < 7:
		return BodyText(l.text())
	case n < 5:
		return AnyText(l.text())
	case n < 7 || depth == 0:
		name := []string{"Subject", "From", "to", "X-Tag", "DKIM-Signature", "x-none", "Content-Type"}[l.r.IntN(7)]
		return Field{name, []string{l.text(), "t3", "teacert", "", "b", "plain"}[l.r.IntN(6)]}
	case n == 7:
		return Not{l.query(depth - 1)}
	case n == 8:
		return Or{l.query(depth - 1), l.query(depth - 1)}
	case n == 9:
		return And{l.query(depth - 1), HasFlag(Seen)}
	case n == 10:
		return Or{HasFlag(Answered), l.query(depth - 1)}
	}
	return And{l.query(depth - 1), l.query(depth - 1), Larger(300)}
}

// readText is what a search sees of a message.
type readText struct {
	header, body string
	top          message.Header
}

func (l *library) read(raw string) readText {
	if r, ok := l.seen[raw]; ok {
		return r
	}
	ix, err := message.Parse(strings.NewReader(raw))
	if err != nil {
		l.t.Fatal(err)
	}
	text := message.SearchText{R: strings.NewReader(raw), Root: ix.Root}
	var head, body strings.Builder
	head.Write(message.AppendHeader(nil, ix.Header))
	if err := text.WritePartHeaders(&head); err != nil {
		l.t.Fatal(err)
	}
	if err := text.WriteBody(&body); err != nil {
		l.t.Fatal(err)
	}
	l.seen[raw] = readText{head.String(), body.String(), ix.Header}
	return l.seen[raw]
}

// matches says plainly what a query means.
func (l *library) matches(q Query, raw string, flags Flags) bool {
	r := l.read(raw)
	switch q := q.(type) {
	case BodyText:
		return fold.Compile(string(q)).MatchString(r.body)
	case AnyText:
		p := fold.Compile(string(q))
		return p.MatchString(r.body) || p.MatchString(r.header)
	case Field:
		for _, v := range r.top.Values(q.Name) {
			if fold.Compile(q.Value).MatchString(message.DecodeWords(v)) {
				return true
			}
		}
		return false
	case Not:
		return !l.matches(q.Q, raw, flags)
	case Or:
		return l.matches(q[0], raw, flags) || l.matches(q[1], raw, flags)
	case And:
		return !slices.ContainsFunc(q, func(q Query) bool { return !l.matches(q, raw, flags) })
	case HasFlag:
		return flags&Flags(q) == Flags(q)
	case Larger:
		return len(raw) > int(q)
	}
	l.t.Fatalf("%T", q)
	return false
}

// check compares searches with what the messages say.
func (l *library) check(state string) {
	l.t.Helper()
	for _, name := range []string{inbox, "Archive"} {
		m, items := listed(l.t, l.a, name)
		emails := make(map[UID]EmailID)
		l.a.Fetch(l.t.Context(), m.ID, uidsOf(items), func(m *Meta) error { emails[m.UID] = m.Email; return nil })
		for range 25 {
			q := l.query(2)
			var want []UID
			for _, i := range items {
				if l.matches(q, l.raws[emails[i.UID]], i.Flags) {
					want = append(want, i.UID)
				}
			}
			got, err := l.a.Search(l.t.Context(), m.ID, q)
			if err != nil || !slices.Equal(got, want) {
				l.t.Fatalf("%s, %s: %T%+q found %v, %v; want %v", state, name, q, q, got, err, want)
			}
		}
	}
}

// checkIndex wants every word of what is indexed to be found.
func (l *library) checkIndex() {
	l.t.Helper()
	err := l.s.CheckIndex(l.t.Context(), alice, func(e EmailID) error {
		l.t.Errorf("email %d is not found by all of its words", e)
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// repair makes an index anew whose damage no search has come across.
func (l *library) repair() {
	l.t.Helper()
	err := l.s.CheckIndex(l.t.Context(), alice, func(EmailID) error { return nil })
	if fulltext.IsDamaged(err) {
		err = l.s.RebuildIndex(l.t.Context(), alice)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// indexed is the first email that is not.
func (l *library) indexed() (next uint32) {
	l.t.Helper()
	err := l.s.KV.View(l.t.Context(), func(r kv.Reader) error {
		st, err := fulltext.Load(r, alice)
		next = st.Next()
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return next
}

// damage spoils or removes one row of the index.
func (l *library) damage() {
	var keys [][]byte
	l.s.KV.View(l.t.Context(), func(r kv.Reader) error {
		for _, k := range []byte{fulltext.KeyRows, fulltext.KeyState} {
			r.Scan(alice, []byte{k}, []byte{k + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
				keys = append(keys, slices.Clone(key))
				return nil
			})
		}
		return nil
	})
	b, key := new(kv.Batch), keys[l.r.IntN(len(keys))]
	if b.Set(alice, key, []byte("not a row")); l.r.IntN(2) == 0 {
		b = new(kv.Batch)
		b.Delete(alice, key)
	}
	if err := kv.Commit(l.t.Context(), l.s.KV, b); err != nil {
		l.t.Fatal(err)
	}
	l.s.textIndex().text = fulltext.New(l.s.KV) // without what it has in memory
}

// work does what the background is asked for.
func (l *library) work() {
	l.t.Helper()
	for account, task := range l.s.textIndex().due {
		if err := l.s.indexAccount(l.t.Context(), account, task, fulltext.NewBuilder()); err != nil {
			l.t.Fatal(err)
		}
	}
}

func TestSearchIndex(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t, seed)
			l.deliver(60)
			l.check("not indexed")
			if _, err := l.s.indexBatch(t.Context(), alice, fulltext.NewBuilder()); err != nil {
				t.Fatal(err)
			}
			l.check("partly indexed")
			if err := l.s.RebuildIndex(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
			l.check("indexed")
			l.checkIndex()
			l.deliver(65)
			l.change()
			l.check("with a tail")
			if err := l.s.updateIndex(t.Context(), alice, fulltext.NewBuilder()); err != nil {
				t.Fatal(err)
			}
			l.change()
			l.check("merged")
			l.checkIndex()
			l.damage()
			l.check("damaged")
			l.work()
			l.check("mended")
			l.repair()
			l.checkIndex()
			if err := l.s.DropIndex(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
			l.check("dropped")
		})
	}
}

// TestIndexedInTheBackground delivers and waits until nothing moves any more.
func TestIndexedInTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go l.s.runIndexer(ctx)
		l.deliver(6)
		l.s.noteTail(alice)
		time.Sleep(2 * indexPause) // of the bubble's clock
		if n := l.indexed(); n != 0 {
			t.Errorf("indexed up to %d though there is little", n)
		}
		l.deliver(1)
		l.s.noteTail(alice)
		time.Sleep(2 * indexPause) // of the bubble's clock
		if n := l.indexed(); n != 8 {
			t.Errorf("indexed up to %d, want 8", n)
		}
		l.raws[8] = text("large", indexBytes)
		deliver(t, l.s, l.raws[8], Target{Account: alice})
		l.s.noteTail(alice)
		time.Sleep(2 * indexPause) // of the bubble's clock
		if n := l.indexed(); n != 9 {
			t.Errorf("indexed up to %d, want 9", n)
		}
		cancel()
		synctest.Wait()
	})
}

// TestIndexingWaitsForTheMail: an account to which mail still comes is left alone,
// but neither for ever nor until it has very much.
func TestIndexingWaitsForTheMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go l.s.runIndexer(ctx)
		pour := func(d time.Duration) (indexed uint32) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(indexPause / 2) { // of the bubble's clock
				l.s.noteTail(alice)
			}
			return l.indexed()
		}
		l.deliver(7)
		if n := pour(indexPatience / 2); n != 0 {
			t.Errorf("indexed up to %d while mail came", n)
		}
		if n := pour(indexPatience); n != 8 {
			t.Errorf("indexed up to %d though there was enough long ago, want 8", n)
		}
		l.deliver(7)
		pour(2 * indexPause)
		l.s.textIndex().note(alice) // a search read them, which is no reason either
		if n := pour(2 * indexPause); n != 8 {
			t.Errorf("indexed up to %d while mail came", n)
		}
		time.Sleep(2 * indexPause)
		if n := l.indexed(); n != 15 {
			t.Errorf("indexed up to %d after the mail had come, want 15", n)
		}
		l.deliver(7 * indexMuch)
		if n := pour(2 * indexPause); n != 15+7*indexMuch {
			t.Errorf("indexed up to %d, want all %d as it is much", n, 15+7*indexMuch)
		}
		cancel()
		synctest.Wait()
	})
}

// TestNoReading searches for one word when all bodies are gone.
func TestNoReading(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, 1)
	p := deliver(t, l.s, "Subject: x\r\n\r\nteapot", Target{Account: alice}, Target{Account: alice, Mailbox: "Archive"})
	if err := l.s.RebuildIndex(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	for part := range kv.Part(1024) {
		b.DeleteRange(part, []byte{keyBody}, []byte{keyBody + 1})
	}
	if err := kv.Commit(t.Context(), l.s.KV, b); err != nil {
		t.Fatal(err)
	}
	got, err := l.a.Search(t.Context(), p[1].Mailbox, And{BodyText("eapo"), Not{AnyText("coffee")}, HasFlag(0)})
	if err != nil || fmt.Sprint(got) != "[1]" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := l.a.Search(t.Context(), p[1].Mailbox, BodyText("x teapot")); err != nil {
		t.Errorf("words that are not in the index: %v", err)
	}
	if _, err := l.a.Search(t.Context(), p[1].Mailbox, BodyText("-teapot")); err == nil {
		t.Error("a search that has to read found a body that is not there")
	}
}

// TestAccountMadeAnew deletes an account while its first messages are being indexed.
func TestAccountMadeAnew(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, 1)
	l.deliver(3)
	batch := indexBatch{s: l.s, ctx: t.Context(), account: alice, b: fulltext.NewBuilder()}
	if err := l.s.KV.View(t.Context(), batch.read); err != nil {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	b.DeleteRange(alice, nil, nil)
	if err := kv.Commit(t.Context(), l.s.KV, b); err != nil {
		t.Fatal(err)
	}
	err := l.s.textIndex().text.Append(t.Context(), alice, batch.st, batch.b, batch.next, batch.guard)
	if err == nil {
		t.Error("an index was written for messages that are gone")
	}
}

func TestSearchCancelled(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	deliver(t, s, text("x", 100), Target{Account: alice})
	m, _ := listed(t, s.Account(alice), inbox)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Account(alice).Search(ctx, m.ID, BodyText("no such")); err == nil {
		t.Error("a cancelled search went on")
	}
}

// TestLargeMessages indexes more than one batch holds.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	l := newLibrary(t, 1)
	for i := range 6 {
		deliver(t, l.s, text(fmt.Sprint("large", i), indexBytes), Target{Account: alice})
	}
	more, err := l.s.indexBatch(t.Context(), alice, fulltext.NewBuilder())
	if n := l.indexed(); err != nil || !more || n != 5 {
		t.Errorf("the first batch ends at %d, more %v, %v", n, more, err)
	}
	if err := l.s.updateIndex(t.Context(), alice, fulltext.NewBuilder()); err != nil || l.indexed() != 7 {
		t.Errorf("indexed up to %d, %v", l.indexed(), err)
	}
	l.checkIndex()
}

// TestSearchLargeLetter searches a letter that is much larger than what a search
// may have in memory, while no other test runs.
func TestSearchLargeLetter(t *testing.T) {
	l := newLibrary(t, 1)
	const size = 24 << 20
	line := strings.Repeat("tea ", 19) + "\r\n"
	raw := "Subject: x\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(strings.Repeat(line, size/len(line))+"the very last thủ đô"))
	deliver(t, l.s, raw, Target{Account: alice})
	m, _ := listed(t, l.a, inbox)
	find := func(text string) (found int, allocated uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		uids, err := l.a.Search(t.Context(), m.ID, BodyText(text))
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		return len(uids), after.TotalAlloc - before.TotalAlloc
	}
	for _, indexed := range []bool{false, true} {
		for text, want := range map[string]int{"tea tea very": 0, "tea the very": 1, "last THỦ đô": 1, "last thù": 0} {
			if found, allocated := find(text); found != want || allocated > 4<<20 {
				t.Errorf("indexed %v: %q is found %d times, want %d; %d octets allocated", indexed, text, found, want, allocated)
			}
		}
		if err := l.s.RebuildIndex(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
	}
	l.checkIndex()
}

// TestDamagedBody: where one body can't be read, check says so, and the index is made of the others.
func TestDamagedBody(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(vfs.NewMem())
	e := newPebble(t, fs)
	defer e.Close()
	s, _ := newStore(t, e)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 3 {
		octets := make([]byte, 1500)
		for i := range octets {
			octets[i] = byte(rng.Uint32())
		}
		deliver(t, s, fmt.Sprintf("Subject: teapot%d\r\n\r\n%s\r\n", i, base64.StdEncoding.EncodeToString(octets)), Target{Account: alice})
	}
	fs.Flip("*1.values", 3500, 0) // in the second of what packs to some 1,600 octets or is 2,000
	var told []Problem
	if _, err := s.Check(t.Context(), CheckOptions{Problem: func(p Problem) { told = append(told, p) }}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !told[0].Lost || !strings.Contains(told[0].Text, "damaged") {
		t.Errorf("check tells %+v", told)
	}
	if err := s.RebuildIndex(t.Context(), alice); err != nil {
		t.Error(err)
	}
}
