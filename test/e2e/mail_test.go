package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tem/test/outside"
)

// user is a person at a shell with a home of their own.
type user struct {
	home string
	env  []string
}

// newUser is somebody whose user agent finds the lab's people, if there is one.
func newUser(t *testing.T, l *lab) *user {
	t.Helper()
	home := t.TempDir()
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "COLUMNS=200", "TZ=UTC"}
	if l != nil {
		env = append(env, "TEM_LOCALSERVE="+l.Dir)
	}
	return &user{home, env}
}

// with is the same person with more in the environment.
func (u *user) with(env ...string) *user {
	return &user{u.home, append(u.env[:len(u.env):len(u.env)], env...)}
}

func (u *user) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"mail"}, args...)...)
	cmd.Env, cmd.Dir = u.env, u.home
	return cmd
}

// try runs one verb with in as its standard input.
func (u *user) try(t *testing.T, in string, args ...string) (out, errOut string, code int) {
	t.Helper()
	cmd := u.command(t, args...)
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &o, &e
	code = exitCode(t, cmd.Run())
	return o.String(), e.String(), code
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	must(t, err)
	return 0
}

// do runs one verb that must succeed and returns what it printed.
func (u *user) do(t *testing.T, in string, args ...string) string {
	t.Helper()
	out, errOut, code := u.try(t, in, args...)
	if code != 0 {
		t.Fatalf("tem mail %q: exit %d\n%s%s", args, code, out, errOut)
	}
	return out
}

// fails runs one verb that must end with a code and returns what it complained.
func (u *user) fails(t *testing.T, code int, in string, args ...string) string {
	t.Helper()
	out, errOut, got := u.try(t, in, args...)
	if got != code {
		t.Errorf("tem mail %q: exit %d, want %d\n%s%s", args, got, code, out, errOut)
	}
	return errOut
}

// json runs one verb with --json; each line that it prints must be an object.
func (u *user) json(t *testing.T, in string, args ...string) []map[string]any {
	t.Helper()
	return objects(t, u.do(t, in, append([]string{"--json"}, args...)...))
}

func objects(t *testing.T, out string) (all []map[string]any) {
	t.Helper()
	for l := range strings.Lines(out) {
		var v map[string]any
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		t.Fatal("nothing was printed")
	}
	return all
}

// atTerminal runs one verb at a terminal and returns what the terminal got.
func (u *user) atTerminal(t *testing.T, args ...string) (screen string, code int) {
	t.Helper()
	master, slave := terminal(t)
	cmd := u.command(t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	must(t, cmd.Start())
	slave.Close()
	got := make(chan string)
	go func() {
		raw, _ := io.ReadAll(master) // ends with EIO when the last holder closes the terminal
		got <- string(raw)
	}()
	code = exitCode(t, cmd.Wait())
	return <-got, code
}

// terminal makes a pseudo-terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	return master, slave
}

// editor is a script that stands in for a person in an editor.
func (u *user) editor(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(u.home, "editor.sh")
	must(t, os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o700))
	return "EDITOR=" + name
}

// await lists until a folder holds n messages and returns them.
func (u *user) await(t *testing.T, n int, args ...string) (all []map[string]any) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d messages in %q", n, args), testTime, func() bool {
		out, errOut, code := u.try(t, "", append([]string{"--json", "list"}, args...)...)
		if code == 3 {
			return n == 0
		}
		if code != 0 {
			t.Fatalf("list: exit %d, %s", code, errOut)
		}
		all = objects(t, out)
		return len(all) >= n
	})
	return all
}

func has(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%s: no %q in\n%s", what, w, text)
		}
	}
}

func hasNot(t *testing.T, what, text string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(text, w) {
			t.Errorf("%s: %q is in\n%s", what, w, text)
		}
	}
}

