package mail

import (
	"context"
	"strconv"

	"tem/internal/kv"
)

// Info is what a store holds, in figures.
type Info struct {
	Format    int  // version of what lies in the rows
	Migrating bool // from an older format
	Accounts  int  // that have mail
	Doomed    int  // of accounts: being deleted
	Mail      Quota
	Vault     Quota // what can be brought back
}

// Info adds up what all accounts say of themselves.
func (s *Store) Info(ctx context.Context) (i Info, err error) {
	list, err := s.Registered(ctx)
	if err != nil {
		return i, err
	}
	err = s.view(ctx, func(r kv.Reader) error {
		val, _, err := r.Get(kv.System, formatKey)
		if err != nil {
			return err
		}
		if i.Format, err = strconv.Atoi(string(val)); err != nil {
			return err
		}
		if _, i.Migrating, err = r.Get(kv.System, migrationKey); err != nil {
			return err
		}
		for _, g := range list {
			if err := i.count(r, g); err != nil {
				return err
			}
		}
		return nil
	})
	return i, err
}

func (i *Info) count(r kv.Reader, g Registered) error {
	if g.Doomed {
		i.Doomed++
		return nil
	}
	i.Accounts++
	st, err := readState(r, g.ID)
	i.Mail.add(st.quota.Bytes, st.quota.Messages)
	i.Vault.add(st.vault.Bytes, st.vault.Messages)
	return err
}
