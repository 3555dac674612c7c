package control

import (
	"context"
	"io/fs"
	"path/filepath"

	"tem/internal/mail"
)

// Places say where a store is, for people: there are no secrets in them. The
// directories are those that are on this machine, else "".
type Places struct {
	Rows, Bodies       string
	RowsDir, BodiesDir string
}

// StoreInfo is the answer to store.info. Sizes are in octets; those of a place
// that is not on this machine are left out.
type StoreInfo struct {
	Rows            string `json:"rows"`
	Bodies          string `json:"bodies"`
	Format          int    `json:"format"`
	Migrating       bool   `json:"migrating,omitempty"`
	Accounts        int    `json:"accounts"` // that have mail
	Removing        int    `json:"removing,omitempty"`
	Messages        int64  `json:"messages"`
	Bytes           int64  `json:"bytes"`
	DeletedMessages int64  `json:"deleted_messages"` // that can be brought back
	DeletedBytes    int64  `json:"deleted_bytes"`
	RowsSize        int64  `json:"rows_size,omitempty"`
	BodiesSize      int64  `json:"bodies_size,omitempty"`
}

// StoreInfo says what the store is and holds.
func (s *Service) StoreInfo(ctx context.Context, _ Nothing) (StoreInfo, error) {
	i, err := s.Mail.Info(ctx)
	if err != nil {
		return StoreInfo{}, err
	}
	out := toStoreInfo(i)
	out.Rows, out.Bodies = s.Places.Rows, s.Places.Bodies
	if out.RowsSize, err = sizeOf(ctx, s.Places.RowsDir); err != nil {
		return out, err
	}
	out.BodiesSize, err = sizeOf(ctx, s.Places.BodiesDir)
	return out, err
}

func toStoreInfo(i mail.Info) StoreInfo {
	return StoreInfo{
		Format: i.Format, Migrating: i.Migrating, Accounts: i.Accounts, Removing: i.Doomed,
		Messages: i.Mail.Messages, Bytes: i.Mail.Bytes,
		DeletedMessages: i.Vault.Messages, DeletedBytes: i.Vault.Bytes,
	}
}

// sizeOf adds up the files of a directory, which may come and go meanwhile.
func sizeOf(ctx context.Context, dir string) (n int64, err error) {
	if dir == "" {
		return 0, nil
	}
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ctx.Err()
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n, err
}
