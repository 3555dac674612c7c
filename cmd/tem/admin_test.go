package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"tem/internal/address"
	blobs "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/control"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/kv/memory"
	"tem/internal/mail"
	"tem/internal/queue"
	"tem/internal/reports"
	"tem/internal/transport"
)

const adminSecret = "mật-khẩu-bí-mật"

// adminHost is a stopped server on a store in memory, and the command line.
type adminHost struct {
	t   *testing.T
	dir string
	s   *control.Service
	out bytes.Buffer
	err bytes.Buffer
}

func newAdminHost(t *testing.T) *adminHost {
	t.Helper()
	e := memory.New()
	t.Cleanup(func() { e.Close() })
	d, err := directory.Open(t.Context(), directory.Options{KV: e})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.Open(t.Context(), mail.Options{KV: e, Blobs: blobs.New(), Bus: local.New(), Keep: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(queue.Options{KV: e, Mail: m, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	return &adminHost{t: t, dir: t.TempDir(), s: &control.Service{Directory: d, Mail: m, Queue: q, Journal: journey.New(journey.Options{KV: e}), Reports: reports.New(reports.Options{KV: e})}}
}

// run is one command with its standard input; it returns the exit code.
func (h *adminHost) run(in string, args ...string) int {
	h.t.Helper()
	h.out.Reset()
	h.err.Reset()
	env := &adminEnv{
		Open: func(_ context.Context, config, data string) (*control.Service, func() error, error) {
			if (config == "") == (data == "") {
				h.t.Errorf("opened with config %q and data %q", config, data)
			}
			return h.s, func() error { return nil }, nil
		},
		Out: &h.out, Err: &h.err, In: strings.NewReader(in),
	}
	err := runAdmin(h.t.Context(), env, args)
	if err == nil {
		return 0
	}
	h.err.WriteString(err.Error())
	var code kong.ExitCoder
	if !errors.As(err, &code) {
		h.t.Errorf("%q: the error %v has no exit code", args, err)
		return -1
	}
	return code.ExitCode()
}

func runAdmin(ctx context.Context, env *adminEnv, args []string) error {
	var commands AdminCommands
	k, err := kong.New(&commands, kong.Bind(env), kong.BindTo(ctx, (*context.Context)(nil)), kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	parsed, err := k.Parse(args)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return parsed.Run()
}

// expect runs a command line split at spaces ('_' in a word is a space).
func (h *adminHost) expect(code int, pattern, line string) {
	h.t.Helper()
	h.expectInput(code, pattern, line, adminSecret+"\n")
}

func (h *adminHost) expectInput(code int, pattern, line, in string) {
	h.t.Helper()
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "_", " ")
	}
	args = append(args, "--data", h.dir)
	got := h.run(in, args...)
	text := h.out.String() + h.err.String()
	if got != code || !regexp.MustCompile(pattern).MatchString(text) {
		h.t.Errorf("%s: exit %d, want %d, with %q; it says\n%s", line, got, code, pattern, text)
	}
	if strings.Contains(text, adminSecret) {
		h.t.Errorf("%s shows the password:\n%s", line, text)
	}
}

func TestAdminCommands(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, `^$`, "domain list")
	h.expect(3, `tem domain add hanoi.example`, "account add linh@hanoi.example --password-file -")
	h.expect(0, `added the domain hanoi.example`, "domain add hanoi.example")
	h.expect(1, `already exists`, "domain add hanoi.example")
	h.expect(0, `^hanoi.example\n$`, "domain list")
	h.expect(0, `added linh@hanoi.example`, "account add linh@hanoi.example --name Nguyễn_Linh --quota 2G --password-file -")
	h.expect(1, `already exists`, "account add linh@hanoi.example --password-file -")
	h.expect(0, `linh@hanoi.example +Nguyễn Linh +2G +yes`, "account list")
	h.expect(0, `linh@hanoi.example`, "account list hanoi.example")
	h.expect(3, `no such domain`, "account list hue.example")
	h.expect(0, `quota none, login disabled`, "account set linh@hanoi.example --quota 0 --disable")
	h.expect(0, `name Linh, quota none, login yes`, "account set linh@hanoi.example --name Linh --enable")
	h.expect(0, `quota 7 messages, login yes`, "account set linh@hanoi.example --messages 7")
	h.expect(0, `quota 2G, 7 messages, login yes`, "account set linh@hanoi.example --quota 2G")
	linh, err := h.s.Directory.Account(t.Context(), address.Address{Local: "linh", Domain: "hanoi.example"})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := h.s.Mail.Account(linh.ID).Quota(t.Context()); err != nil || q.MessagesLimit != 7 || q.BytesLimit != 2<<30 {
		t.Errorf("the mail has the quota %+v, %v", q, err)
	}
	h.expect(0, `quota none, login yes`, "account set linh@hanoi.example --quota 0 --messages 0")
	h.expect(2, `nothing to change`, "account set linh@hanoi.example")
	h.expect(2, `can't be used together`, "account set linh@hanoi.example --enable --disable")
	h.expect(0, `login yes, POP new, archive`, "account set linh@hanoi.example --pop new --pop-after archive")
	h.expect(0, `linh@hanoi.example .* yes +new, archive`, "account list")
	h.expect(0, `"pop":"new","pop_after":"archive"`, "account list --json")
	h.expect(0, `POP off, archive`, "account set linh@hanoi.example --pop off")
	h.expect(1, `can't be "burn": it is one of keep`, "account set linh@hanoi.example --pop-after burn")
	h.expect(1, `not one of all, new and off`, "account set linh@hanoi.example --pop some")
	h.expect(0, `POP all\n`, "account set linh@hanoi.example --pop all --pop-after keep")
	h.expect(0, `POP all, administrator\n`, "account set linh@hanoi.example --admin on")
	h.expect(0, `linh@hanoi.example .* all +yes +2`, "account list")
	h.expect(0, `"admin":true`, "account list --json")
	h.expect(0, `POP all, administrator\n`, "account set linh@hanoi.example --quota 0")
	h.expect(2, `"maybe" is neither on nor off`, "account set linh@hanoi.example --admin maybe")
	h.expect(0, `POP all\n`, "account set linh@hanoi.example --admin off")
	h.expect(3, `no such account`, "account set who@hanoi.example --enable")
	h.expect(2, `not a size`, "account set linh@hanoi.example --quota lots")
	h.expect(0, `changed the password of linh@hanoi.example`, "account password linh@hanoi.example --password-file -")
	h.expect(0, `added info@hanoi.example, which stands for linh@hanoi.example`, "alias add info@hanoi.example linh@hanoi.example")
	h.expect(3, `does not exist`, "alias add x@hanoi.example who@hanoi.example")
	h.expect(0, `info@hanoi.example +linh@hanoi.example`, "alias list")
	h.expect(0, `stands for nobody yet`, "group add stu.all@hanoi.example")
	h.expect(0, `(?s)a@remote.example\nb@remote.example`, "group members stu.all@hanoi.example --add a@remote.example,b@remote.example")
	h.expect(0, `^b@remote.example\n$`, "group members stu.all@hanoi.example --remove a@remote.example")
	h.expect(0, `stu.all@hanoi.example +b@remote.example`, "group list")
	h.expect(3, `no such alias`, "alias remove stu.all@hanoi.example")
	h.expect(0, `removed stu.all@hanoi.example`, "group remove stu.all@hanoi.example")
	h.expect(1, `accounts: 1`, "domain remove hanoi.example")
	h.expect(2, `say --yes`, "account remove linh@hanoi.example")
	h.expect(0, `(?s)removed linh@hanoi.example and its mail.*info@hanoi.example still names it`, "account remove -y linh@hanoi.example")
	h.expect(3, `no such account`, "account remove -y linh@hanoi.example")
	h.expect(0, `removed info`, "alias remove info@hanoi.example")
	h.expect(0, `removed the domain`, "domain remove hanoi.example")
	h.expect(0, `the queue is empty`, "queue list")
	h.expect(3, `not in the queue`, "queue show 01JDCAQ5N9T3V8ZK2M7R4W6XYB-0")
	h.expect(2, `which entries`, "queue drop")
	h.expect(0, `entries due now: 0`, "queue retry --all")
	h.s.Route = (&transport.Remote{Relays: []*transport.Relay{{Name: "hub", Host: "hub.example:25"}}}).CheckRoute
	h.expect(1, `no relay of the configuration`, "queue reroute --all --way nonsense")
	h.expect(1, `no relay of the configuration`, "queue reroute --all --way 192.0.2.1:99999")
	h.expect(0, `entries rerouted: 0`, "queue reroute --all --way hub")
	h.expect(1, `no server is running`, "reload")
	h.expect(2, `unexpected argument`, "domain list everything")
}

func TestAdminOnARunningServer(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	door, err := control.Listen(t.Context(), h.dir, h.s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	running := h.s
	h.s = nil // the store cannot be opened
	h.expect(0, `added the domain`, "domain add hanoi.example")
	h.expect(3, `no such account`, "account remove -y linh@hanoi.example")
	if names, err := running.Directory.Domains(ctx); err != nil || len(names) != 1 {
		t.Errorf("domains %q, %v", names, err)
	}
}

func TestAdminJSON(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, `^{"name":"hanoi.example","keys":\[{"domain":"hanoi.example",.*}\]}\n$`, "domain add hanoi.example --json")
	h.expect(0, `^{"domains":\["hanoi.example"\]}\n$`, "domain list --json")
	h.expect(0, `^{"accounts":\[\]}\n$`, "account list --json")
	h.expect(0, `^{"entries":\[\]}\n$`, "queue list --json")
	h.expect(0, `^{"id":65536,"address":"linh@hanoi.example",.*"password":"[a-z2-7-]{23}"}\n$`, "account add linh@hanoi.example --generate --json")
	var added withPassword
	if err := json.Unmarshal(h.out.Bytes(), &added); err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.Directory.VerifyPassword(t.Context(), "linh@hanoi.example", added.Password); err != nil {
		t.Errorf("login with the generated password: %v", err)
	}
}

func TestAdminPasswordSources(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, ``, "domain add hanoi.example")
	h.expectInput(2, `empty`, "account add a@hanoi.example --password-file -", "\n")
	h.expectInput(2, `more than one line`, "account add a@hanoi.example --password-file -", adminSecret+"\n"+adminSecret+"\n")
	h.expectInput(1, `more than 4K`, "account add a@hanoi.example --password-file -", strings.Repeat(adminSecret, 1000))
	h.expectInput(2, `not a terminal`, "account add a@hanoi.example", adminSecret)
	h.expectInput(2, `no such file`, "account add a@hanoi.example --password-file /nowhere/at-all", "")
	h.expectInput(2, `can't be used together`, "account add a@hanoi.example --generate --password-file -", "")
	h.expectInput(0, `warning: .* fewer than 8`, "account add a@hanoi.example --password-file -", "short\r\n")
	if _, err := h.s.Directory.VerifyPassword(t.Context(), "a@hanoi.example", "short"); err != nil {
		t.Errorf("login: %v", err)
	}
}

func TestAskTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ first, second, want string }{
		{adminSecret, adminSecret, adminSecret},
		{adminSecret, adminSecret + "x", ""},
		{"", "", ""},
	} {
		answers := []string{c.first, c.second}
		got, err := askTwice("a@b.example", func(string) (string, error) {
			a := answers[0]
			answers = answers[1:]
			return a, nil
		})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
		if err != nil && strings.Contains(err.Error(), adminSecret) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestAdminImport(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	h.expect(0, ``, "domain add hanoi.example")
	h.expectInput(1, `(?s)-:1: address.*-:2: a@hue.example.*nothing was changed: bad lines: 2`,
		"account import -", "who,"+adminSecret+"\na@hue.example,"+adminSecret+"\n")
	h.expectInput(1, `(?s)^{"added":0,"bad":\[{"line":1,`, "account import - --json", "who,"+adminSecret)
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte("a@hanoi.example,"+adminSecret+",,1G\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := h.run("", "account", "import", file, "--data", h.dir); code != 0 || h.out.String() != "accounts added: 1\n" {
		t.Errorf("exit %d: %s%s", code, &h.out, &h.err)
	}
	if code := h.run("", "account", "import", file+"x", "--data", h.dir); code != exitUsage {
		t.Errorf("a missing file: exit %d: %s", code, &h.err)
	}
}

func TestAdminFindsTheServer(t *testing.T) {
	h := newAdminHost(t)
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := fmt.Sprintf("hostname = \"mx.hanoi.example\"\ndata = %q\n[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n", h.dir)
	write("good.toml", good)
	write("bad.toml", good+"colour = 1\n")
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"domain list --data " + h.dir + "/nowhere", "no such directory", exitUsage},
		{"domain list --config bad.toml", "colour", exitUsage},
		{"domain list --config missing.toml", "missing.toml", exitUsage},
		{"domain list --config good.toml", "", 0},
		{"domain list --config good.toml --data x", "can't be used together", exitUsage},
	} {
		if code := h.run("", strings.Fields(c.args)...); code != c.code || !strings.Contains(h.err.String(), c.want) {
			t.Errorf("%s: exit %d, want %d: %s", c.args, code, c.code, &h.err)
		}
	}
	if _, err := os.Stat("/etc/tem/tem.toml"); err != nil {
		if code := h.run("", "domain", "list"); code != exitUsage {
			t.Errorf("no configuration: exit %d: %s", code, &h.err)
		}
	}
	write("tem.toml", good)
	if code := h.run("", "domain", "list"); code != 0 {
		t.Errorf("tem.toml here: exit %d: %s", code, &h.err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	if got := cleanCell("Nguyễn\t\x1b[2J\u202eabc"); got != "Nguyễn??[2J?abc" {
		t.Errorf("%q", got)
	}
}
