package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	blobs "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/line/linetest"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// secret is the password of everybody here; no test may see it again.
const secret = "mật-khẩu-bí-mật"

// service is one over an empty store in memory.
func service(t *testing.T) *Service {
	t.Helper()
	return serviceOn(t, memory.New())
}

func serviceOn(t *testing.T, e kv.Engine) *Service {
	t.Helper()
	t.Cleanup(func() { e.Close() })
	d, err := directory.Open(t.Context(), directory.Options{KV: e})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.Open(t.Context(), mail.Options{KV: e, Blobs: blobs.New(), Bus: local.New(), Keep: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(queue.Options{KV: e, Mail: m, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	return &Service{Directory: d, Mail: m, Queue: q}
}

// serve runs a door for s in a fresh directory, and collects its log.
func serve(t *testing.T, s *Service, dir string) *linetest.Log {
	t.Helper()
	log := &linetest.Log{}
	s.Log = slog.New(slog.NewTextHandler(log, nil))
	door, err := Listen(t.Context(), dir, s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return log
}

// neverOpen is for calls that must find a server.
func neverOpen(context.Context) (*Service, func() error, error) {
	return nil, nil, errors.New("the store was opened though a server runs")
}

func newOf[T any](v T) *T { return &v }

// step is one call and what must come of it.
type step struct {
	verb string
	req  any
	want any  // nil: not looked at
	kind Kind // of the error; "": none
}

func steps() []step {
	none := Nothing{}
	info := List{Address: "info@hanoi.example", Members: []string{"linh@hanoi.example"}}
	all := List{Address: "stu.all@hanoi.example", Members: []string{"linh@hanoi.example", "x@remote.example"}, Group: true}
	return []step{
		{"domain.list", none, &Domains{Domains: []string{}}, ""},
		{"account.add", AccountAdd{Address: "linh@hanoi.example", Password: secret}, nil, NotFound},
		{"domain.add", Domain{"hanoi.example"}, nil, ""},
		{"domain.add", Domain{"hanoi.example"}, nil, Exists},
		{"domain.add", Domain{"no domain"}, nil, Invalid},
		{"domain.list", none, &Domains{Domains: []string{"hanoi.example"}}, ""},
		{"account.list", AccountList{}, &Accounts{[]Account{}}, ""},
		{"account.list", AccountList{"hue.example"}, nil, NotFound},
		{"account.add", AccountAdd{Address: "linh@hanoi.example", Password: secret, Quota: 7}, nil, ""},
		{"account.add", AccountAdd{Address: "linh@hanoi.example", Password: secret}, nil, Exists},
		{"account.add", AccountAdd{Address: "linh", Password: secret}, nil, Invalid},
		{"account.add", AccountAdd{Address: "x@hanoi.example"}, nil, Invalid},
		{"account.set", AccountSet{Address: "linh@hanoi.example", Name: newOf("Linh"), Disabled: newOf(true)}, nil, ""},
		{"account.set", AccountSet{Address: "linh@hanoi.example", Quota: newOf(int64(9))}, nil, ""},
		{"account.set", AccountSet{Address: "linh@hanoi.example", POP: newOf("new"), POPAfter: newOf("read")}, nil, ""},
		{"account.set", AccountSet{Address: "linh@hanoi.example", POP: newOf("later")}, nil, Invalid},
		{"account.set", AccountSet{Address: "x@hanoi.example"}, nil, NotFound},
		{"account.password", AccountPassword{"linh@hanoi.example", secret}, nil, ""},
		{"account.password", AccountPassword{"x@hanoi.example", secret}, nil, NotFound},
		{"account.password", AccountPassword{"linh@hanoi.example", secret + "\x00"}, nil, Invalid},
		{"list.add", info, &info, ""},
		{"list.add", info, nil, Exists},
		{"list.add", List{Address: "a@hue.example", Members: info.Members}, nil, NotFound},
		{"list.add", List{Address: "a@hanoi.example", Members: []string{"who@hanoi.example"}}, nil, NotFound},
		{"list.add", List{Address: "@hanoi.example", Members: info.Members}, nil, ""},
		{"list.add", all, &all, ""},
		{"list.list", ListKind{Group: true}, &Lists{[]List{all}}, ""},
		{"list.members", ListMembers{Address: all.Address, Group: true}, &all, ""},
		{"list.members", ListMembers{Address: all.Address, Group: true, Add: []string{"y@remote.example", "Linh@hanoi.example"}, Remove: []string{"x@remote.example"}},
			&List{all.Address, []string{"linh@hanoi.example", "y@remote.example"}, true}, ""},
		{"list.members", ListMembers{Address: all.Address, Group: true, Remove: []string{"x@remote.example"}}, nil, NotFound},
		{"list.members", ListMembers{Address: info.Address, Group: true}, nil, NotFound},
		{"domain.remove", Domain{"hanoi.example"}, nil, Invalid},
		{"account.remove", Address{"linh@hanoi.example"}, nil, ""},
		{"account.remove", Address{"linh@hanoi.example"}, nil, NotFound},
		{"list.remove", ListRemove{"@hanoi.example", false}, nil, ""},
		{"list.remove", ListRemove{"@hanoi.example", false}, nil, NotFound},
		{"list.remove", ListRemove{all.Address, false}, nil, NotFound},
		{"list.remove", ListRemove{all.Address, true}, nil, ""},
		{"list.remove", ListRemove{info.Address, false}, nil, ""},
		{"domain.remove", Domain{"hanoi.example"}, nil, ""},
		{"domain.remove", Domain{"hanoi.example"}, nil, NotFound},
		{"queue.list", none, &Entries{[]Entry{}}, ""},
		{"queue.show", EntryID{"01JDCAQ5N9T3V8ZK2M7R4W6XYB-0"}, nil, NotFound},
		{"queue.retry", Choice{All: true}, &Count{0}, ""},
		{"queue.retry", Choice{}, nil, Invalid},
		{"queue.drop", Choice{}, nil, Invalid},
		{"queue.drop", Choice{All: true, IDs: []string{"1"}}, nil, Invalid},
		{"queue.drop", Choice{IDs: []string{"01JDCAQ5N9T3V8ZK2M7R4W6XYB-0"}}, nil, NotFound},
		{"reload", none, nil, Failed},
		{"reboot", none, nil, Invalid},
		{"domain.add", "not an object", nil, Invalid},
	}
}

// Both doors must do the same: the socket of a running server, and the store.
func TestVerbs(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("running=%v", running), func(t *testing.T) {
			t.Parallel()
			s := service(t)
			dir, log := t.TempDir(), &linetest.Log{}
			open := func(context.Context) (*Service, func() error, error) { return s, func() error { return nil }, nil }
			if running {
				log = serve(t, s, dir)
				open = neverOpen
			}
			for _, st := range steps() {
				st.run(t, dir, open)
			}
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log has a password:\n%s", log)
			}
		})
	}
}

func (st step) run(t *testing.T, dir string, open func(context.Context) (*Service, func() error, error)) {
	t.Helper()
	call := Call{Verb: st.verb, Request: st.req}
	if st.want != nil {
		call.Response = reflect.New(reflect.TypeOf(st.want).Elem()).Interface()
	}
	err := Do(t.Context(), dir, open, call)
	var e *Error
	errors.As(err, &e)
	switch {
	case st.kind == "" && err != nil, st.kind != "" && (e == nil || e.Kind != st.kind):
		t.Errorf("%s %+v: error %v (%+v), want kind %q", st.verb, st.req, err, e, st.kind)
	case st.want != nil && !reflect.DeepEqual(call.Response, st.want):
		t.Errorf("%s %+v: %+v, want %+v", st.verb, st.req, call.Response, st.want)
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("%s: the error has the password: %v", st.verb, err)
	}
}

func TestHintSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := service(t)
	err := s.Do(t.Context(), Call{Verb: "account.add", Request: AccountAdd{Address: "a@hue.example", Password: secret}})
	if err == nil || !strings.Contains(err.Error(), "tem domain add hue.example") {
		t.Errorf("%v", err)
	}
}

func TestRemoveAccountSaysWhoStillNamesIt(t *testing.T) {
	t.Parallel()
	s := service(t)
	ctx := t.Context()
	for _, c := range []Call{
		{Verb: "domain.add", Request: Domain{"hanoi.example"}},
		{Verb: "account.add", Request: AccountAdd{Address: "linh@hanoi.example", Password: secret}},
		{Verb: "list.add", Request: List{Address: "info@hanoi.example", Members: []string{"LINH@hanoi.example"}}},
	} {
		if err := s.Do(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.RemoveAccount(ctx, Address{"linh@hanoi.example"})
	if err != nil || !reflect.DeepEqual(got.ListedIn, []string{"info@hanoi.example"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	s := service(t)
	reloaded := make(chan bool, 1)
	s.Reload = func(context.Context) error { reloaded <- true; return nil }
	dir := t.TempDir()
	serve(t, s, dir)
	if err := Do(t.Context(), dir, neverOpen, Call{Verb: "reload", Request: Nothing{}}); err != nil || !<-reloaded {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("long/", 40))
	for name, dir := range map[string]string{"short path": t.TempDir(), "long path": long} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			leaveStale(t, dir)
			s := service(t)
			t.Run("serve", func(t *testing.T) {
				serve(t, s, dir)
				if err := Do(t.Context(), dir, neverOpen, Call{Verb: "domain.list", Request: Nothing{}}); err != nil {
					t.Error(err)
				}
				if _, err := Listen(t.Context(), dir, s); err == nil {
					t.Error("two servers listen on one socket")
				}
				for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, socketName): 0o600} {
					if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
						t.Errorf("%s: %v, %v; want %o", path, info, err, want)
					}
				}
			})
			if _, err := os.Lstat(filepath.Join(dir, socketName)); !os.IsNotExist(err) {
				t.Errorf("the socket is left behind: %v", err)
			}
		})
	}
}

