package agent

import (
	"context"
	"strconv"
	"strings"

	"tem/internal/wire/imap/imapclient"
)

// parseIDs turns ids such as 1,3-5 and @last into a UID set; last says that @last is among them.
func parseIDs(ids []string) (set string, last bool, err error) {
	var parts []string
	for piece := range strings.SplitSeq(strings.Join(ids, ","), ",") {
		if piece == "@last" {
			last = true
			continue
		}
		lo, hi, isRange := strings.Cut(piece, "-")
		if !isRange {
			hi = lo
		}
		a, errA := strconv.ParseUint(lo, 10, 32)
		b, errB := strconv.ParseUint(hi, 10, 32)
		if errA != nil || errB != nil || a == 0 || b < a {
			return "", false, failf(Usage, "%q is not an id: 7, 1,3-5 or @last", piece)
		}
		parts = append(parts, lo+":"+hi)
	}
	return strings.Join(parts, ","), last, nil
}

// resolve gives the messages that ids name and that exist, ascending.
func (b *inbox) resolve(ctx context.Context, ids []string) ([]uint32, error) {
	set, last, err := parseIDs(ids)
	if err != nil {
		return nil, err
	}
	var uids []uint32
	if set != "" {
		if uids, err = b.Search(ctx, "UID", set); err != nil {
			return nil, coded(err)
		}
	}
	if last {
		all, err := b.Search(ctx, "UID", "*")
		if err != nil {
			return nil, coded(err)
		}
		uids = append(uids, all...)
	}
	if len(uids) == 0 {
		return nil, failf(NoMatch, "no message %s in %s", strings.Join(ids, ","), b.Selected())
	}
	return uids, nil
}

// one fetches the whole of each message named.
func (b *inbox) each(ctx context.Context, ids []string, items string, fn func(*imapclient.Message) error) error {
	uids, err := b.resolve(ctx, ids)
	if err != nil {
		return err
	}
	return coded(b.Fetch(ctx, imapclient.FormatSet(uids), items, fn))
}
