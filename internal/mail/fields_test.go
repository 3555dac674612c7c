package mail

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tem/internal/kv"
	"tem/internal/message"
)

// picked is what Fields.Append must give: fields of a header by name.
func picked(header []byte, names []string) (fields []byte) {
	for name, raw := range message.Header(header).RawFields {
		if slices.ContainsFunc(names, func(n string) bool { return bytes.EqualFold([]byte(n), name) }) {
			fields = append(fields, raw...)
		}
	}
	return append(fields, "\r\n"...)
}

// sameFields compares a row of fields with the header that it was made of, and
// returns whether the names are answered for.
func sameFields(t testing.TB, row, header []byte, names []string) bool {
	t.Helper()
	if row == nil {
		return false
	}
	got, known, err := Fields{row}.Append([]byte("before "), NewFieldSet(names))
	switch {
	case err != nil:
		t.Fatalf("%q: %v", row, err)
	case !known && string(got) != "before ":
		t.Errorf("not known, and yet %q", got)
	case known && string(got) != "before "+string(picked(header, names)):
		t.Errorf("%q of %q: %q", names, header, got)
	}
	return known
}

func TestFields(t *testing.T) {
	t.Parallel()
	const usual = "From: a@x\r\nReceived: by y;\r\n\tnow\r\nsubject: s\r\nTO:b@x\r\nTo: c@x,\r\n d@x\r\nX-Own: 1\r\nDate : d\r\nno field\r\nCc: \r\n\r\n"
	long := "To: " + strings.Repeat("someone@example.org,\r\n ", 100) + "last@example.org\r\n"
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "X-%d: v\r\n", i)
	}
	for _, c := range []struct {
		header, names string
		known         bool
	}{
		{usual, "FROM to", true},
		{usual, "Subject Date Cc Bcc", true},
		{usual, "X-TUID X-None", true},
		{usual, "received", false},
		{usual, "From x-own", false},
		{usual, "", true},
		{"Subject: bare\nFrom: a\nTo: b\r\n\n", "From Subject To", true},
		{"Subject: cut", "subject", true},
		{long + usual, "From Subject", true},
		{long + usual, "To", false},
		{strings.Repeat("From: me\r\n", 500), "From", false},
		{strings.Repeat("From: me\r\n", 500), "To", true},
		{many.String() + usual, "From", false},
		{"", "From", true},
		{"\r\n", "From", true},
	} {
		row := keepFields([]byte(c.header))
		if known := sameFields(t, row, []byte(c.header), strings.Fields(c.names)); known != c.known {
			t.Errorf("%.60q, %q: known %v", c.header, c.names, known)
		}
		if len(row) > 2000 {
			t.Errorf("%.60q: a row of %d octets", c.header, len(row))
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte("From: a\r\nX: y\r\nfrom:b\n c\r\n\r\n"), "From X")
	f.Add([]byte{1, 0, 0, 5, 1, 's', 0x81, 3, 'F', ':', '\n'}, "Subject")
	f.Fuzz(func(t *testing.T, header []byte, names string) {
		sameFields(t, keepFields(header), header, strings.Fields(names))
		dst, known, err := Fields{header}.Append(nil, NewFieldSet(strings.Fields(names)))
		if known && err != nil || !known && len(dst) > 0 {
			t.Errorf("%q, %v, %v", dst, known, err)
		}
	})
}

// TestFieldNumbers: rows hold the numbers, so none may change.
func TestFieldNumbers(t *testing.T) {
	t.Parallel()
	if keptNames[1] != "From" || keptNames[12] != "Content-Type" || keptNames[43] != "X-TUID" || keptNames[46] != "Resent-Date" || len(keptNames) > 64 {
		t.Errorf("%q", keptNames)
	}
}

