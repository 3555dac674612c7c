package imapserver

import "testing"

// BenchmarkSearch looks for what the list of messages, and what only the store knows.
func BenchmarkSearch(b *testing.B) {
	c := listen(b, newServer(b, 50_000))
	c.do(`STORE 1:25000 +FLAGS.SILENT (\Seen)`)
	c.do("STORE 100:200 +FLAGS.SILENT ($Work)")
	for _, search := range []string{"SEARCH UNSEEN", "UID SEARCH ALL", "SEARCH RETURN (COUNT) UNSEEN", "UID SEARCH KEYWORD $Work",
		"SEARCH UID 20000:40000 UNDELETED", "UID SEARCH RETURN (ALL) LARGER 1", "UID SEARCH RETURN (COUNT) UID 40000:40100 SUBJECT afternoon",
		"UID SORT RETURN (PARTIAL 1:50) (REVERSE DATE) UTF-8 ALL", "UID SORT (SUBJECT) UTF-8 ALL"} {
		b.Run(search, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do(search)
			}
		})
	}
}
