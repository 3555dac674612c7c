package mail

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

func TestMetaRow(t *testing.T) {
	t.Parallel()
	want := Meta{
		UID: 7, Email: 1 << 40, Thread: 3, Size: 12345, Received: time.Unix(1e9, 0).UTC(), Sent: time.Time{},
		Envelope: []byte("env"), Structure: []byte("struct"), BasicBody: []byte("basic"), Parts: []byte{1, 2}, Preview: "Xin chào",
		Attached: true, hashes: []uint64{1, 1 << 63}, subject: 9,
	}
	want.Body[3] = 4
	var got Meta
	if err := got.decode(7, want.append(nil)); err != nil {
		t.Fatal(err)
	}
	if !got.Sent.IsZero() || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	at := time.Date(2026, 3, 1, 23, 0, 0, 0, time.FixedZone("", -5*3600))
	d := decoder{b: appendTime(nil, at)}
	if back := d.time(); !back.Equal(at) || day(back) != day(at) {
		t.Errorf("time %v, want %v", back, at)
	}
}

func TestLogRow(t *testing.T) {
	t.Parallel()
	row := appendLog(nil, map[MailboxID]*logEntry{
		2: {changed: []UID{5, 1, 2, 3, 3, 9}},
		1: {changed: []UID{1}, gone: []UID{1<<32 - 1, 7}},
		3: {},
	})
	var changed, gone []UID
	collect := func(c, g []UIDRange) { changed, gone = appendUIDs(nil, c), appendUIDs(nil, g) }
	if err := readLog(row, 2, collect); err != nil || !reflect.DeepEqual(changed, []UID{1, 2, 3, 5, 9}) || gone != nil {
		t.Errorf("mailbox 2: %v %v %v", changed, gone, err)
	}
	if err := readLog(row, 1, collect); err != nil || !reflect.DeepEqual(gone, []UID{7, 1<<32 - 1}) {
		t.Errorf("mailbox 1: %v %v %v", changed, gone, err)
	}
}

// FuzzRows: what can be read is written the same way again.
func FuzzRows(f *testing.F) {
	box := Mailbox{Name: "INBOX", UIDNext: 300, Keywords: []string{"a", "b"}}
	f.Add(box.append(nil))
	f.Add((&Meta{Size: 1, Preview: "x", hashes: []uint64{1}}).append(nil))
	f.Add(appendLog(nil, map[MailboxID]*logEntry{1: {changed: []UID{1, 2, 4}, gone: []UID{3}}}))
	f.Add((&state{modseq: 5}).append(nil))
	f.Fuzz(func(t *testing.T, row []byte) {
		var m Meta
		if err := m.decode(1, row); err == nil {
			var again Meta
			if err := again.decode(1, m.append(nil)); err != nil || !bytes.Equal(again.append(nil), m.append(nil)) {
				t.Errorf("meta: %+v became %+v, %v", m, again, err)
			}
		}
		if b, err := decodeMailbox(mailboxKey(1), row); err == nil {
			again, err := decodeMailbox(mailboxKey(1), b.append(nil))
			if err != nil || !reflect.DeepEqual(again, b) {
				t.Errorf("mailbox: %+v became %+v, %v", b, again, err)
			}
		}
		if s, err := decodeState(row); err == nil {
			if again, err := decodeState(s.append(nil)); err != nil || again != s {
				t.Errorf("state: %+v became %+v, %v", s, again, err)
			}
		}
		readLog(row, 1, func(_, _ []UIDRange) {})
	})
}