// leaveStale makes the socket of a server that died.
func leaveStale(t *testing.T, dir string) {
	t.Helper()
	l, err := listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	keepFile(l)
	l.Close()
	if _, err := dial(t.Context(), dir); !errors.Is(err, errNobody) {
		t.Errorf("dial a stale socket: %v", err)
	}
}

func TestListenLeavesOtherFilesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, socketName)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := service(t)
	if _, err := Listen(t.Context(), dir, s); err == nil {
		t.Error("listened in place of a file")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "mine" {
		t.Errorf("the file is now %q, %v", got, err)
	}
}

func TestStoreIsClosed(t *testing.T) {
	t.Parallel()
	s := service(t)
	failed := errors.New("could not close")
	open := func(context.Context) (*Service, func() error, error) { return s, func() error { return failed }, nil }
	err := Do(t.Context(), t.TempDir(), open, Call{Verb: "domain.list", Request: Nothing{}})
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}

// A server may come up between the question who listens and the attempt to
// open its store, which it has locked.
func TestServerThatComesUpMeanwhile(t *testing.T) {
	t.Parallel()
	s := service(t)
	dir := t.TempDir()
	open := func(context.Context) (*Service, func() error, error) {
		serve(t, s, dir)
		return nil, nil, errors.New("the store is locked")
	}
	if err := Do(t.Context(), dir, open, Call{Verb: "domain.list", Request: Nothing{}}); err != nil {
		t.Error(err)
	}
	if err := Do(t.Context(), t.TempDir(), neverOpen, Call{Verb: "domain.list", Request: Nothing{}}); err == nil {
		t.Error("a store that cannot be opened gives no error")
	}
}

