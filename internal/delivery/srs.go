package delivery

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/message/dsn"
)

// What is forwarded to elsewhere with a return path of elsewhere comes from a
// server that the SPF record of that path does not name. So the path is
// rewritten to one of ours that carries it (the Sender Rewriting Scheme, which
// no RFC describes):
//
//	SRS0=hash=day=domain=local@ours        of local@domain
//	SRS1=hash=first==rest@ours             of SRS0=rest@first, which is not made longer
//
// The hash shows a report that comes back to it to be about mail of ours, as
// else everybody could send through us to anywhere. All is read in any case, for
// some change it on the way.
const (
	srs0, srs1 = "SRS0", "SRS1"
	// srsDays is how long a report may come back. It is below the time for which
	// directory keeps the keys.
	srsDays = 21
	// srsHash is the octets of the hash, 40 bits in eight letters.
	srsHash = 5
	// srsCycle is how many days two letters of base32 can tell apart.
	srsCycle = 1 << 10
	// maxReturnLocal is what address.Parse takes of such a local part.
	maxReturnLocal = address.MaxReturnLocal
)

var (
	notOurReturn = dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "Not an address that we have forwarded from, or too long ago"}
	onlyReports  = dsn.Status{Reply: 550, Code: dsn.Code{5, 7, 1}, Text: "This address takes reports only, with the null return path"}
)

// srsLetters are the digits of base32 (RFC 4648 §6).
const srsLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

var srsCoding = base32.NewEncoding(srsLetters).WithPadding(base32.NoPadding)

// returnVia is the return path with which a message goes on from a domain of
// ours: as it is, unless SPF would not hold for us. That needs no rewriting where
// it is ours, null, or of a domain without a record.
func (d *Delivery) returnVia(ctx context.Context, e *Envelope, domain string) (address.Address, error) {
	if e.Submitted || e.ReturnPath.IsNull() || e.SPF == "none" {
		return e.ReturnPath, nil
	}
	if ours, err := d.o.Directory.IsLocal(ctx, e.ReturnPath.Domain); err != nil || ours {
		return e.ReturnPath, err
	}
	a, err := d.rewrite(ctx, e.ReturnPath, domain)
	if err != nil || len(a.Local) > maxReturnLocal {
		return e.ReturnPath, err // too long to be taken back: it goes as it is
	}
	return a, nil
}

// rewrite makes an address of ours of one that is not.
func (d *Delivery) rewrite(ctx context.Context, a address.Address, domain string) (address.Address, error) {
	kind, rest := srs0, srsDay(d.o.Now())+"="+a.Domain+"="+a.Local
	switch prefix, tail := srsPrefix(a.Local); prefix {
	case srs0:
		kind, rest = srs1, a.Domain+"="+tail
	case srs1:
		if _, of, ok := strings.Cut(tail[1:], "="); ok { // another hash before it is enough
			kind, rest = srs1, of
		}
	}
	tags, err := d.o.Directory.ReturnTags(ctx, strings.ToLower(kind+"="+rest))
	if err != nil {
		return a, fmt.Errorf("rewrite the return path %s: %w", a, err)
	}
	return address.Address{Local: kind + "=" + srsTag(tags[0]) + "=" + rest, Domain: domain}, nil
}

// srsPrefix is which scheme a local part is in, and what follows, which begins
// with a separator: = + or -. "" if it is in none.
func srsPrefix(local string) (prefix, tail string) {
	if len(local) < 6 || !strings.ContainsRune("=+-", rune(local[4])) {
		return "", ""
	}
	if prefix = strings.ToUpper(local[:4]); prefix != srs0 && prefix != srs1 {
		return "", ""
	}
	return prefix, local[4:]
}

func srsTag(mac []byte) string { return srsCoding.EncodeToString(mac[:srsHash]) }

func days(now time.Time) int { return int(now.Unix() / (24 * 60 * 60) % srsCycle) }

// srsDay is a day in two letters.
func srsDay(now time.Time) string {
	n := days(now)
	return string([]byte{srsLetters[n>>5], srsLetters[n&31]})
}

// srsAge is how many days ago a day in two letters was.
func srsAge(day string, now time.Time) (int, bool) {
	if len(day) != 2 {
		return 0, false
	}
	day = strings.ToUpper(day)
	high, low := strings.IndexByte(srsLetters, day[0]), strings.IndexByte(srsLetters, day[1])
	if high < 0 || low < 0 {
		return 0, false
	}
	return (days(now) - high<<5 - low + srsCycle) % srsCycle, true
}

// unwrap is the address that a rewritten one goes back to; false if it was not
// rewritten here, or too long ago.
func (d *Delivery) unwrap(ctx context.Context, a address.Address) (to address.Address, ok bool, err error) {
	prefix, tail := srsPrefix(a.Local)
	if prefix == "" {
		return to, false, nil
	}
	tag, rest, cut := strings.Cut(tail[1:], "=")
	if !cut {
		return to, false, nil
	}
	tags, err := d.o.Directory.ReturnTags(ctx, strings.ToLower(prefix+"="+rest))
	if err != nil {
		return to, false, fmt.Errorf("read the return path %s: %w", a, err)
	}
	match := 0
	for _, t := range tags {
		match |= subtle.ConstantTimeCompare([]byte(srsTag(t)), []byte(strings.ToUpper(tag)))
	}
	if match == 0 {
		return to, false, nil
	}
	text := ""
	if prefix == srs0 {
		text, ok = d.unwrapFirst(rest)
	} else {
		text, ok = unwrapSecond(rest)
	}
	if !ok {
		return to, false, nil
	}
	to, err = address.Parse(text)
	return to, err == nil, nil // what can't be read is nobody's
}

// unwrapFirst reads day=domain=local.
func (d *Delivery) unwrapFirst(rest string) (string, bool) {
	day, path, _ := strings.Cut(rest, "=")
	domain, local, ok := strings.Cut(path, "=")
	age, known := srsAge(day, d.o.Now())
	return address.Address{Local: local, Domain: domain}.String(), ok && known && age <= srsDays
}

// unwrapSecond reads first==rest, where the second = is the separator of SRS0.
func unwrapSecond(rest string) (string, bool) {
	domain, tail, ok := strings.Cut(rest, "=")
	return address.Address{Local: srs0 + tail, Domain: domain}.String(), ok && tail != ""
}

// resolveReturn finds out where a report goes that was sent to a rewritten address.
func (d *Delivery) resolveReturn(ctx context.Context, e *Envelope, rcpt address.Address) (directory.Resolved, dsn.Status, error) {
	none := directory.Resolved{Local: true}
	to, ok, err := d.unwrap(ctx, rcpt)
	switch {
	case err != nil:
		return none, dsn.Status{}, err
	case !ok:
		return none, notOurReturn, nil
	case !e.ReturnPath.IsNull():
		return none, onlyReports, nil
	}
	found, err := d.o.Directory.Resolve(ctx, to)
	if errors.Is(err, directory.ErrNotFound) {
		return none, unknown, nil
	}
	found.Local, found.Accounts = true, enabled(found.Accounts)
	if len(found.Accounts)+len(found.Remote) == 0 {
		return none, disabled, err
	}
	return found, forwarded, err
}

// isReturn says whether an address looks like one that rewrite made for a domain of ours.
func (d *Delivery) isReturn(ctx context.Context, a address.Address) (bool, error) {
	if prefix, _ := srsPrefix(a.Local); prefix == "" {
		return false, nil
	}
	return d.o.Directory.IsLocal(ctx, a.Domain)
}
