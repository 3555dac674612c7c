package imap

import (
	"context"
	"strconv"
)

// The commands of RFC 9208.
type (
	GetQuota     struct{ Root string }
	GetQuotaRoot struct{ Mailbox string }
	SetQuota     struct {
		Root   string
		Limits []QuotaLimit
	}
)

// QuotaLimit is how much of a resource there may be. Resource is in capitals:
// STORAGE (in units of 1024 octets), MESSAGE, MAILBOX, ANNOTATION-STORAGE or
// one that is not known (RFC 9208 §5).
type QuotaLimit struct {
	Resource string
	Limit    int64
}

// QuotaUse is a limit with what is used of it.
type QuotaUse struct {
	QuotaLimit
	Used int64
}

// QuotaHandler runs the commands about quotas.
type QuotaHandler interface {
	GetQuota(context.Context, *GetQuota) error
	GetQuotaRoot(context.Context, *GetQuotaRoot) error
	SetQuota(context.Context, *SetQuota) error
}

func quotaRows() []Row {
	return []Row{
		row("GETQUOTA", LoggedIn, 0, parseGetQuota, Handler.GetQuota),
		row("GETQUOTAROOT", LoggedIn, 0, func(d *decoder) *GetQuotaRoot { return &GetQuotaRoot{d.oneMailbox()} }, Handler.GetQuotaRoot),
		row("SETQUOTA", LoggedIn, 0, parseSetQuota, Handler.SetQuota),
	}
}

func parseGetQuota(d *decoder) *GetQuota {
	d.sp()
	return &GetQuota{d.astring()}
}

func parseSetQuota(d *decoder) *SetQuota {
	d.sp()
	c := &SetQuota{Root: d.astring()}
	d.sp()
	d.list(func() {
		l := QuotaLimit{Resource: d.word()}
		d.sp()
		l.Limit = d.number64()
		c.Limits = append(c.Limits, l)
	})
	return c
}

// AppendQuota writes a QUOTA response without "* " (RFC 9208 §4.2.1).
func AppendQuota(dst []byte, root string, uses []QuotaUse) []byte {
	dst = AppendAString(append(dst, "QUOTA "...), root)
	dst = append(dst, " ("...)
	for i, u := range uses {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, u.Resource...), ' ')
		dst = append(strconv.AppendInt(dst, u.Used, 10), ' ')
		dst = strconv.AppendInt(dst, u.Limit, 10)
	}
	return append(dst, ')')
}

// AppendQuotaRoot writes a QUOTAROOT response without "* " (RFC 9208 §4.2.2).
func AppendQuotaRoot(dst []byte, mailbox string, roots []string, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "QUOTAROOT "...), mailbox, utf8)
	for _, r := range roots {
		dst = AppendAString(append(dst, ' '), r)
	}
	return dst
}
