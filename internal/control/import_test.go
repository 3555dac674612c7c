package control

import (
	"fmt"
	"strings"
	"testing"

	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

func TestImport(t *testing.T) {
	t.Parallel()
	s := service(t)
	ctx := t.Context()
	for _, d := range []string{"hanoi.example", "saigon.example"} {
		if err := s.Directory.AddDomain(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	log := serve(t, s, dir)
	const file = "\ufeffaddress,password,name,quota\r\n" +
		"linh@hanoi.example," + secret + ",\"Nguyễn, Linh\",500M\r\n\r\n" +
		"minh@hanoi.example," + secret + "\r\n" +
		"lan@saigon.example," + secret + ",,\r\n"
	var last [2]int
	var resp Imported
	err := Do(ctx, dir, neverOpen, Call{
		Verb: "account.import", Request: AccountImport{[]byte(file)}, Response: &resp,
		Progress: func(done, total int) { last = [2]int{done, total} },
	})
	if err != nil || resp.Added != 3 || resp.Bad != nil {
		t.Fatalf("%+v, %v", resp, err)
	}
	if last != [2]int{3, 3} {
		t.Errorf("progress ended with %v", last)
	}
	if q, err := s.Mail.Account(kv.FirstAccount).Quota(ctx); err != nil || q.BytesLimit != 500<<20 {
		t.Errorf("the quota of the first is %+v, %v", q, err)
	}
	all, err := s.ListAccounts(ctx, AccountList{Domain: "Hanoi.example"})
	if err != nil || len(all.Accounts) != 2 || all.Accounts[0].Name != "Nguyễn, Linh" {
		t.Errorf("%+v, %v", all, err)
	}
	if p, err := s.Directory.VerifyPassword(ctx, "lan@saigon.example", secret); err != nil || p != "lan@saigon.example" {
		t.Errorf("login: %q, %v", p, err)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log has a password:\n%s", log)
	}
}

// Every bad line is told with its number, nothing is changed, and no password is shown.
func TestImportTellsEveryBadLine(t *testing.T) {
	t.Parallel()
	s := service(t)
	if err := s.Directory.AddDomain(t.Context(), "hanoi.example"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, want string }{
		{"good and bad", "a@hanoi.example,P\n" + // 1
			"P,b@hanoi.example\n" + // 2: swapped
			"c@hanoi.example\n" + // 3
			"A@hanoi.example,P\n" + // 4: as line 1
			"d@hue.example,P\n" + // 5
			"e@hanoi.example,P,Name,P\n" + // 6
			"f@hanoi.example,\n" + // 7
			"g@hanoi.example,P,N,1G,P\n" + // 8
			"h@hanoi.example,P\xff\n" + // 9
			"i@hanoi.example,P,\"two\nlines\"\n" + // 10, 11
			",P\n" + // 12
			"j@hanoi.example,P\x01\n" + // 13
			"k@hanoi.example,P🔥\n", // 14
			"2 address,3 password,4 line 1,5 tem domain add hue.example,6 quota,7 empty,8 columns,9 UTF-8,10 control,12 address,13 character,14 emoji"},
		{"a broken quote ends it", "a@hanoi.example,P\"P\nno\n", `1 bare`},
		{"an open quote", "a@hanoi.example,\"P\nno\n", `2 extraneous`},
		{"nobody", "", "0 no accounts"},
		{"only a header", "address,password\n", "0 no accounts"},
		{"another order", "password,address\nP,a@hanoi.example\n,x@hanoi.example\n", "3 empty"},
		{"an unknown column", "address,password,phone\nx,y\n", "1 header"},
		{"a column twice", "address,password,address\n", "1 header"},
		{"no password column", "address,name\n", "1 header"},
	} {
		got, err := s.Import(t.Context(), AccountImport{[]byte(strings.ReplaceAll(c.file, "P", secret))}, nowhere())
		if err != nil || got.Added != 0 {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		expectBad(t, c.name, got.Bad, strings.Split(c.want, ","))
	}
	if all, err := s.Directory.Accounts(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("accounts after bad imports: %v, %v", all, err)
	}
}

// expectBad compares bad lines with wants such as "3 password": a number and a word.
func expectBad(t *testing.T, name string, bad []BadLine, want []string) {
	t.Helper()
	if len(bad) != len(want) {
		t.Errorf("%s: %+v, want %q", name, bad, want)
		return
	}
	for i, b := range bad {
		number, word, _ := strings.Cut(want[i], " ")
		if fmt.Sprint(b.Line) != number || !strings.Contains(b.Why, word) {
			t.Errorf("%s: line %d: %s; want %q", name, b.Line, b.Why, want[i])
		}
		if strings.Contains(b.Why, secret) {
			t.Errorf("%s: line %d shows the password: %s", name, b.Line, b.Why)
		}
	}
}

func TestImportIsBounded(t *testing.T) {
	t.Parallel()
	s := service(t)
	if _, err := s.Import(t.Context(), AccountImport{make([]byte, MaxImport+1)}, nowhere()); err == nil {
		t.Error("a file that is too large was taken")
	}
	got, err := s.Import(t.Context(), AccountImport{[]byte(strings.Repeat("bad\n", maxBadLines+5))}, nowhere())
	if err != nil || len(got.Bad) != maxBadLines || got.More != 5 {
		t.Errorf("%d bad lines and %d more, %v", len(got.Bad), got.More, err)
	}
}

func FuzzImportFile(f *testing.F) {
	f.Add([]byte("address,password\na@hanoi.example,secret\n"))
	f.Add([]byte("\ufeffpassword,quota,address\nsecret,1G,a@hanoi.example\n"))
	f.Add([]byte("a@hanoi.example,secret,\"Nguyễn\nLinh\",500M\n\"\n"))
	f.Add([]byte("\xff,\x00,,,,\n"))
	e := memory.New()
	d, err := directory.Open(f.Context(), directory.Options{KV: e})
	if err != nil {
		f.Fatal(err)
	}
	if err := d.AddDomain(f.Context(), "hanoi.example"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := importFile{service: &Service{Directory: d}, lines: map[string]int{}, order: defaultOrder()}
		if err := file.read(t.Context(), data); err != nil {
			t.Fatal(err)
		}
		if len(file.people) == 0 && len(file.result.Bad) == 0 {
			t.Error("nobody, and no word why")
		}
		if file.result.Bad != nil {
			return
		}
		for _, p := range file.people { // what passed the check can be added
			if p.Address.Domain != "hanoi.example" || p.Password == "" || p.Quota < 0 {
				t.Errorf("took %q with quota %d", p.Address, p.Quota)
			}
		}
	})
}
