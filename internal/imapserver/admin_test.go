package imapserver

import (
	"strings"
	"testing"
)

// TestAdministratorNoMore: who was an administrator at login and is none any more
// sets nothing and sees no more than others do.
func TestAdministratorNoMore(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 1)
	d := as(t, s, "d")
	d.want("SETQUOTA a@x.example (MESSAGE 5)", "* QUOTA a@x.example (MESSAGE 1 5)", "x OK")
	d.want(`SETMETADATA "" (/shared/comment "x")`, "x OK")
	setAdmin(t, s, "d", false)
	d.want("GETQUOTA a@x.example", "x NO [NONEXISTENT]")
	d.want("SETQUOTA a@x.example ()", "x NO [NOPERM]")
	d.want(`SETMETADATA "" (/shared/comment NIL)`, "x NO [NOPERM]")
	d.want(`GETMETADATA "" /shared/comment`, `* METADATA "" (/shared/comment "x")`, "x OK")
}

// TestQuotaSetIsForAdministrators: QUOTASET is said to nobody else, and to nobody
// where quotas are not set over IMAP.
func TestQuotaSetIsForAdministrators(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 0)
	says := func(local string) bool {
		return strings.Contains(as(t, s, local).do("CAPABILITY")[0]+" ", " QUOTASET ")
	}
	if !says("d") || says("a") {
		t.Errorf("QUOTASET is said to d: %v, to a: %v", says("d"), says("a"))
	}
	s.o.SetQuota = nil
	if says("d") {
		t.Error("QUOTASET is said though there is no way to set quotas")
	}
	as(t, s, "d").want("SETQUOTA a@x.example ()", "x NO [NOPERM]")
}

// TestNotifyServerMetadata: everybody who wants to is told of what an administrator
// sets for all, except that administrator (RFC 5465 §5.7).
func TestNotifyServerMetadata(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 0)
	d := as(t, s, "d")
	d.want(`SETMETADATA "" (/shared/comment "old")`, "x OK")
	a := watching(t, s, "SET (personal (ServerMetadataChange))")
	d.want("NOTIFY SET (personal (ServerMetadataChange))", "x OK")
	d.want(`SETMETADATA "" (/shared/comment "new" /shared/admin "mailto:d@x.example")`, "x OK")
	a.hears(`* METADATA "" /shared/comment /shared/admin`)
	d.want(`SETMETADATA "" (/shared/comment NIL)`, "x OK")
	a.hears(`* METADATA "" /shared/comment`)
	d.want("NOOP", "x OK")
	a.want(`SETMETADATA "" (/private/comment "mine")`, "x OK")
	a.want("NOOP", "x OK")
}
