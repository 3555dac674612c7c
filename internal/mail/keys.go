package mail

import (
	"encoding/binary"

	"tem/internal/blob"
	"tem/internal/kv"
)

// The first octet of every key; docs/format.md has the table.
const (
	keyState     = 's'
	keyMailbox   = 'b'
	keyMeta      = 'm'
	keyFlags     = 'f'
	keyChange    = 'c'
	keyEmail     = 'e'
	keyThread    = 'h'
	keyMessageID = 'i'
	keySubscribe = 'u'

	keyBody      = 'B' // in kv.Bodies, like the following
	keyReference = 'R'
	keyGarbage   = 'G'
)

var stateKey = []byte{keyState}

func mailboxKey(id MailboxID) []byte {
	return binary.BigEndian.AppendUint32([]byte{keyMailbox}, uint32(id))
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
	lo = binary.BigEndian.AppendUint32([]byte{kind}, uint32(id))
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

func emailKey(m *Meta, id MailboxID) []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), keyEmail), uint64(m.Email))
	return appendInstance(k, id, m.UID)
}

func threadKey(m *Meta, id MailboxID) []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 25), keyThread), uint64(m.Thread))
	return appendInstance(binary.BigEndian.AppendUint64(k, uint64(m.Email)), id, m.UID)
}

func messageIDPrefix(hash uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), keyMessageID), hash)
}

func subscribeKey(name string) []byte { return append([]byte{keySubscribe}, name...) }

func bodyKey(id blob.ID) []byte { return append([]byte{keyBody}, id[:]...) }

func referenceKey(id blob.ID, owner []byte) []byte {
	return append(append(append(make([]byte, 0, 17+len(owner)), keyReference), id[:]...), owner...)
}

// instanceOwner is the owner in the reference that a message in a mailbox holds.
func instanceOwner(p kv.Part, id MailboxID, uid UID) []byte {
	return appendInstance(binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(p)), id, uid)
}

func garbageKey(day uint16, id blob.ID) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{keyGarbage}, day), id[:]...)
}
