package imapserver

import (
	"slices"
	"strings"
	"testing"
)

// Searches over many mailboxes that came together are answered in any order,
// each with its tag (RFC 7377 §3); the selected mailbox stays as the client knows it.
func TestManyMailboxesSideBySide(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	a, b := selectedPeer(t, s), selectedPeer(t, s)
	b.do("COPY 1:3 Archive")
	b.do(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	b.do("EXPUNGE")
	a.send("t1 ESEARCH IN (selected mailboxes Archive) RETURN (COUNT) BODY Joe\r\nt2 ESEARCH IN (personal) 1\r\nt3 SEARCH RETURN (COUNT) ALL\r\nt4 SORT RETURN (ALL) (SUBJECT) UTF-8 ALL\r\n")
	lines := a.untilAll("t1 OK", "t2 OK", "t3 OK", "t4 OK")
	for _, want := range []string{`* ESEARCH (TAG "t1" MAILBOX INBOX UIDVALIDITY `, `* ESEARCH (TAG "t1" MAILBOX Archive UIDVALIDITY `,
		`* ESEARCH (TAG "t2" MAILBOX Archive UIDVALIDITY `, `* ESEARCH (TAG "t3") COUNT 2`, `* ESEARCH (TAG "t4") ALL 2:3`} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, want) }) {
			t.Errorf("no %s in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	// Number 1 of INBOX is gone, though it is not told yet by what is answered here.
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, `* ESEARCH (TAG "t2" MAILBOX INBOX`) }) {
		t.Error(strings.Join(lines, "\n"))
	}
}
