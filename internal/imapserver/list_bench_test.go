package imapserver

import (
	"fmt"
	"testing"
)

// BenchmarkList lists 1,000 mailboxes, alone and with what LIST can tell of each.
func BenchmarkList(b *testing.B) {
	s := newServer(b, 0)
	account := accountOf(b, s)
	for n := range 1000 {
		if _, err := account.Create(b.Context(), fmt.Sprintf("box %d/%d", n/100, n), ""); err != nil {
			b.Fatal(err)
		}
	}
	c := listen(b, s)
	for _, command := range []string{`LIST "" *`, `LIST "" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)`,
		`LIST (SUBSCRIBED RECURSIVEMATCH) "" %`, `LIST "" * RETURN (MYRIGHTS STATUS (MESSAGES UNSEEN UIDNEXT))`, `LIST "" * RETURN (METADATA (/shared/comment))`} {
		b.Run(command, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do(command)
			}
		})
	}
}
