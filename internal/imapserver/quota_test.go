package imapserver

import "testing"

// TestQuotaRoots: an account's own root and that of its domain, in the units of
// RFC 9208 §5.1; what does not fit is refused.
func TestQuotaRoots(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	_, id := mailOf(t, s, "a")
	if err := s.o.Mail.SetQuota(t.Context(), id, 10<<10, 4); err != nil {
		t.Fatal(err)
	}
	if err := s.o.Mail.SetPool(t.Context(), "x.example", 5<<20, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.o.Mail.Join(t.Context(), id, "x.example"); err != nil {
		t.Fatal(err)
	}
	a := as(t, s, "a")
	const own, pool = "* QUOTA a@x.example (STORAGE 1 10 MESSAGE 3 4)", "* QUOTA x.example (STORAGE 1 5120)"
	a.want("GETQUOTAROOT inbox", "* QUOTAROOT INBOX a@x.example x.example", own, pool, "x OK")
	a.want("GETQUOTA a@x.example", own, "x OK")
	a.want("GETQUOTA x.example", pool, "x OK")
	a.want("GETQUOTA y.example", "x NO [NONEXISTENT]")
	a.do("SELECT INBOX")
	a.want("COPY 1:3 Archive", "x OK [COPYUID") // an email counts once
	a.want("APPEND INBOX {3+}\r\nabc", "* 4 EXISTS", "* 4 RECENT", "x OK")
	a.want("APPEND INBOX {3+}\r\nabc", "x NO [OVERQUOTA]")
}
