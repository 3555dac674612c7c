package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, _ := open(t, e)
	ctx := t.Context()
	must(t, d.AddDomain(ctx, "hanoi.example"))
	addPeople(t, d, "linh@hanoi.example")
	linh := mailbox(t, "Linh@hanoi.example")
	set := func(change func(*Settings)) (Settings, error) {
		return d.SetSettings(ctx, linh, func(s *Settings) error { change(s); return nil })
	}
	_, err := set(func(s *Settings) {
		s.Forward = Forward{mailboxes(t, "x@hue.example x@hue.example y@hue.example"), true}
		s.Blocked.Senders = []string{"spam.example", "@spam.example", "Big.Bob@Mail.example"}
		s.Reply = Reply{Text: "Tôi đi vắng.", Until: epoch}
		s.Filed = true
	})
	must(t, err)
	other, _ := open(t, e)
	for _, d := range []*Directory{d, other} {
		s, err := d.Settings(ctx, linh)
		must(t, err)
		if len(s.Forward.To) != 2 || !s.Forward.Keep || !s.Filed || strings.Join(s.Blocked.Senders, " ") != "big.bob@mail.example spam.example" || s.Reply.Text != "Tôi đi vắng." {
			t.Errorf("settings are %+v", s)
		}
		r, err := d.Resolve(ctx, linh)
		if err != nil || r.Settings[r.Accounts[0].ID] == nil {
			t.Errorf("Resolve does not give the settings: %+v, %v", r, err)
		}
	}
	for name, change := range map[string]func(*Settings){
		"to oneself":       func(s *Settings) { s.Forward.To = mailboxes(t, "LINH@hanoi.example") },
		"too many":         func(s *Settings) { s.Forward.To = many(t, maxForwards+1) },
		"no sender":        func(s *Settings) { s.Blocked.Senders = []string{"a b@c"} },
		"no text":          func(s *Settings) { s.Reply = Reply{Subject: "x"} },
		"a line in it":     func(s *Settings) { s.Reply.Subject = "x\r\nBcc: y" },
		"a bell":           func(s *Settings) { s.Reply.Text = "\a" },
		"ends first":       func(s *Settings) { s.Reply.From = epoch },
		"not UTF-8":        func(s *Settings) { s.Reply.Text = "\xff" },
		"too long":         func(s *Settings) { s.Reply.Text = strings.Repeat("x", maxReplyText+1) },
		"too long a title": func(s *Settings) { s.Reply.Subject = strings.Repeat("x", maxReplySubject+1) },
	} {
		if _, err := set(change); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = set(func(s *Settings) { *s = Settings{} })
	must(t, err)
	if row, err := d.row(ctx, rowKey(settingsRow, key(linh))); err != nil || row != nil {
		t.Errorf("settings that say nothing have the row %q, %v", row, err)
	}
	if _, err := d.SetSettings(ctx, mailbox(t, "no@hanoi.example"), func(*Settings) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func many(t *testing.T, n int) (out []address.Address) {
	for i := range n {
		out = append(out, mailbox(t, fmt.Sprintf("p%d@hue.example", i)))
	}
	return out
}

func TestBlockedHas(t *testing.T) {
	t.Parallel()
	senders, err := checkBlocked(mailbox(t, "linh@hanoi.example"), []string{"Bob@mail.example", "spam.example", "@ads.vn"})
	must(t, err)
	b := Blocked{Senders: senders}
	for sender, want := range map[string]bool{
		"bob@mail.example": true, "BOB@MAIL.example": true, "rob@mail.example": false,
		"x@spam.example": true, "x@a.b.spam.example": true, "x@notspam.example": false, "x@example": false,
		"y@ads.vn": true, "y@vn": false,
	} {
		if got := b.Has(mailbox(t, sender)); got != want {
			t.Errorf("%s blocked: %v", sender, got)
		}
	}
}

func TestClaimReply(t *testing.T) {
	t.Parallel()
	d, c := open(t, engine(t))
	ctx := t.Context()
	must(t, d.AddDomain(ctx, "hanoi.example"))
	addPeople(t, d, "linh@hanoi.example")
	linh, x := mailbox(t, "linh@hanoi.example"), mailbox(t, "x@hue.example")
	claim := func(sender string, want bool) {
		t.Helper()
		note, err := d.ClaimReply(ctx, linh, mailbox(t, sender))
		if err != nil || (note != nil) != want {
			t.Errorf("ClaimReply(%s): %v, %v", sender, note != nil, err)
		}
		if note != nil {
			var b kv.Batch
			note(&b)
			must(t, kv.Commit(ctx, d.kv, &b))
		}
	}
	claim("x@hue.example", true)
	claim("X@HUE.example", false)
	claim("y@hue.example", true)
	c.Advance(replyAgain)
	claim("x@hue.example", true)
	if row, _ := d.row(ctx, rowKey(replyRow, key(linh))); len(row) != replySize {
		t.Errorf("the row has %d octets: what is long ago is kept", len(row))
	}
	var row []byte
	for i := range maxReplies {
		var due bool
		if row, due = claimReply(row, fmt.Sprint(i), epoch); !due {
			t.Fatalf("sender %d is not answered", i)
		}
	}
	if _, due := claimReply(row, x.Key(), epoch); due {
		t.Error("more senders are answered in a week than may be")
	}
	_, err := d.RemoveAccount(ctx, linh, nil)
	must(t, err)
	if row, err := d.row(ctx, rowKey(replyRow, key(linh))); err != nil || row != nil {
		t.Error("the row outlives its account")
	}
}

func TestReturnTags(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, c := open(t, e)
	other, _ := open(t, e)
	tags := func(d *Directory) [][]byte {
		t.Helper()
		tags, err := d.ReturnTags(t.Context(), "text")
		must(t, err)
		return tags
	}
	first := tags(d)
	if len(first) != 1 || !bytes.Equal(first[0], tags(d)[0]) || !bytes.Equal(first[0], tags(other)[0]) {
		t.Error("one text has different tags")
	}
	c.Advance(returnKeyFor)
	second := tags(d)
	if len(second) != 2 || bytes.Equal(second[0], first[0]) || !bytes.Equal(second[1], first[0]) {
		t.Errorf("after a month the tags are %x, before %x", second, first)
	}
	c.Advance(returnKeyFor)
	if third := tags(d); len(third) != 2 || !bytes.Equal(third[1], second[0]) {
		t.Errorf("after two months the tags are %x, before %x", third, second)
	}
}

// lost is an engine whose commits take effect without anybody hearing of it.
type lost struct {
	kv.Engine
	on bool
}

func (l *lost) Submit(b *kv.Batch) kv.Pending {
	p := l.Engine.Submit(b)
	if !l.on {
		return p
	}
	p.Wait(context.Background())
	unheard := kv.NewDecision(nil)
	unheard.Decide(context.Canceled)
	return &unheard
}

func TestChangeThatWasNotWaitedFor(t *testing.T) {
	t.Parallel()
	l := &lost{Engine: memory.New()}
	d, err := Open(t.Context(), Options{KV: l})
	must(t, err)
	l.on = true
	if err := d.AddDomain(t.Context(), "hanoi.example"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if ours, err := d.IsLocal(t.Context(), "hanoi.example"); err != nil || !ours {
		t.Errorf("IsLocal = %v, %v after a change that took effect", ours, err)
	}
	l.on = false
	must(t, d.AddDomain(t.Context(), "hue.example"))
	if d.unsure.Load() {
		t.Error("still unsure after a change that was heard of")
	}
}

func BenchmarkResolveAlone(b *testing.B) {
	d := hanoi(b)
	d.shared = false
	a := mailbox(b, "minh@hanoi.example")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Resolve(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}
