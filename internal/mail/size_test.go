package mail

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestLetters(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	texts := []string{
		"Subject: x\r\n\r\nended\r\n", "Subject: x\r\n\r\nnot ended", "Subject: x\r\n\r\nbare\n", "Subject: thư\r\n\r\nx\r\n", "x",
		"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: thư\r\n\r\nx\r\n--b--\r\n",
		"Subject: x\r\n\r\nthư\r\n" + strings.Repeat("large\r\n", 30000),
	}
	shapes := []Shape{0, ShapeUnended, ShapeUnended, ShapeUTF8, ShapeUnended, ShapeUTF8, 0}
	for _, text := range texts {
		deliver(t, s, text, Target{Account: alice})
	}
	a := s.Account(alice)
	inbox, err := a.Mailbox(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	var list []Sized
	box, err := a.Sizes(t.Context(), inbox.ID, 2, func(box *Mailbox, l Sized) { list = append(list, l) })
	if err != nil || box.Messages != 7 || len(list) != 6 {
		t.Fatalf("%d letters of %+v, %v", len(list), box, err)
	}
	for _, l := range list {
		want := texts[l.UID-1]
		if l.Size != int64(len(want)) || l.Shape != shapes[l.UID-1]|ShapeKnown|ShapeFields {
			t.Errorf("%q is %+v", want[:min(len(want), 40)], l)
		}
		text, large, err := a.Text(t.Context(), inbox.ID, l.UID, []byte("before "))
		if err == nil && large != nil {
			var rest []byte
			rest, err = io.ReadAll(io.NewSectionReader(large, 0, large.Size()))
			text = append(text, rest...)
			large.Close()
		}
		if err != nil || string(text) != "before "+want {
			t.Errorf("%d: read %d octets, %v", l.UID, len(text), err)
		}
	}
	var missing *Error
	if _, _, err := a.Text(t.Context(), inbox.ID, 99, nil); !errors.As(err, &missing) || missing.Kind != NotFound {
		t.Errorf("a message that is not there: %v", err)
	}
}
