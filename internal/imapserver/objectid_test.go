package imapserver

import (
	"testing"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/mail"
)

// Of two accounts' objects with the same number none is taken for the other.
func TestObjectIDs(t *testing.T) {
	t.Parallel()
	mine, other := place{owner: 1 << 16, box: mail.Mailbox{ID: 7}}, place{owner: 1<<16 + 1, box: mail.Mailbox{ID: 7}}
	if a, b := mine.mailboxID(), other.mailboxID(); a != "MAILBOXID (M281474976710663)" || b != "MAILBOXID (M281479271677959)" {
		t.Errorf("%s and %s", a, b)
	}
	id := string(mine.appendObjectID(nil, 'E', 1<<32-1))
	if id != "(E281479271677951)" {
		t.Error(id)
	}
	id = id[1 : len(id)-1]
	if n, known := mine.emailOf(id); !known || n != 1<<32-1 {
		t.Errorf("read as %d, %v", n, known)
	}
	if n, known := other.emailOf(id); known {
		t.Errorf("another's email is %d", n)
	}
	for _, id := range []string{"", "E", "281479271677951", "T281479271677951", "E0281479271677951", "E+281479271677951", "E99999999999999999999"} {
		if n, known := mine.emailOf(id); known {
			t.Errorf("%q is %d", id, n)
		}
	}
}

func TestSaveDateIsNotKnown(t *testing.T) {
	t.Parallel()
	if got := string(appendSaveDate(nil, mail.Item{})); got != "NIL" {
		t.Error(got)
	}
	if got := string(appendSaveDate(nil, mail.Item{Saved: 1420134653})); got != `" 1-Jan-2015 17:50:53 +0000"` {
		t.Error(got)
	}
}

// What is told of a message beside a body that lies by itself.
func TestPreviewBesideLargeBody(t *testing.T) {
	t.Parallel()
	p := selectedPeer(t, newServerOn(t, 2, mail.Options{Blobs: blobmemory.New(), InlineMax: 1}))
	p.want("FETCH 1:2 (PREVIEW EMAILID X-GM-LABELS BODY.PEEK[TEXT]<0.5>)",
		`* 1 FETCH (PREVIEW "Hello Joe, do you think we can meet?" EMAILID (E281474976710657) X-GM-LABELS () BODY[TEXT]<0> {5}`, "Hello)",
		`* 2 FETCH (PREVIEW "Hello Joe, do you think we can meet?" EMAILID (E281474976710658) X-GM-LABELS () BODY[TEXT]<0> {5}`, "Hello)", "x OK")
}
