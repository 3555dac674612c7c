package agent

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tem/internal/message"
	"tem/internal/wire/smtp"
)

// testEnv is an Env in a home of its own.
func testEnv(t *testing.T, in string) (*Env, *bytes.Buffer) {
	t.Helper()
	home := t.TempDir()
	out := new(bytes.Buffer)
	return &Env{
		In: strings.NewReader(in), Out: out, Err: io.Discard, Lang: "en",
		Getenv: func(name string) string {
			if name == "HOME" {
				return home
			}
			return ""
		},
		Now: func() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) },
	}, out
}

func TestTable(t *testing.T) {
	t.Parallel()
	tb := table{head: []string{"ID", "SUBJECT"}, wide: 1}
	tb.add("1", "Chào bạn, thư này dài")
	tb.add("22", "日本語の件名です")
	tb.add("3", "a\x1b[2Jb")
	var b strings.Builder
	if err := tb.write(&b, 16); err != nil {
		t.Fatal(err)
	}
	want := "ID  SUBJECT\n1   Chào bạn, t…\n22  日本語の件…\n3   a�[2Jb\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestCard(t *testing.T) {
	t.Parallel()
	h := message.Header("Authentication-Results: b; dkim=pass header.d=stu.example; spf=pass smtp.mailfrom=a@stu.example; dmarc=fail reason=\"p=none\"\r\n" +
		"Received: from a (a.example [192.0.2.7]) by b with ESMTPS (TLS1_3); Thu, 19 Nov 2020 16:00:25 +0700\r\n" +
		"Received: from c by a; Thu, 19 Nov 2020 16:00:03 +0700\r\n" +
		"Authentication-Results: b; dkim=pass header.d=forged.example\r\n" +
		"Message-ID: <1@stu.example>\r\nDate: Thu, 19 Nov 2020 16:00:00 +0700\r\n" +
		"From: Ho Tro <hotro@stu.example>\r\nTo: stu.all@stu.example\r\n" +
		"Subject: =?utf-8?q?Kh=E1=BA=A3o_s=C3=A1t?=\r\n\r\n")
	want := map[string]string{
		"vi": "ID thư:\t<1@stu.example>\nTạo lúc:\t16:00 19 tháng 11, 2020 (Đã gửi sau 25 giây)\nTừ:\tHo Tro <hotro@stu.example>\n" +
			"Tới:\tstu.all@stu.example\nChủ đề:\tKhảo sát\nSPF:\tPASS với IP 192.0.2.7, a@stu.example; khớp với From\n" +
			"DKIM:\t'PASS' với miền stu.example; khớp với From\nDMARC:\t'FAIL' (p=none)\nNguồn kết quả:\tb; bỏ qua 1 của nơi khác\n" +
			"Chặng 1:\tc → a; không mã hoá\nChặng 2:\ta → b; ESMTPS TLS1_3; +22 giây; chậm nhất\n",
		"en": "Message ID:\t<1@stu.example>\nCreated at:\t16:00, 19 November 2020 (Delivered after 25 seconds)\nFrom:\tHo Tro <hotro@stu.example>\n" +
			"To:\tstu.all@stu.example\nSubject:\tKhảo sát\nSPF:\tPASS with IP 192.0.2.7, a@stu.example; aligned with From\n" +
			"DKIM:\t'PASS' with domain stu.example; aligned with From\nDMARC:\t'FAIL' (p=none)\nResults by:\tb; 1 of others ignored\n" +
			"Hop 1:\tc → a; not encrypted\nHop 2:\ta → b; ESMTPS TLS1_3; +22 s; the slowest\n",
	}
	for lang, w := range want {
		var b strings.Builder
		if err := newCard(h).print(&b, lang); err != nil {
			t.Fatal(err)
		}
		if b.String() != w {
			t.Errorf("%s: got\n%s\nwant\n%s", lang, b.String(), w)
		}
	}
}

func TestTemplateRoundTrip(t *testing.T) {
	t.Parallel()
	l := Letter{
		From: "a@x", To: []string{`"Bình, Trần" <b@x>`}, Cc: []string{"c@x"}, Subject: "Chào", Attach: []string{"/tmp/Báo cáo.txt"},
		InReplyTo: []string{"1@x"}, References: []string{"0@x", "1@x"}, Body: "Dòng một\n\nDòng hai\n",
	}
	got, err := parseTemplate(template(l))
	if err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, l)
	}
	if _, err := parseTemplate("To: a@b\nnonsense\n\nx"); codeOf2(err) != Usage {
		t.Errorf("a line that is no header gave %v", err)
	}
}

