package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/mail"
)

// Account is one person as people see it.
type Account struct {
	ID       uint64    `json:"id"`
	Address  string    `json:"address"`
	Name     string    `json:"name,omitempty"`
	Quota    int64     `json:"quota,omitempty"`    // bytes; 0: none
	Messages int64     `json:"messages,omitempty"` // the other quota; 0: none
	Disabled bool      `json:"disabled,omitempty"`
	Created  time.Time `json:"created"`
	POP      string    `json:"pop"`       // all, new or off
	POPAfter string    `json:"pop_after"` // keep, read, archive or trash
	Admin    bool      `json:"admin,omitempty"`
}

func toAccount(a directory.Account) Account {
	access, after := popNames(a.POP)
	return Account{uint64(a.ID), a.Address.String(), a.Name, a.Quota, a.Messages, a.Disabled, a.Created, access, after, a.Admin}
}

// Address names one account, alias or group.
type Address struct {
	Address string `json:"address"`
}

// AccountAdd asks for a new account.
type AccountAdd struct {
	Address  string `json:"address"`
	Name     string `json:"name,omitempty"`
	Password string `json:"password"`
	Quota    int64  `json:"quota,omitempty"`
	Messages int64  `json:"messages,omitempty"`
}

// AccountList asks for the accounts of one domain, or of all.
type AccountList struct {
	Domain string `json:"domain,omitempty"`
}

// Accounts is the answer to account.list.
type Accounts struct {
	Accounts []Account `json:"accounts"`
}

// AccountRemoved says what is gone, and which aliases and groups still name it.
type AccountRemoved struct {
	Account  Account  `json:"account"`
	ListedIn []string `json:"listed_in,omitempty"`
}

// AccountPassword asks for another password.
type AccountPassword struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