func noDrafts(t *testing.T, u *user) {
	t.Helper()
	if names, _ := filepath.Glob(filepath.Join(u.home, ".local/state/tem/drafts/*")); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// people are the four of a lab, as addresses.
func (l *lab) people() (an, binh, chi, dung person) {
	a, b := l.Servers[0].Accounts, l.Servers[1].Accounts
	return a[0], a[1], b[0], b[1]
}

// hand gives a raw letter to a person's server, as somebody else's program would.
func (l *lab) hand(t *testing.T, from, to person, raw string) {
	t.Helper()
	s, err := dialSMTP(l.Servers[0].At("submission"), &from)
	must(t, err)
	defer s.Close()
	must(t, s.send(from.Address, []string{to.Address}, raw))
}

// TestMailRoundTrip writes a letter with everything on it and follows it
// through the verbs that read.
func TestMailRoundTrip(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, chi, dung := l.people()
	u := newUser(t, l)
	u.do(t, "", "setup", an.Address, "--name", "Nguyễn Văn An", "--default")
	if got := u.json(t, "", "accounts"); len(got) < 4 || got[0]["address"] == "" {
		t.Errorf("accounts: %v", got)
	}
	has(t, "accounts", u.do(t, "", "accounts"), an.Address, chi.Address)

	file := filepath.Join(u.home, "Báo cáo quý 4 – Đà Nẵng.bin")
	content := bytes.Repeat([]byte("\x00\xff\r\n.\n\r Tiếng Việt"), 5000)
	must(t, os.WriteFile(file, content, 0o600))
	sent := u.json(t, "Chào cả nhà,\n\nđây là báo cáo.\n.\nFrom đây.\n", "write", "--to", "Trần Thị Bình <"+binh.Address+">", "--cc", chi.Address,
		"--bcc", dung.Address, "--subject", "Báo cáo tháng mười một: kết quả và kế hoạch", "--attach", file)
	if sent[0]["sent"] != true || !strings.Contains(sent[0]["reply"].(string), "queued as") {
		t.Errorf("write: %v", sent)
	}
	noDrafts(t, u)
	for _, to := range []person{binh, chi, dung} {
		u.await(t, 1, "-a", to.Address)
		raw := u.do(t, "", "-a", to.Address, "source", "1", "--raw")
		hasNot(t, "raw letter", raw, "Bcc:", dung.Address+",")
	}
	has(t, "copy", u.do(t, "", "source", "-f", "Sent", "@last", "--raw"), "Bcc: "+dung.Address)
	if got := u.json(t, "", "source", "-f", "Sent", "@last", "--raw"); !strings.Contains(got[0]["raw"].(string), "Bcc:") {
		t.Errorf("source --raw --json: %v", got)
	}

	b := newUser(t, nil) // a provider that is not known
	secret := filepath.Join(b.home, "secret")
	must(t, os.WriteFile(secret, []byte(binh.Password+"\n"), 0o600))
	s := l.Servers[0]
	got := b.json(t, "", "setup", binh.Address, "--imap", s.At("imap"), "--smtp", s.At("submission"), "--pop", s.At("pop3s"),
		"--tls", "", "--ca", l.CA, "--password-file", secret)
	if got[0]["address"] != binh.Address {
		t.Errorf("setup: %v", got)
	}
	b.do(t, "", "setup", binh.Address, "--imap", s.At("imap"), "--smtp", s.At("submission"), "--pop", s.At("pop3"), "--ca", l.CA, "--password-file", secret)
	reads(t, b, an, binh, chi, content)
	answers(t, u, b, an, chi)
	files(t, b)
}

// reads is Bình looking at the letter.
func reads(t *testing.T, b *user, an, binh, chi person, content []byte) {
	t.Helper()
	has(t, "list", b.do(t, "", "list", "--unseen"), "N@", "Nguyễn Văn An", "Báo cáo tháng mười một: kết quả và kế hoạch")
	one := b.json(t, "", "list", "--unseen")[0]
	if one["id"] != 1.0 || one["attachments"] != true || one["from"] != "Nguyễn Văn An <"+an.Address+">" {
		t.Errorf("list: %v", one)
	}
	has(t, "read --peek", b.do(t, "", "read", "1", "--peek"), "Subject: Báo cáo")
	has(t, "list", b.do(t, "", "list"), "N@")
	has(t, "read", b.do(t, "", "--lang", "vi", "read", "@last"), "Từ: Nguyễn Văn An <"+an.Address+">", "Tới: Trần Thị Bình <"+binh.Address+">",
		"Đồng gửi: "+chi.Address, "Chủ đề: Báo cáo tháng mười một: kết quả và kế hoạch", "Tệp đính kèm 1: Báo cáo quý 4 – Đà Nẵng.bin",
		"Chào cả nhà,\n\nđây là báo cáo.\n.\nFrom đây.\n")
	if got := b.json(t, "", "read", "1"); !strings.HasPrefix(got[0]["text"].(string), "Chào cả nhà,") || got[0]["subject"] != one["subject"] {
		t.Errorf("read: %v", got)
	}
	b.fails(t, 3, "", "list", "--unseen")
	for _, q := range [][]string{{"báo", "cáo"}, {"from:" + an.Address}, {"subject:\"kế hoạch\""}, {"since:2020-01-01", "seen"}, {"to:" + binh.Address, "đây"}} {
		if got := b.json(t, "", append([]string{"search"}, q...)...); len(got) != 1 {
			t.Errorf("search %q: %v", q, got)
		}
	}
	b.fails(t, 3, "", "search", "from:nobody@nowhere.example")
	b.fails(t, 2, "", "search", "since:yesterday")
	dir := filepath.Join(b.home, "saved")
	must(t, os.Mkdir(dir, 0o700))
	for _, want := range []string{"Báo cáo quý 4 – Đà Nẵng.bin", "Báo cáo quý 4 – Đà Nẵng-1.bin"} {
		if got := b.json(t, "", "save", "@last", "--dir", dir); got[0]["file"] != filepath.Join(dir, want) {
			t.Errorf("save: %v, want %s", got, want)
		}
		if raw, err := os.ReadFile(filepath.Join(dir, want)); err != nil || !bytes.Equal(raw, content) {
			t.Errorf("%s: %d octets of %d, %v", want, len(raw), len(content), err)
		}
	}
	b.fails(t, 3, "", "save", "1", "--dir", dir, "--part", "2")
	has(t, "source", b.do(t, "", "source", "1", "--lang", "en"), "Message ID:\t", "Created at:\t", " (Delivered after ", "From:\tNguyễn Văn An", "Subject:\tBáo cáo")
	has(t, "source", b.do(t, "", "source", "1", "--lang", "vi"), "ID thư:\t", "Tạo lúc:\t", " (Đã gửi sau ", "Từ:\tNguyễn Văn An", "Chủ đề:\tBáo cáo")
	if got := b.json(t, "", "source", "1"); got[0]["delivered_after"] == nil || got[0]["message_id"] == "" {
		t.Errorf("source: %v", got)
	}
}

// answers is Bình replying to everybody and forwarding the letter.
func answers(t *testing.T, u, b *user, an, chi person) {
	t.Helper()
	if got := b.json(t, "Cảm ơn An!\n", "reply", "1", "--all"); got[0]["sent"] != true {
		t.Errorf("reply: %v", got)
	}
	u.await(t, 1)
	u.await(t, 2, "-a", chi.Address)
	has(t, "reply", u.do(t, "", "read", "@last"), "Subject: Re: Báo cáo tháng", "Cc: "+chi.Address, "Cảm ơn An!\n\n", "Nguyễn Văn An <"+an.Address+">:\n> Chào cả nhà,\n")
	has(t, "reply", u.do(t, "", "source", "@last", "--raw"), "\r\nIn-Reply-To: <", "\r\nReferences: <")
	has(t, "answered", b.do(t, "", "list"), "R@")
	if got := b.json(t, "", "forward", "1", "--to", an.Address, "--body", "Xem nhé."); got[0]["sent"] != true {
		t.Errorf("forward: %v", got)
	}
	noDrafts(t, b)
	u.await(t, 2)
	has(t, "forward", u.do(t, "", "read", "@last"), "Subject: Fwd: Báo cáo tháng", "Xem nhé.", "message.eml")
	has(t, "forward", u.do(t, "", "source", "@last", "--raw"), "message/rfc822", "message.eml")
	u.fails(t, 2, "", "reply", "1,2", "--body", "x")
	b.fails(t, 3, "", "reply", "999", "--body", "x")
}

// files is Bình tidying up.
func files(t *testing.T, b *user) {
	t.Helper()
	b.json(t, "", "flag", "1", "+flagged", "-seen")
	has(t, "flags", b.do(t, "", "list"), "NFR@")
	b.do(t, "", "flag", "1", "+seen", "+$Label", "-flagged", "--json")
	if got := fmt.Sprint(b.json(t, "", "list")[0]["flags"]); strings.Contains(got, "flagged") || !strings.Contains(got, "seen") || !strings.Contains(got, "$label") {
		t.Errorf("flags: %s", got)
	}
	b.fails(t, 2, "", "flag", "1", "seen")
	b.fails(t, 2, "", "flag", "1", "--nonsense")
	has(t, "folders", b.do(t, "", "folders"), "INBOX")
}

// TestMailFiling moves, deletes and lists folders.
func TestMailFiling(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, _, _ := l.people()
	u := newUser(t, l)
	for _, subject := range []string{"một", "hai", "ba"} {
		u.do(t, "", "-a", an.Address, "write", "--to", binh.Address, "--subject", subject, "--body", "x")
	}
	b := u.with()
	b.do(t, "", "setup", binh.Address, "--default")
	b.await(t, 3)
	if got := b.json(t, "", "move", "1", "Archive"); got[0]["done"] != "move" {
		t.Errorf("move: %v", got)
	}
	has(t, "archive", b.do(t, "", "list", "Archive"), "một")
	b.do(t, "", "delete", "2")
	has(t, "trash", b.do(t, "", "list", "Trash"), "hai")
	b.do(t, "", "-f", "Trash", "delete", "@last")
	b.fails(t, 3, "", "list", "Trash")
	b.json(t, "", "rm", "--forever", "3")
	b.fails(t, 3, "", "list")
	b.fails(t, 3, "", "list", "Trash")
	b.fails(t, 3, "", "list", "No such folder")
	has(t, "folders", b.do(t, "", "folders"), "INBOX", "Archive", "trash", "sent")
	counts := map[any]any{}
	for _, f := range b.json(t, "", "folders") {
		counts[f["name"]] = f["messages"]
	}
	if counts["Archive"] != 1.0 || counts["INBOX"] != 0.0 {
		t.Errorf("folders: %v", counts)
	}
	filedByProvider(t, b, binh)
}

// filedByProvider sends by a provider that files what it sends by itself.
func filedByProvider(t *testing.T, u *user, who person) {
	t.Helper()
	u.do(t, "", "write", "--to", who.Address, "--body", "x")
	u.await(t, 1, "Sent")
	must(t, exec.CommandContext(t.Context(), "sed", "-i", "/^provider/a files_sent = true", filepath.Join(u.home, ".config/tem/mail.toml")).Run())
	u.do(t, "", "write", "--to", who.Address, "--body", "x")
	u.await(t, 2)
	if got := u.await(t, 1, "Sent"); len(got) != 1 {
		t.Errorf("Sent: %v", got)
	}
}

// TestMailDrafts keeps, edits, forwards and sends drafts, at a terminal too.
func TestMailDrafts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, _, _ := l.people()
	u := newUser(t, l)
	u.do(t, "", "setup", an.Address, "--default")
	u.fails(t, 3, "", "draft", "list")
	u.fails(t, 3, "", "draft", "send", "none")
	u.fails(t, 2, "", "write", "--body", "to nobody")
	u.fails(t, 2, "", "write", "--body", "x", "--to", "not an address")
	u.fails(t, 2, "", "write", "--body", "x", "--to", binh.Address, "--attach", "no such file")
	u.fails(t, 2, "", "write", "--body", "x", "--to", binh.Address, "--attach", u.home)
	noDrafts(t, u)

	must(t, os.WriteFile(filepath.Join(u.home, "kèm.txt"), []byte("tệp"), 0o600))
	name := u.json(t, "", "write", "--draft", "--subject", "Nháp", "--body", "dòng đầu", "--attach", "kèm.txt")[0]["draft"].(string)
	has(t, "draft list", u.do(t, "", "draft", "list"), name, "Nháp")
	if got := u.json(t, "", "draft", "list"); got[0]["draft"] != name {
		t.Errorf("draft list: %v", got)
	}
	u.fails(t, 2, "", "draft", "send", name) // nobody to send to
	e := u.with(u.editor(t, `sed -i 's/^To:.*/To: `+binh.Address+`/; s/^dòng đầu/dòng hai/' "$1"`))
	if screen, code := e.atTerminal(t, "draft", "edit", name); code != 0 {
		t.Errorf("draft edit: exit %d, %s", code, screen)
	}
	u.fails(t, 2, "", "draft", "edit", name)
	out, errOut, code := func() (string, string, int) {
		cmd := u.command(t, "draft", "send", name, "--json")
		cmd.Dir = "/" // the attachment is found from anywhere
		var o, eo bytes.Buffer
		cmd.Stdout, cmd.Stderr = &o, &eo
		c := exitCode(t, cmd.Run())
		return o.String(), eo.String(), c
	}()
	if code != 0 || objects(t, out)[0]["sent"] != true {
		t.Errorf("draft send: exit %d, %s%s", code, out, errOut)
	}
	noDrafts(t, u)
	b := u.with()
	inBox := []string{"-a", binh.Address}
	b.await(t, 1, inBox...)
	has(t, "letter", b.do(t, "", append(inBox, "read", "1")...), "dòng hai", "kèm.txt")

	e = u.with(u.editor(t, `printf 'To: %s\nSubject: Từ trình soạn thảo\n\nXin chào\n' `+binh.Address+` > "$1"`))
	if screen, code := e.atTerminal(t, "write"); code != 0 {
		t.Errorf("write: exit %d, %s", code, screen)
	}
	noDrafts(t, u)
	b.await(t, 2, inBox...)
	has(t, "letter", b.do(t, "", append(inBox, "read", "2")...), "Từ trình soạn thảo", "Xin chào")

	e = u.with(u.editor(t, `echo 'no header line' > "$1"`))
	screen, code := e.atTerminal(t, "write", "--to", binh.Address)
	if code != 2 {
		t.Errorf("write: exit %d, %s", code, screen)
	}
	has(t, "a mistake in the editor", screen, "is kept as draft")
	names, _ := filepath.Glob(filepath.Join(u.home, ".local/state/tem/drafts/*.txt"))
	if len(names) != 1 {
		t.Fatalf("drafts: %q", names)
	}
	has(t, "draft list", u.do(t, "", "draft", "list"), "no header line")
	must(t, os.Remove(names[0]))

	forwarded(t, u, b, an, binh)
}

