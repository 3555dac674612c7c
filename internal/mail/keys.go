package mail

import (
	"encoding/binary"

	"tem/internal/blob"
	"tem/internal/kv"
)

// The first octet of every key; docs/format.md has the table.
const (
	keyState     = 's' // in the partition of an account, like the following
	keyMailbox   = 'b'
	keyMeta      = 'm'
	keyFlags     = 'f'
	keyFields    = 'k'
	keyChange    = 'c'
	keyEmail     = 'e'
	keyThread    = 'h'
	keyMessageID = 'i'
	keySubscribe = 'u'
	keyVault     = 'v'
	keyRight     = 'a'
	keyDoomed    = 'z'
	keyEntry     = 'n'

	keyBody      = 'B' // in the partition of a body, like the following
	keyHead      = 'H'
	keyReference = 'R'
	keyGarbage   = 'G'

	keyAccount = 'a' // in kv.Accounts, like the following, and keyState and keyEntry, of the server
	keyGrant   = 'g'
	keyPool    = 'p'
)

var stateKey = []byte{keyState}

// StateKey is the key of the row that each commit of an account changes: who
// knows its value knows whether anything happened.
func StateKey() []byte { return []byte{keyState} }

// bodyPart is the partition of a body and of what refers to it, by the last
// octet of its id: that of the number of an account it went to, or random.
func bodyPart(id blob.ID) kv.Part { return kv.FirstBodies + kv.Part(id[len(id)-1]) }

func mailboxKey(id MailboxID) []byte { return mailboxRow(keyMailbox, id) }

// mailboxRow is the key of a row that a mailbox has one of, and the prefix of
// those it has many of.
func mailboxRow(kind byte, id MailboxID) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 16), kind), uint32(id))
}

// messageKey is a key of one message of a mailbox: meta or flags.
func messageKey(kind byte, id MailboxID, uid UID) []byte {
	return appendInstance(append(make([]byte, 0, 9), kind), id, uid)
}

// appendInstance appends mailbox and UID, big-endian.
func appendInstance(dst []byte, id MailboxID, uid UID) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, uint32(id)), uint32(uid))
}

// messageRange is all keys of one kind of a mailbox.
func messageRange(kind byte, id MailboxID) (lo, hi []byte) {
	lo = mailboxRow(kind, id)
	return lo, after(lo)
}

// after is the first key that does not begin with prefix, which is not all 0xFF.
func after(prefix []byte) []byte {
	hi := append([]byte(nil), prefix...)
	for i := len(hi) - 1; ; i-- {
		if hi[i]++; hi[i] != 0 {
			return hi[:i+1]
		}
	}
}

func uidOf(key []byte) UID { return UID(binary.BigEndian.Uint32(key[5:])) }

func changeKey(m ModSeq) []byte { return binary.BigEndian.AppendUint64([]byte{keyChange}, uint64(m)) }

// emailKey says that an email is in a mailbox, under a UID.
func emailKey(email EmailID, id MailboxID, uid UID) []byte {
	return appendInstance(emailPrefix(email), id, uid)
}

func emailPrefix(email EmailID) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), keyEmail), uint64(email))
}

// threadKey says that an email belongs to a thread that another email began.
func threadKey(thread ThreadID, email EmailID) []byte {
	return binary.BigEndian.AppendUint64(threadPrefix(thread), uint64(email))
}

func threadPrefix(thread ThreadID) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), keyThread), uint64(thread))
}

// messageIDKey says that an email is known by a Message-ID with this hash.
func messageIDKey(hash uint64, email EmailID) []byte {
	return binary.BigEndian.AppendUint64(messageIDPrefix(hash), uint64(email))
}

func messageIDPrefix(hash uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), keyMessageID), hash)
}

func subscribeKey(name string) []byte { return append([]byte{keySubscribe}, name...) }

func bodyKey(id blob.ID) []byte { return append([]byte{keyBody}, id[:]...) }

// headKey is where the head of a large body lies.
func headKey(id blob.ID) []byte { return append([]byte{keyHead}, id[:]...) }

func referenceKey(id blob.ID, owner []byte) []byte {
	return append(append(append(make([]byte, 0, 17+len(owner)), keyReference), id[:]...), owner...)
}

// emailOwner is the owner in the reference that an email holds on its body, as
// long as it is in any mailbox or in the vault.
func emailOwner(p kv.Part, email EmailID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(p)), uint64(email))
}

func garbageKey(day uint16, id blob.ID) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{keyGarbage}, day), id[:]...)
}
