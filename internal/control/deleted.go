package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tem/internal/mail"
)

// Deleted is a message that was removed and can be brought back.
type Deleted struct {
	ID      uint64    `json:"id"`
	Removed time.Time `json:"removed"`
	Mailbox string    `json:"mailbox"` // that it was removed from
	From    string    `json:"from,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Size    int64     `json:"size"`
}

// DeletedList is the answer to account.deleted, the first removed first.
type DeletedList struct {
	Address  string    `json:"address"`
	Kept     bool      `json:"kept"` // what is removed from now on can be brought back
	Messages []Deleted `json:"messages"`
}

// Restore says which removed messages of an account to bring back: those with
// these ids, or all, or all that were removed at a time or later.
type Restore struct {
	Address string    `json:"address"`
	IDs     []uint64  `json:"ids,omitempty"`
	All     bool      `json:"all,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// Restored is what was brought back.
type Restored struct {
	Address  string            `json:"address"`
	Messages []RestoredMessage `json:"messages"`
}

// RestoredMessage is where a message is now.
type RestoredMessage struct {
	Mailbox string `json:"mailbox"`
	UID     uint32 `json:"uid"`
}

func toDeleted(b mail.Buried) Deleted {
	d := Deleted{ID: uint64(b.Email), Removed: b.Removed, Mailbox: b.Mailbox, Size: b.Meta.Size}
	d.From, d.Subject = senderAndSubject(b.Meta.Envelope)
	return d
}

// ListDeleted lists what can be brought back of an account's mail.
func (s *Service) ListDeleted(ctx context.Context, r Address) (DeletedList, error) {
	acc, err := s.ourAccount(ctx, r.Address)
	if err != nil {
		return DeletedList{}, err
	}
	list, err := s.Mail.Account(acc.ID).Vault(ctx)
	out := DeletedList{Address: acc.Address.String(), Kept: s.Mail.VaultKeeps(), Messages: []Deleted{}}
	for _, b := range list {
		out.Messages = append(out.Messages, toDeleted(b))
	}
	return out, err
}

// restoreChunk is how many messages one commit brings back.
const restoreChunk = 1000

// Restore brings removed messages back into the mailboxes they were removed
// from, or into INBOX where these are gone. With an id that is not there
// nothing is done.
func (s *Service) Restore(ctx context.Context, r Restore, w watcher) (Restored, error) {
	acc, err := s.ourAccount(ctx, r.Address)
	if err != nil {
		return Restored{}, err
	}
	a := s.Mail.Account(acc.ID)
	list, err := a.Vault(ctx)
	if err != nil {
		return Restored{}, err
	}
	wanted, err := r.choose(list)
	if err != nil {
		return Restored{}, err
	}
	var placed []mail.Placed
	for chunk := range slices.Chunk(wanted, restoreChunk) {
		p, err := a.Restore(ctx, chunk)
		if err != nil {
			return Restored{}, r.refused(len(placed), err)
		}
		placed = append(placed, p...)
		w.progress(len(placed), len(wanted))
	}
	return restored(ctx, a, acc.Address.String(), placed)
}

// refused says what stands after a chunk that could not be brought back.
func (r Restore) refused(done int, err error) error {
	var m *mail.Error
	if errors.As(err, &m) && m.Kind == mail.OverQuota {
		return errorf(NoRoom, "%s: there is no room for what is to be brought back: %s; raise the quota, or choose fewer (brought back: %d)", r.Address, m.Text, done)
	}
	return fmt.Errorf("%s: brought back before this: %d: %w", r.Address, done, err)
}

// choose returns the emails that r asks for, in the order of list.
func (r Restore) choose(list []mail.Buried) (wanted []mail.EmailID, err error) {
	ways := 0
	for _, given := range []bool{len(r.IDs) > 0, r.All, !r.Since.IsZero()} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, errorf(Invalid, "say which messages: their ids, or all, or since when")
	}
	missing := make(map[uint64]bool, len(r.IDs))
	for _, id := range r.IDs {
		missing[id] = true
	}
	for _, b := range list {
		if r.All || missing[uint64(b.Email)] || !r.Since.IsZero() && !b.Removed.Before(r.Since) {
			wanted = append(wanted, b.Email)
			delete(missing, uint64(b.Email))
		}
	}
	for _, id := range r.IDs {
		if missing[id] {
			return nil, errorf(NotFound, "%s: no message %d can be brought back; nothing was done; account deleted lists what can", r.Address, id)
		}
	}
	return wanted, nil
}

// restored finds the names of the mailboxes.
func restored(ctx context.Context, a *mail.Account, address string, placed []mail.Placed) (Restored, error) {
	boxes, err := a.Mailboxes(ctx)
	names := make(map[mail.MailboxID]string, len(boxes))
	for _, b := range boxes {
		names[b.ID] = b.Name
	}
	out := Restored{Address: address, Messages: []RestoredMessage{}}
	for _, p := range placed {
		out.Messages = append(out.Messages, RestoredMessage{names[p.Mailbox], uint32(p.UID)})
	}
	return out, err
}
