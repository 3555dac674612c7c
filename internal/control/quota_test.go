package control

import (
	"testing"

	"tem/internal/address"
	"tem/internal/mail"
)

// TestSetQuota: all limits of an account or a domain are replaced, in the
// directory and the mail.
func TestSetQuota(t *testing.T) {
	t.Parallel()
	s := service(t)
	ctx := t.Context()
	must(t, s.Directory.AddDomain(ctx, "hue.example"))
	add(t, s, "an@hue.example")
	must(t, s.SetQuota(ctx, "an@hue.example", 2048, 5))
	must(t, s.SetQuota(ctx, "an@hue.example", 0, 7))
	acc, err := s.Directory.Account(ctx, address.Address{Local: "an", Domain: "hue.example"})
	if err != nil || acc.Quota != 0 || acc.Messages != 7 {
		t.Errorf("the account has %d and %d, %v", acc.Quota, acc.Messages, err)
	}
	must(t, s.SetQuota(ctx, "hue.example", 1<<20, 0))
	quotas, err := s.Mail.Account(acc.ID).Quotas(ctx)
	if err != nil || len(quotas) != 2 || quotas[0] != (mail.Quota{MessagesLimit: 7}) || quotas[1] != (mail.Quota{BytesLimit: 1 << 20}) {
		t.Errorf("the mail has %+v, %v", quotas, err)
	}
	wantKind(t, "nobody", s.SetQuota(ctx, "who@hue.example", 1, 1), NotFound)
	wantKind(t, "another's domain", s.SetQuota(ctx, "saigon.example", 1, 1), NotFound)
	wantKind(t, "a negative quota", s.SetQuota(ctx, "an@hue.example", -1, 1), Invalid)
}