// A server that starts has the store before it answers.
func TestServerThatStarts(t *testing.T) {
	t.Parallel()
	s := service(t)
	dir := t.TempDir()
	tries := 0
	open := func(context.Context) (*Service, func() error, error) {
		if tries++; tries == 2 {
			serve(t, s, dir)
		}
		return nil, nil, fmt.Errorf("%s %w", dir, ErrInUse)
	}
	if err := Do(t.Context(), dir, open, Call{Verb: "domain.list", Request: Nothing{}}); err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
	ctx, cancel := context.WithCancel(t.Context())
	busy := func(context.Context) (*Service, func() error, error) {
		cancel()
		return nil, nil, ErrInUse
	}
	if err := Do(ctx, t.TempDir(), busy, Call{Verb: "domain.list", Request: Nothing{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that does not wait: %v", err)
	}
}

func TestInternalErrorsTravel(t *testing.T) {
	t.Parallel()
	s := service(t)
	dir := t.TempDir()
	serve(t, s, dir)
	s.Mail.KV.Close()
	err := Do(t.Context(), dir, neverOpen, Call{Verb: "domain.list", Request: Nothing{}})
	var e *Error
	if !errors.As(err, &e) || e.Kind != Failed || !strings.Contains(e.Text, "engine is closed") {
		t.Errorf("%v", err)
	}
}

func TestEntry(t *testing.T) {
	t.Parallel()
	e := toEntry(queue.Job{ID: "A-0", Recipients: []queue.Recipient{
		{Address: "a@b.example"},
		{Address: "c@b.example", Original: "d@e.example", Done: true, Status: dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "no"}},
	}})
	want := []Recipient{{Address: "a@b.example"}, {"c@b.example", "d@e.example", "550 5.1.1 no", true}}
	if !reflect.DeepEqual(e.Recipients, want) {
		t.Errorf("%+v, want %+v", e.Recipients, want)
	}
}
