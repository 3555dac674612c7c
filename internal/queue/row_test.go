package queue

import (
	"reflect"
	"testing"
	"time"

	"tem/internal/blob"
)

func TestRowRoundTrip(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 5).UTC()
	j := Job{
		ID: "A-1", Body: blob.ID{1, 2, 3}, Skip: 14, Size: 99, ReturnPath: "tâm@hanoi.example", Domain: "saigon.example",
		Recipients: []Recipient{{Address: "a@saigon.example", Original: "b@hanoi.example", Status: never, Done: true, Reported: true}},
		UTF8:       true, EightBit: true, Created: now, Expires: now.Add(time.Hour), Next: now, Attempts: 3, Warned: true, Last: "x",
	}
	s, err := decode(j.encode())
	if err != nil || !reflect.DeepEqual(s.Job, j) {
		t.Errorf("%+v, %v; want %+v", s.Job, err, j)
	}
	h, ok := parseTimeKey(timeKey(now, "A-1"))
	if !ok || h.id != "A-1" || !h.next.Equal(now.Truncate(time.Millisecond)) {
		t.Errorf("time key: %v %v", h, ok)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add((&Job{ID: "A-1", Recipients: []Recipient{{Address: "a@b", Status: later}}}).encode())
	f.Add([]byte(`{"Version":2}`))
	f.Add([]byte(`{"Version":1,"Body":"?"}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, val []byte) {
		s, err := decode(val)
		if err != nil {
			return
		}
		again, err := decode(s.Job.encode())
		if err != nil || !reflect.DeepEqual(again.Job, s.Job) {
			t.Errorf("%+v became %+v, %v", s.Job, again.Job, err)
		}
	})
}