// forwarded keeps a forward as a draft; the letter in it must outlive the verb.
func forwarded(t *testing.T, u, b *user, an, binh person) {
	t.Helper()
	name := u.json(t, "", "-a", binh.Address, "forward", "1", "--draft", "--body", "Gửi An")[0]["draft"].(string)
	e := u.with(u.editor(t, `sed -i 's/^To:.*/To: `+an.Address+`/' "$1"`))
	if screen, code := e.atTerminal(t, "draft", "edit", name); code != 0 {
		t.Errorf("draft edit: exit %d, %s", code, screen)
	}
	u.do(t, "", "draft", "send", name) // by the account that it was written with
	noDrafts(t, u)
	if got := u.await(t, 1)[0]["from"].(string); !strings.Contains(got, binh.Address) {
		t.Errorf("sent from %s", got)
	}
	has(t, "forwarded", u.do(t, "", "source", "1", "--raw"), "message/rfc822", "message.eml")
}

// TestMailRefusals sends to people who are not there, and by servers that fail.
func TestMailRefusals(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, chi, _ := l.people()
	u := newUser(t, l)
	u.do(t, "", "setup", an.Address, "--default")
	nobody := "nobody@" + l.Servers[0].Domain
	said := u.fails(t, 7, "", "write", "--to", "Ai Đó <"+nobody+">", "--to", "Bình <"+binh.Address+">", "--cc", chi.Address, "--subject", "Họp", "--body", "x")
	has(t, "refusal", said, nobody+": 550 ", "draft send")
	u.await(t, 1, "-a", binh.Address)
	u.await(t, 1, "-a", chi.Address)
	u.await(t, 1, "Sent")
	d := u.json(t, "", "draft", "list")
	if len(d) != 1 || fmt.Sprint(d[0]["to"]) != "[Ai Đó <"+nobody+">]" {
		t.Fatalf("draft: %v", d)
	}
	name := d[0]["draft"].(string)
	out, _, code := u.try(t, "", "--json", "draft", "send", name)
	if got := objects(t, out)[0]; code != 7 || got["sent"] != false || got["draft"] != name || !strings.Contains(fmt.Sprint(got["refused"]), nobody) {
		t.Errorf("draft send: exit %d, %v", code, got)
	}
	must(t, exec.CommandContext(t.Context(), "sed", "-i", "s/"+nobody+"/"+binh.Address+"/", filepath.Join(u.home, ".local/state/tem/drafts", name+".txt")).Run())
	u.do(t, "", "draft", "send", name)
	noDrafts(t, u)
	u.await(t, 2, "-a", binh.Address)
	if got := u.await(t, 1, "-a", chi.Address); len(got) != 1 {
		t.Errorf("Chi got it again: %v", got)
	}

	u.fails(t, 3, "", "read", "999")
	wrong := u.with("TEM_PASSWORD=wrong")
	for _, args := range [][]string{{"list"}, {"pop"}, {"write", "--to", binh.Address, "--body", "x"}} {
		hasNot(t, "wrong password", wrong.fails(t, 4, "", args...), "wrong\n")
	}
	u.fails(t, 2, "", "-a", "who@nowhere.example", "list")
	unreachable(t, l, binh)
}

