package mail

import (
	"fmt"
	"sync"
	"testing"

	"tem/internal/kv"
)

// TestServerMetadata: what is shared by the server is no account's, and has the
// limits that those of a mailbox have.
func TestServerMetadata(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	ctx := t.Context()
	a := s.Account(alice)
	annotate(t, a, 0, Entry{"/shared/own", 0, []byte("alice's")})
	set := func(entries ...Entry) {
		t.Helper()
		if err := s.SetServerMetadata(ctx, entries); err != nil {
			t.Fatal(err)
		}
	}
	set(Entry{"/shared/A/b", 0, []byte("1")}, Entry{"/shared/c", 0, []byte("2")})
	list := must[[]Entry](t)(s.ServerMetadata(ctx, []string{"/shared", "/shared/c"}, Tree))
	if len(list) != 2 || list[0].Name != "/shared/a/b" || string(list[0].Value) != "1" || list[1].Name != "/shared/c" {
		t.Errorf("the server has %v", list)
	}
	if got := annotations(t, a, 0, alice, Tree, "/shared"); got != "/shared/own=alice's " {
		t.Errorf("alice has %s", got)
	}
	wantKind(t, s.SetServerMetadata(ctx, []Entry{{"/shared/c", 0, nil}, {"/private/a", alice, []byte("x")}}), Invalid)
	wantKind(t, s.SetServerMetadata(ctx, []Entry{{"/shared/c", 0, nil}, {"/shared", 0, []byte("x")}}), Invalid)
	large := make([]Entry, 5)
	for n := range large {
		large[n] = Entry{"/shared/l" + string(rune('0'+n)), 0, make([]byte, MaxEntryValue)}
	}
	wantKind(t, s.SetServerMetadata(ctx, large), LimitReached)
	set(Entry{"/shared/a/b", 0, nil})
	if list := must[[]Entry](t)(s.ServerMetadata(ctx, []string{"/shared"}, Tree)); len(list) != 1 || list[0].Name != "/shared/c" {
		t.Errorf("then it has %v", list)
	}
	if n := must[uint64](t)(s.ServerChanges(ctx)); n != 2 {
		t.Errorf("%d changes, want 2", n)
	}
	if list := must[[]Registered](t)(s.Registered(ctx)); len(list) != 1 || list[0].ID != kv.Part(alice) {
		t.Errorf("listed are %v", list)
	}
}

// TestServerMetadataAtOnce: what several set at once is all there, within the
// limits, and whoever listens is told.
func TestServerMetadataAtOnce(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	told := make(chan struct{}, 100)
	defer s.NotifyServer(func() { told <- struct{}{} })()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := s.SetServerMetadata(t.Context(), []Entry{{fmt.Sprint("/shared/", i), 0, []byte("x")}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list := must[[]Entry](t)(s.ServerMetadata(t.Context(), []string{"/shared"}, Tree))
	if n := must[uint64](t)(s.ServerChanges(t.Context())); len(list) != 8 || n != 8 || len(told) != 8 {
		t.Errorf("%d annotations after %d changes, told %d times", len(list), n, len(told))
	}
}