// fieldsIn is what is kept for each message of a mailbox of "Subject X-Own", by
// UID; brief and not must agree.
func fieldsIn(t testing.TB, a *Account, name string) map[UID]string {
	t.Helper()
	box, items := listed(t, a, name)
	names := NewFieldSet([]string{"subject"})
	read := func(brief bool) map[UID]string {
		all := make(map[UID]string)
		err := a.FetchFields(t.Context(), box.ID, uidsOf(items), brief, func(m *Meta, f Fields) (bool, error) {
			text, known, err := f.Append(nil, names)
			if all[m.UID] = fmt.Sprintf("%d %s", m.Size, text); !known || m.Received.IsZero() {
				t.Errorf("uid %d: %v, %v", m.UID, known, m.Received)
			}
			return true, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := read(true)
	if other := read(false); fmt.Sprint(all) != fmt.Sprint(other) {
		t.Errorf("%s: %v with all metadata, %v without", name, other, all)
	}
	return all
}

// TestFieldsFollow: what is kept of a header goes where the message goes.
func TestFieldsFollow(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	s.Keep = month
	a := s.Account(alice)
	for i := range 3 {
		deliver(t, s, fmt.Sprintf("Subject: no. %d\r\n\r\ntext\r\n", i), Target{Account: alice})
	}
	in, _ := listed(t, a, inbox)
	want := func(name string, uid UID, n int) {
		t.Helper()
		if got, want := fieldsIn(t, a, name)[uid], fmt.Sprintf("24 Subject: no. %d\r\n\r\n", n); got != want {
			t.Errorf("%s, uid %d: %q, want %q", name, uid, got, want)
		}
	}
	want(inbox, 2, 1)
	must[Copied](t)(a.Copy(t.Context(), in.ID, []UID{1, 3}, "Archive"))
	want("Archive", 1, 0)
	want("Archive", 2, 2)
	must[Copied](t)(a.Move(t.Context(), in.ID, []UID{2}, "Sent"))
	want("Sent", 1, 1)
	trash, _ := listed(t, a, "Trash")
	must[[]UID](t)(a.Label(t.Context(), in.ID, []UID{3, 1}, AddFlags, []MailboxID{trash.ID}))
	want("Trash", 1, 0)
	want("Trash", 2, 2)
	sent, _ := listed(t, a, "Sent")
	must[[]UID](t)(a.Remove(t.Context(), sent.ID, []UID{1}))
	if left := fieldsIn(t, a, "Sent"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	kept := must[[]Buried](t)(a.Vault(t.Context()))
	must[[]Placed](t)(a.Restore(t.Context(), []EmailID{kept[0].Email}))
	want("Sent", 2, 1)
	if found, _ := checked(t, s, false); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// TestFieldsOfOthers: messages without such rows are left out, and the reading
// ends when no more is wanted.
func TestFieldsOfOthers(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	for i := range 100 {
		deliver(t, s, fmt.Sprintf("Subject: no. %d\r\n\r\ntext\r\n", i), Target{Account: alice})
	}
	s = past(t, s, func(b *kv.Batch) { b.Delete(alice, messageKey(keyFields, 1, 2)) })
	for _, brief := range []bool{true, false} {
		for _, shared := range []bool{true, false} {
			s.Shared = shared
			var got []UID
			uids := make([]UID, 100)
			for i := range uids {
				uids[i] = UID(i + 1)
			}
			err := s.Account(alice).FetchFields(t.Context(), 1, uids, brief, func(m *Meta, _ Fields) (bool, error) {
				got = append(got, m.UID)
				return len(got) < 3, nil
			})
			if err != nil || !slices.Equal(got, []UID{1, 3, 4}) {
				t.Errorf("brief %v, shared %v: %v, %v", brief, shared, got, err)
			}
		}
	}
}

// TestLargeRowsApart: on a shared engine large rows are read some at a time, all of them once.
func TestLargeRowsApart(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	text := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n", 5_000) + "--b--\r\n"
	var want []UID
	for i := range 20 {
		deliver(t, s, text, Target{Account: alice})
		if i != 7 {
			want = append(want, UID(i+1))
		}
	}
	s.Shared = true
	var got []UID
	octets := 0
	err := s.Account(alice).Fetch(t.Context(), 1, want, func(m *Meta) error {
		got = append(got, m.UID)
		octets += len(m.Structure)
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if octets < 1<<20 {
		t.Errorf("the rows are only %d octets, which does not try it", octets)
	}
}

// TestCheckFields: a check finds what is kept of a header wrong, and mends it.
func TestCheckFields(t *testing.T) {
	t.Parallel()
	for _, row := range [][]byte{nil, {1}, []byte("\x19\x00\x00\x00\x05\x03abc")} {
		s := testStore(t)
		deliver(t, s, "Subject: it\r\n\r\ntext here\r\n", Target{Account: alice})
		s = past(t, s, func(b *kv.Batch) {
			if b.Delete(alice, messageKey(keyFields, 1, 1)); row != nil {
				b.Set(alice, messageKey(keyFields, 1, 1), row)
			}
		})
		if found, _ := checked(t, s, false); len(found) == 0 {
			t.Errorf("nobody minds %q", row)
		}
		mended(t, s, fmt.Sprintf("%q", row))
		if got := fieldsIn(t, s.Account(alice), inbox)[1]; !strings.HasSuffix(got, "Subject: it\r\n\r\n") {
			t.Errorf("after %q: %q", row, got)
		}
	}
}