// unreachable uses servers where nobody listens, and one that says 451.
func unreachable(t *testing.T, l *lab, who person) {
	t.Helper()
	u := newUser(t, nil).with("TEM_PASSWORD=x")
	u.do(t, "", "setup", "me@nowhere.example", "--imap", "127.0.0.1:1", "--smtp", "127.0.0.1:1", "--pop", "127.0.0.1:1", "--password-file", "x")
	u.fails(t, 5, "", "list")
	u.fails(t, 5, "", "pop")
	has(t, "nobody listens", u.fails(t, 5, "", "write", "--to", who.Address, "--body", "x"), "kept as draft")
	tls := newUser(t, nil).with("TEM_PASSWORD=" + who.Password)
	tls.do(t, "", "setup", who.Address, "--imap", l.Servers[0].At("imap"), "--smtp", l.Servers[0].At("submissions"), "--tls", "implicit", "--password-file", "x")
	tls.fails(t, 5, "", "write", "--to", who.Address, "--body", "x") // its authority is not known here
	later := newUser(t, nil).with("TEM_PASSWORD=x")
	later.do(t, "", "setup", "me@later.example", "--imap", "127.0.0.1:1", "--smtp", busyServer(t), "--tls", "none", "--password-file", "x")
	said := later.fails(t, 6, "", "write", "--to", who.Address, "--body", "x")
	has(t, "busy server", said, "451 4.3.2 come back", "kept as draft")
	hasNot(t, "busy server", said, "\x1b")
}

