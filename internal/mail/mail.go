// Package mail is the store: accounts' mailboxes, messages, flags and the
// change log that every view of them is read from.
//
// An email is one message with one body; it has an instance, with a UID and
// flags of its own, in each mailbox that it is in. Emails and threads are
// numbered per account and never renumbered.
//
// Invariant: every change of an account is one kv commit that raises the
// account's modseq by one and leaves one change-log row; whoever has seen
// everything up to a modseq learns the rest from Changes. Each commit asserts
// the account's state row as it was, so that a stale cache or another process
// leads to a new try and never to a lost change.
//
// It has no goroutines of its own; Run is its caller's.
package mail

import (
	"crypto/sha256"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

type (
	UID       uint32
	ModSeq    uint64
	MailboxID uint32
	EmailID   uint64
	ThreadID  uint64
)

// Names for what callers hold of the engines, so that servers need not know them.
type (
	AccountID = kv.Part     // the partition that an account's mail lies in
	Reader    = blob.Reader // the bytes of one message
)

// Kind sorts errors by what a client can do about them.
type Kind uint8

const (
	Internal Kind = iota // our fault; try later
	NotFound             // no such mailbox or message
	Exists               // the name is taken
	Invalid              // the request makes no sense
	OverQuota
	LimitReached // too many mailboxes, keywords, ...
	HasChildren
	Busy
	BadUse // a special use that this mailbox can't have (RFC 6154 §3)
)

// Error is what the store says to a session. Text is for the client, Err for the log.
type Error struct {
	Kind    Kind
	Text    string
	Account kv.Part
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}
func (e *Error) Unwrap() error { return e.Err }

// Flags are system flags in the low bits and keywords by number above
// (bit FirstKeyword+n is keyword n of the mailbox).
type Flags uint64

const (
	Seen Flags = 1 << iota
	Answered
	Flagged
	Deleted
	Draft
	FirstKeyword = 8 // bit number
	MaxKeywords  = 56
)

// Target is one mailbox that a message goes into.
type Target struct {
	Account  kv.Part
	Mailbox  string    // "" is INBOX; a missing one other than INBOX is *Error NotFound
	ID       MailboxID // that Mailbox must still be, for whoever may not use another; 0: any
	Flags    Flags     // system flags only
	Keywords []string
	Received time.Time // IMAP's internal date; zero: now
}

// Placed is where a message ended up.
type Placed struct {
	Account     kv.Part
	Mailbox     MailboxID
	UIDValidity uint32
	UID         UID
	EmailID     EmailID
}

// Quota is what an account or a pool uses and its limits (0: none). An email
// counts once, in however many mailboxes it is.
type Quota struct{ Bytes, Messages, BytesLimit, MessagesLimit int64 }

// Mailbox is what is known of a mailbox at one moment.
type Mailbox struct {
	ID            MailboxID
	Name          string // UTF-8, "/" between levels; INBOX in capitals
	UIDValidity   uint32
	UIDNext       UID
	HighestModSeq ModSeq
	Messages      uint32
	Unseen        uint32
	DeletedCount  uint32
	Size          int64
	Subscribed    bool     // told by Mailboxes alone
	SpecialUse    string   // "\\Sent", "\\Trash", …; "" for none
	Keywords      []string // by number
}

// Item is one message as a session's view holds it.
type Item struct {
	UID    UID
	Saved  uint32 // when it came into its mailbox, in seconds since 1970; 0: not known (RFC 8514 §2)
	Flags  Flags
	ModSeq ModSeq
}

// Delta is what happened in a mailbox after a modseq.
type Delta struct {
	Mailbox Mailbox    // HighestModSeq is the next since
	Changed []Item     // new or with new flags, in UID order, as they are now
	Gone    []UIDRange // expunged, in UID order; every UID without a message if Pruned
	Pruned  bool       // the change log no longer reaches back that far: Gone may name UIDs that were gone before
	Deleted bool       // the mailbox itself is gone
}

// Meta is what is kept of a message beside its flags; it never changes.
type Meta struct {
	UID       UID
	Email     EmailID
	Thread    ThreadID
	Body      blob.ID
	Size      int64
	Received  time.Time // internal date
	Sent      time.Time
	Envelope  []byte // IMAP wire text, see message.Index
	Structure []byte
	BasicBody []byte
	Parts     []byte // message.DecodePart
	Preview   []byte // UTF-8, one line
	Attached  bool
	Shape     Shape
	SHA256    [sha256.Size]byte // of the body; all zero if format 1 has not been left behind yet

	hashes  []uint64 // of the Message-IDs it is known by, for threading
	subject uint64   // hash of the base subject
	links   links    // its place among messages that answer each other
	fields  []byte   // what is kept of the header, of a message that is being stored; nil if nothing is
}

// FlagOp says how StoreFlags combines.
type FlagOp uint8

const (
	SetFlags FlagOp = iota
	AddFlags
	RemoveFlags
)

// Copied pairs source with destination UIDs (COPYUID).
type Copied struct {
	UIDValidity uint32
	From, To    []UID
}

// Query is one search condition; see search.go for the kinds.
type Query interface{ query() }
