package mail

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestMetaRow(t *testing.T) {
	t.Parallel()
	want := Meta{
		UID: 7, Email: 1 << 40, Thread: 3, Size: 12345, Received: time.Unix(1e9, 0).UTC(), Sent: time.Time{},
		Envelope: []byte("env"), Structure: []byte("struct"), BasicBody: []byte("basic"), Parts: []byte{1, 2}, Preview: []byte("Xin chào"),
		Attached: true, Shape: ShapeKnown | ShapeUTF8, hashes: []uint64{1, 1 << 63}, subject: 9,
		links: links{known: true, named: true, refs: []uint64{2, 1 << 62}},
	}
	want.Body[3], want.SHA256[31] = 4, 5
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
	head := logHead{1_790_000_000, 12, 7}
	want := map[MailboxID]*logEntry{
		2: {changed: []UID{5, 1, 2, 3, 3, 9}},
		1: {changed: []UID{1}, gone: []tombstone{{1<<32 - 1, 3, 3}, {7, 1 << 40, 2}}, properties: true},
		3: {},
	}
	row := appendLog(nil, head, want)
	n := 0
	h, err := readLog(row, func(id MailboxID, properties bool, c []UIDRange, gone []tombstone) {
		n++
		w := want[id] // appendLog has sorted its lists
		if changed := appendUIDs(nil, c); !slices.Equal(changed, slices.Compact(slices.Clone(w.changed))) {
			t.Errorf("mailbox %d: changed %v, want %v", id, changed, w.changed)
		}
		if properties != w.properties || !slices.Equal(gone, w.gone) {
			t.Errorf("mailbox %d: %v %v, want %+v", id, properties, gone, w)
		}
	})
	if h != head || n != 3 || err != nil {
		t.Errorf("head %+v, %d mailboxes, %v", h, n, err)
	}
}

// FuzzRows: what can be read is written the same way again.
func FuzzRows(f *testing.F) {
	box := Mailbox{Name: "INBOX", UIDNext: 300, Keywords: []string{"a", "b"}}
	f.Add(box.append(nil))
	f.Add((&Meta{Size: 1, Preview: []byte("x"), hashes: []uint64{1}}).append(nil))
	f.Add((&Meta{SHA256: [32]byte{1}, links: newLinks("a@b", []string{"c@d", "e@f"}, nil)}).append(nil))
	f.Add(appendLog(nil, logHead{1, 2, 3}, map[MailboxID]*logEntry{1: {changed: []UID{1, 2, 4}, gone: []tombstone{{3, 1, 1}}}}))
	f.Add(Item{UID: 1, Saved: 2, Flags: 3, ModSeq: 4}.append(nil))
	f.Add((&state{modseq: 5}).append(nil))
	f.Add((&state{modseq: 5, layout: layoutNow, pool: "example.org", vault: Quota{Bytes: 3}}).append(nil))
	f.Add((&migration{step: 1, account: alice, next: []byte("m1")}).row())
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
		if i, err := decodeItem(1, row); err == nil {
			if again, err := decodeItem(1, i.append(nil)); err != nil || again != i {
				t.Errorf("item: %+v became %+v, %v", i, again, err)
			}
		}
		readLog(row, func(MailboxID, bool, []UIDRange, []tombstone) {})
		decodeBuried(vaultKey(time.Unix(1, 0), 1), row)
		if m, err := decodeMigration(row); err == nil {
			if again, err := decodeMigration(m.row()); err != nil || !reflect.DeepEqual(again, m) {
				t.Errorf("migration: %+v became %+v, %v", m, again, err)
			}
		}
	})
}