// busyServer takes mail for nobody, for now, and tries to colour the screen.
func busyServer(t *testing.T) string {
	t.Helper()
	return scripted(t, func(verb string) string {
		switch verb {
		case "":
			return "220 later.example ESMTP"
		case "EHLO":
			return "250-later.example\r\n250 AUTH PLAIN"
		case "AUTH":
			return "235 2.7.0 welcome"
		case "RCPT":
			return "451 4.3.2 come back \x1b[31mlater\x1b[0m"
		case "QUIT":
			return "221 bye"
		}
		return "250 2.0.0 fine"
	})
}

// scripted serves a protocol in which every command has one reply; "" asks for
// the greeting.
func scripted(t *testing.T, reply func(verb string) string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				fmt.Fprintf(nc, "%s\r\n", reply(""))
				for in := bufio.NewScanner(nc); in.Scan(); {
					verb, _, _ := strings.Cut(in.Text(), " ")
					fmt.Fprintf(nc, "%s\r\n", reply(strings.ToUpper(verb)))
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// TestMailWatchAndPop waits for a letter, then downloads it in both forms.
func TestMailWatchAndPop(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, _, _ := l.people()
	u := newUser(t, l)
	u.do(t, "", "setup", an.Address, "--default")
	if line := watched(t, u, "Đang chờ", func() {
		u.do(t, "", "-a", binh.Address, "write", "--to", an.Address, "--subject", "Đang chờ", "--body", "From here\n>From there\n")
	}, nil); !strings.HasPrefix(line, "1\t") {
		t.Errorf("watch: %q", line)
	}
	line := watched(t, u, "Lần hai", func() {
		u.do(t, "", "-a", binh.Address, "write", "--to", an.Address, "--subject", "Lần hai", "--body", "x")
	}, func() bool {
		raw, _ := os.ReadFile(filepath.Join(u.home, "ran"))
		return string(raw) == "2:Lần hai"
	}, "--json", "--exec", `printf %s "$TEM_ID:$TEM_SUBJECT" > ran`)
	if got := objects(t, line); got[0]["id"] != 2.0 {
		t.Errorf("watch: %v", got)
	}

	mbox, maildir := filepath.Join(u.home, "in.mbox"), filepath.Join(u.home, "Maildir")
	for i, want := range []float64{2, 0} {
		if got := u.json(t, "", "pop", "--mbox", mbox); got[0]["downloaded"] != want {
			t.Errorf("pop %d: %v", i, got)
		}
	}
	raw, err := os.ReadFile(mbox)
	must(t, err)
	if n := strings.Count("\n"+string(raw), "\nFrom "); n != 2 {
		t.Errorf("%d letters in the mbox\n%s", n, raw)
	}
	has(t, "mbox", string(raw), "\n>From here\n>>From there\n")
	u.do(t, "", "pop", "--maildir", maildir, "--delete")
	if names, _ := filepath.Glob(filepath.Join(maildir, "new", "*")); len(names) != 2 {
		t.Errorf("Maildir: %q", names)
	}
	u.fails(t, 3, "", "list")
	if got := u.json(t, "", "pop", "--maildir", maildir, "--delete"); got[0]["downloaded"] != 0.0 {
		t.Errorf("pop: %v", got)
	}
}

// watched runs watch, does something, and returns the first line with text. What
// watch then does with a message is waited for: being interrupted ends that too.
func watched(t *testing.T, u *user, text string, do func(), then func() bool, args ...string) string {
	t.Helper()
	cmd := u.command(t, append([]string{"watch"}, args...)...)
	out, err := cmd.StdoutPipe()
	must(t, err)
	said := new(outside.Log)
	cmd.Stderr = said
	must(t, cmd.Start())
	eventually(t, "watching", testTime, func() bool { return strings.Contains(said.String(), "Watching") })
	do()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, text) {
		t.Errorf("watch: %q, %v\n%s", line, err, said)
	}
	if then != nil {
		eventually(t, "what watch runs", testTime, then)
	}
	must(t, cmd.Process.Signal(os.Interrupt))
	if code := exitCode(t, cmd.Wait()); code != 0 {
		t.Errorf("watch: exit %d\n%s", code, said)
	}
	return line
}

// TestMailShowsHTML reads a letter as a web mailer writes it.
func TestMailShowsHTML(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, _, _ := l.people()
	l.hand(t, an, binh, "From: =?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte("Đỗ Thị Lan"))+"?= <"+an.Address+">\r\nTo: "+binh.Address+"\r\n"+
		"Subject: =?utf-8?Q?Th=C6=B0_m=E1=BB=9Di?=\r\nDate: Thu, 19 Nov 2020 16:00:00 +0700\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p{color:red}</style></head><body><p>Kính mời <b>anh&nbsp;Bình</b></p>"+
		"<script>alert(1)</script><ul><li>một<li>hai</ul><a href=\"https://x.example/\">tại đây</a></body></html>\r\n")
	u := newUser(t, l)
	got := u.do(t, "", "-a", binh.Address, "read", "1")
	has(t, "HTML", got, "From: Đỗ Thị Lan <", "Subject: Thư mời", "Kính mời", "một", "hai", "tại đây", "https://x.example/")
	hasNot(t, "HTML", got, "<b>", "alert", "color:red", "&nbsp;")
}

// TestMailTraceHidesSecrets looks for the password in every form in what
// --trace shows.
func TestMailTraceHidesSecrets(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, _, _, _ := l.people()
	u := newUser(t, l)
	for _, args := range [][]string{{"folders"}, {"pop"}, {"write", "--to", an.Address, "--body", "x"}} {
		_, said, code := u.try(t, "", append([]string{"-a", an.Address, "--trace"}, args...)...)
		if code != 0 {
			t.Errorf("%q: exit %d\n%s", args, code, said)
		}
		has(t, args[0], said, "Server : ", "Client : ", "TLS 1.3", "‹secret")
		hasNot(t, args[0], said, an.Password, base64.StdEncoding.EncodeToString([]byte(an.Password)))
		for _, word := range regexp.MustCompile(`[A-Za-z0-9+/=]{8,}`).FindAllString(said, -1) {
			if raw, err := base64.StdEncoding.DecodeString(word); err == nil && (bytes.Contains(raw, []byte(",p=")) || bytes.Contains(raw, []byte(an.Password))) {
				t.Errorf("%q shows %s, which is %q", args, word, raw)
			}
		}
	}
}

// TestMailNeverSteersTheTerminal reads a letter that is full of controls.
func TestMailNeverSteersTheTerminal(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, _, _ := l.people()
	const esc = "=?utf-8?Q?evil=1B]0;owned=07=C2=9B31m=E2=80=AEtxt?="
	l.hand(t, an, binh, "From: "+esc+" <"+an.Address+">\r\nTo: "+esc+" <"+binh.Address+">\r\nCc: "+esc+" <c@x.example>\r\nSubject: "+esc+
		"\r\nDate: Thu, 19 Nov 2020 16:00:00 +0700\r\nMessage-ID: <a\x1b[31m@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"+
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ntext\x1b[2Jmore\x1b\r\n"+
		"--b\r\nContent-Type: text/x-\x1b[31m; name=\""+esc+"\"\r\nContent-Disposition: attachment\r\n\r\nfile\r\n--b--\r\n")
	u := newUser(t, l)
	u.do(t, "", "setup", binh.Address, "--default")
	u.await(t, 1)
	for _, args := range [][]string{
		{"list"}, {"search", "text"}, {"read", "1"}, {"source", "1"}, {"source", "1", "--raw"}, {"save", "1", "--trace"}, {"read", "1", "--json"},
		{"list", "--json"}, {"source", "1", "--json"}, {"reply", "1", "--body", "x", "--draft"}, {"draft", "list"}, {"move", "1", "a\x1b[31m\u009bb"},
		{"folders"}, {"folders", "--json"}, {"list", "x\x1b[31m"}, {"flag", "1", "\x1b[31m"}, {"read", "\x1b[31m"}, {"-a", "\x1b[31m@x.example", "list"},
		{"write", "--to", "\x1b[31m", "--body", "x"}, {"draft", "send", "\x1b[31m"}, {"setup", "x\x1b[31m"}, {"search", "since:\x1b[31m"},
	} {
		screen, _ := u.atTerminal(t, args...)
		if i := strings.IndexFunc(screen, func(r rune) bool {
			return r < ' ' && !strings.ContainsRune("\t\r\n", r) || r >= 0x7f && r < 0xa0 || r == '\u202e'
		}); i >= 0 || screen == "" {
			t.Errorf("%q shows %q", args, screen)
		}
	}
}

// TestTraceIdle speaks IMAP by hand and sees a letter arrive while it types nothing.
func TestTraceIdle(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, _, _ := l.people()
	cmd := exec.CommandContext(t.Context(), binary, "trace", "imap", l.Servers[0].At("imap"), "--starttls", "--ca", l.CA)
	keys, err := cmd.StdinPipe()
	must(t, err)
	out := new(outside.Log)
	cmd.Stdout, cmd.Stderr = out, out
	must(t, cmd.Start())
	sees := func(text string) {
		t.Helper()
		eventually(t, text, testTime, func() bool { return strings.Contains(out.String(), text) })
	}
	fmt.Fprintf(keys, "LOGIN %s %s\nSELECT INBOX\nIDLE\n", binh.Address, binh.Password)
	sees("Server : + ")
	l.hand(t, an, binh, "Subject: news\r\n\r\nx\r\n")
	sees("Server : * 1 EXISTS")
	fmt.Fprint(keys, "DONE\nUID FETCH 1 FLAGS\nLOGOUT\n")
	if code := exitCode(t, cmd.Wait()); code != 0 {
		t.Errorf("exit %d", code)
	}
	has(t, "trace", out.String(), "Client : DONE\n", "UID FETCH 1 FLAGS\nServer : * 1 FETCH (", "Server : * BYE")
	hasNot(t, "trace", out.String(), binh.Password)
}