func codeOf2(err error) int {
	if e, ok := err.(*Error); ok {
		return e.Code
	}
	return 0
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"7": "7:7", "1,3-5": "1:1,3:5", "@last": "", "2 @last": "2:2"} {
		set, last, err := parseIDs(strings.Fields(in))
		if err != nil || set != want || last != strings.Contains(in, "@last") {
			t.Errorf("parseIDs(%q) = %q, %v, %v", in, set, last, err)
		}
	}
	for _, bad := range []string{"0", "5-3", "x", "1:*", "-1", "99999999999"} {
		if _, _, err := parseIDs([]string{bad}); codeOf2(err) != Usage {
			t.Errorf("parseIDs(%q) = %v", bad, err)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	keys, err := parseQuery(`from:lan subject:"báo cáo" since:2026-11-01 unseen họp`)
	var got []string
	for _, k := range keys {
		got = append(got, reflect.ValueOf(k).String())
	}
	want := "FROM|lan|SUBJECT|báo cáo|SINCE|1-Nov-2026|UNSEEN|TEXT|họp"
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("got %v, %v", strings.Join(got, "|"), err)
	}
	for _, bad := range []string{"", "since:yesterday"} {
		if _, err := parseQuery(bad); codeOf2(err) != Usage {
			t.Errorf("parseQuery(%q) = %v", bad, err)
		}
	}
}

func TestSaveNeverOverwritesNorLeaves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var names []string
	for range 2 {
		f, err := createNew(dir, "../../etc/báo cáo.txt")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, filepath.Base(f.Name()))
		if filepath.Dir(f.Name()) != dir {
			t.Errorf("%s is outside of %s", f.Name(), dir)
		}
	}
	if names[0] == names[1] {
		t.Errorf("both are %s", names[0])
	}
}

func TestSetupKeepsTheSecretPrivate(t *testing.T) {
	t.Parallel()
	e, out := testEnv(t, "hunter2\n")
	if err := e.Setup(Setup{Address: "me@gmail.com", Store: "file"}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(e.configFile())
	if err != nil || strings.Contains(string(raw), "hunter2") || !strings.Contains(string(raw), "imap.gmail.com:993") {
		t.Errorf("%s, %v", raw, err)
	}
	for _, name := range []string{e.configFile(), e.secretFile("me@gmail.com")} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	a, err := e.account()
	if err != nil || a.SMTP.Host != "smtp.gmail.com:465" || !a.FilesSent {
		t.Fatalf("account = %+v, %v", a, err)
	}
	if s, err := e.password(t.Context(), a); s != "hunter2" || err != nil {
		t.Errorf("password = %q, %v", s, err)
	}
	if err := os.Chmod(e.secretFile("me@gmail.com"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := e.password(t.Context(), a); codeOf2(err) != AuthError {
		t.Errorf("a secret that others can read was used: %v", err)
	}
	if err := e.Accounts(); err != nil || !strings.Contains(out.String(), "me@gmail.com") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]int{421: Temporary, 450: Temporary, 535: AuthError, 530: AuthError, 550: Permanent, 554: Permanent} {
		if got := codeOf2(coded(&smtp.Reply{Code: code, Lines: []string{"x"}})); got != want {
			t.Errorf("%d gives %d, want %d", code, got, want)
		}
	}
}

func TestMbox(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "x.mbox")
	for range 2 {
		if err := appendMbox(name, strings.NewReader("A: b\r\n\r\nFrom me\r\n>From you\r\n"), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	one := "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nA: b\n\n>From me\n>>From you\n\n"
	if raw, err := os.ReadFile(name); err != nil || string(raw) != one+one {
		t.Errorf("%q, %v", raw, err)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("To: a@b\nSubject: x\n\nbody")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseTemplate(s)
		if err != nil {
			return
		}
		if _, err := parseTemplate(template(l)); err != nil {
			t.Errorf("%q: %v", template(l), err)
		}
	})
}
