package app

import (
	"fmt"
	"strings"
	"testing"

	"tem/internal/control"
)

// TestAdministratorSetsQuotas: what an administrator sets over IMAP is what the
// administrator's door sets.
func TestAdministratorSetsQuotas(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	yes := true
	_, err := o.service.SetAccount(t.Context(), control.AccountSet{Address: "an@hanoi.example", Admin: &yes})
	ok(t, err)
	c := o.dial(t, "imaps", o.card(t, o.ca))
	for i, step := range []struct{ command, want string }{
		{"LOGIN an@hanoi.example secret", " QUOTASET "},
		{"SETQUOTA an@hanoi.example (STORAGE 2048)", "* QUOTA an@hanoi.example (STORAGE 0 2048)\n"},
		{"SETQUOTA hanoi.example (MESSAGE 9)", "* QUOTA hanoi.example (MESSAGE 0 9)\n"},
	} {
		tag := fmt.Sprint("a", i)
		_, err := fmt.Fprintf(c, "%s %s\r\n", tag, step.command)
		ok(t, err)
		ok(t, c.Flush())
		var said strings.Builder
		for !strings.Contains(said.String(), tag+" ") {
			text, err := c.ReadLine()
			ok(t, err)
			fmt.Fprintf(&said, "%s\n", text)
		}
		if !strings.Contains(said.String(), step.want) || !strings.Contains(said.String(), tag+" OK") {
			t.Errorf("%s: %s", step.command, said.String())
		}
	}
	people, err := o.service.ListAccounts(t.Context(), control.AccountList{})
	if err != nil || people.Accounts[0].Quota != 2<<20 {
		t.Errorf("the accounts are %+v, %v", people, err)
	}
	domains, err := o.service.ListDomains(t.Context(), control.Nothing{})
	if err != nil || len(domains.Quotas) != 1 || domains.Quotas[0].MessagesLimit != 9 {
		t.Errorf("the domains are %+v, %v", domains, err)
	}
}
