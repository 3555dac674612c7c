package directory

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/sasl"
)

// The rows of partition kv.Directory: one letter, then the domain or the
// address's key. Those that the index holds sort before the credentials.
const (
	accountRow    = 'a' // + address key: accountValue
	domainRow     = 'd' // + domain: empty
	returnKeysRow = 'h' // []returnKey, the newest first
	keyRowLetter  = 'k' // + domain, NUL, selector: keyValue
	listRow       = 'l' // + address key: listValue
	nextRow       = 'n' // next account id, 8 bytes big endian; ids are never used twice
	settingsRow   = 'o' // + address key: settingsValue
	credentialRow = 'p' // + address key: credentialValue
	replyRow      = 'r' // + address key: who was answered: 8 octets of a hash, 4 of seconds, each
	versionRow    = 'v' // number of changes so far, 8 bytes big endian
)

var (
	nextKey       = []byte{nextRow}
	returnKeysKey = []byte{returnKeysRow}
	versionKey    = []byte{versionRow}
)

func rowKey(row byte, name string) []byte { return append([]byte{row}, name...) }

// key is the form under which an address is looked up.
func key(a address.Address) string {
	if a.Local == "" {
		return "@" + a.Domain
	}
	return a.Key()
}

// addressValue is an address as rows have it: [local, domain].
type addressValue [2]string

func toValue(a address.Address) addressValue { return addressValue{a.Local, a.Domain} }
func (v addressValue) address() (a address.Address) {
	return address.Address{Local: v[0], Domain: v[1]}
}

type accountValue struct {
	ID       kv.Part      `json:"id"`
	Address  addressValue `json:"address"`
	Name     string       `json:"name,omitempty"`
	Quota    int64        `json:"quota,omitempty"`
	Messages int64        `json:"messages,omitempty"`
	Disabled bool         `json:"disabled,omitempty"`
	Created  time.Time    `json:"created"`
	POP      popValue     `json:"pop,omitzero"`
	Admin    bool         `json:"admin,omitempty"`
	Secret   uint64       `json:"secret,omitempty"` // the version row as the password was set
}

type popValue struct {
	Access POPAccess `json:"access,omitempty"`
	From   uint32    `json:"from,omitempty"`
	After  POPAfter  `json:"after,omitempty"`
}

type listValue struct {
	Address addressValue   `json:"address"`
	Members []addressValue `json:"members"`
	Group   bool           `json:"group,omitempty"`
}

// credentialValue is what is kept instead of a password.
type credentialValue struct {
	Argon2id  string            `json:"argon2id"` // PHC string
	SCRAM     sasl.SCRAMSecrets `json:"scram_sha_256"`
	SCRAMSHA1 sasl.SCRAMSecrets `json:"scram_sha_1,omitzero"` // not in rows from before it was offered, until upgrade
}

func (c *credentialValue) scram(h sasl.Hash) *sasl.SCRAMSecrets {
	if h == sasl.SHA1 {
		return &c.SCRAMSHA1
	}
	return &c.SCRAM
}

// String keeps the secrets out of whatever is printed by accident.
func (credentialValue) String() string { return "[credentials]" }

func encodeAccount(a Account) []byte {
	return encode(accountValue{a.ID, toValue(a.Address), a.Name, a.Quota, a.Messages, a.Disabled, a.Created.UTC(), popValue(a.POP), a.Admin, a.secretSince})
}

func decodeAccount(val []byte) (Account, error) {
	var v accountValue
	err := json.Unmarshal(val, &v)
	return Account{v.ID, v.Address.address(), v.Name, v.Quota, v.Messages, v.Disabled, v.Created, POP(v.POP), v.Admin, v.Secret}, err
}

func encodeList(l List) []byte {
	v := listValue{Address: toValue(l.Address), Members: make([]addressValue, len(l.Members)), Group: l.Group}
	for i, m := range l.Members {
		v.Members[i] = toValue(m)
	}
	return encode(v)
}

func decodeList(val []byte) (List, error) {
	var v listValue
	err := json.Unmarshal(val, &v)
	l := List{Address: v.Address.address(), Members: make([]address.Address, len(v.Members)), Group: v.Group}
	for i, m := range v.Members {
		l.Members[i] = m.address()
	}
	return l, err
}

func decodeCredentials(val []byte) (c credentialValue, err error) {
	if json.Unmarshal(val, &c) != nil || c.SCRAM.Iterations == 0 {
		return c, errors.New("stored credentials are damaged") // what is in them is nobody's business
	}
	return c, nil
}

// encode is for the value types above, which always can be written.
func encode(v any) []byte {
	val, _ := json.Marshal(v)
	return val
}

func encodeNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func decodeNumber(val []byte) (uint64, error) {
	if len(val) != 8 {
		return 0, fmt.Errorf("number of %d bytes, want 8", len(val))
	}
	return binary.BigEndian.Uint64(val), nil
}