// AccountSet changes what is not nil.
type AccountSet struct {
	Address  string  `json:"address"`
	Name     *string `json:"name,omitempty"`
	Quota    *int64  `json:"quota,omitempty"`
	Messages *int64  `json:"messages,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
	POP      *string `json:"pop,omitempty"`       // all, new or off
	POPAfter *string `json:"pop_after,omitempty"` // keep, read, archive or trash
	Admin    *bool   `json:"admin,omitempty"`
}

// AddAccount makes an account and gives its mail its quotas.
func (s *Service) AddAccount(ctx context.Context, r AccountAdd) (Account, error) {
	a, err := parseAddress(r.Address)
	if err != nil {
		return Account{}, err
	}
	acc, err := s.Directory.AddAccount(ctx, a, r.Name, r.Password, r.Quota)
	if err != nil {
		return Account{}, s.hint(ctx, a, err)
	}
	if acc.Messages = r.Messages; acc.Messages != 0 {
		if err := s.Directory.SetAccount(ctx, acc); err != nil {
			return toAccount(acc), err
		}
	}
	return toAccount(acc), s.welcome(ctx, []directory.Account{acc})
}

// hint says what to do about a domain that is not ours.
func (s *Service) hint(ctx context.Context, a address.Address, err error) error {
	if !errors.Is(err, directory.ErrNotFound) {
		return err
	}
	if local, failed := s.Directory.IsLocal(ctx, a.Domain); failed != nil || local {
		return err
	}
	return errorf(NotFound, "%s: the domain %s is not here; add it with: tem domain add %s",
		showAddress(a), a.Domain, a.Domain)
}

// welcome gives new accounts their own quota and a share in that of their domain.
func (s *Service) welcome(ctx context.Context, added []directory.Account) error {
	limits, err := s.Mail.PoolLimits(ctx)
	if err != nil {
		return fmt.Errorf("the accounts are there, the quotas of domains can't be read: %w", err)
	}
	for _, a := range added {
		if a.Quota > 0 || a.Messages > 0 {
			err = s.setMailQuota(ctx, a)
		}
		if _, limited := limits[a.Address.Domain]; limited && err == nil {
			err = s.join(ctx, a, a.Address.Domain)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) setMailQuota(ctx context.Context, a directory.Account) error {
	if err := s.Mail.SetQuota(ctx, a.ID, a.Quota, a.Messages); err != nil {
		return fmt.Errorf("%s: the account is there, its quota could not be set: %w", a.Address, err)
	}
	return nil
}

// ListAccounts lists the accounts of a domain, or all.
func (s *Service) ListAccounts(ctx context.Context, r AccountList) (Accounts, error) {
	domain := ""
	if r.Domain != "" {
		var err error
		if domain, err = s.ourDomain(ctx, r.Domain); err != nil {
			return Accounts{}, err
		}
	}
	all, err := s.Directory.Accounts(ctx)
	out := Accounts{[]Account{}}
	for _, a := range all {
		if domain == "" || a.Address.Domain == domain {
			out.Accounts = append(out.Accounts, toAccount(a))
		}
	}
	return out, err
}

// RemoveAccount deletes an account and all of its mail, and what others have
// shared with it. The account goes and its mail is doomed in one commit; if the
// rest is interrupted, the mail's housekeeping does it.
func (s *Service) RemoveAccount(ctx context.Context, r Address) (AccountRemoved, error) {
	a, err := parseAddress(r.Address)
	if err != nil {
		return AccountRemoved{}, err
	}
	acc, err := s.Directory.RemoveAccount(ctx, a, func(b *kv.Batch, gone directory.Account) { s.Mail.Doom(b, gone.ID) })
	if err != nil {
		return AccountRemoved{}, err
	}
	if err := s.Mail.DeleteAccount(ctx, acc.ID); err != nil {
		return AccountRemoved{}, fmt.Errorf("%s: the account is removed, its mail not yet; the server will go on with it: %w", a, err)
	}
	if err := s.Mail.Forget(ctx, mail.AccountGrantee(acc.ID)); err != nil {
		return AccountRemoved{}, fmt.Errorf("%s: the account is removed, but not yet from what others shared with it: %w", a, err)
	}
	lists, err := s.Directory.Lists(ctx)
	return AccountRemoved{toAccount(acc), naming(lists, a)}, err
}

// naming gives the lists that have a as a member.
func naming(lists []directory.List, a address.Address) (names []string) {
	for _, l := range lists {
		for _, m := range l.Members {
			if m.Local != "" && m.Key() == a.Key() {
				names = append(names, showAddress(l.Address))
				break
			}
		}
	}
	return names
}

// SetPassword replaces an account's password.
func (s *Service) SetPassword(ctx context.Context, r AccountPassword) (Nothing, error) {
	a, err := parseAddress(r.Address)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, s.Directory.SetPassword(ctx, a, r.Password)
}

// SetAccount changes an account's name, quotas, how POP3 reads it, or whether it
// is disabled or an administrator's.
func (s *Service) SetAccount(ctx context.Context, r AccountSet) (Account, error) {
	acc, err := s.ourAccount(ctx, r.Address)
	if err != nil {
		return Account{}, err
	}
	assign(&acc.Name, r.Name)
	assign(&acc.Quota, r.Quota)
	assign(&acc.Messages, r.Messages)
	assign(&acc.Disabled, r.Disabled)
	assign(&acc.Admin, r.Admin)
	if acc.POP, err = s.changedPOP(ctx, acc, r); err != nil {
		return Account{}, err
	}
	if err := s.Directory.SetAccount(ctx, acc); err != nil {
		return Account{}, err
	}
	if r.Quota != nil || r.Messages != nil {
		err = s.setMailQuota(ctx, acc)
	}
	return toAccount(acc), err
}

// ourAccount is the account of an address.
func (s *Service) ourAccount(ctx context.Context, name string) (directory.Account, error) {
	a, err := parseAddress(name)
	if err != nil {
		return directory.Account{}, err
	}
	return s.Directory.Account(ctx, a)
}

func assign[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
