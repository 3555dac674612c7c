package imap

import "time"

// The commands without arguments.
type (
	Capability struct{}
	Noop       struct{}
	Logout     struct{}
	StartTLS   struct{}
	Namespace  struct{}
	Check      struct{}
	Close      struct{}
	Unselect   struct{}
	Idle       struct{}
)

// Commands of the states before a mailbox is selected. Mailbox names are UTF-8.
type (
	Login        struct{ User, Password string }
	Authenticate struct {
		Mechanism string
		Initial   []byte // decoded; nil: none was sent (RFC 4959)
	}
	ID     struct{ Fields map[string]string } // names in lower case
	Enable struct{ Names []string }           // in capitals
	Select struct {
		Mailbox  string
		ReadOnly bool // EXAMINE
	}
	Create    struct{ Mailbox, SpecialUse string }
	Delete    struct{ Mailbox string }
	Rename    struct{ From, To string }
	Subscribe struct {
		Mailbox string
		On      bool
	}
	Status struct {
		Mailbox string
		Items   []string // in capitals
	}
	// List is LIST or LSUB (RFC 9051 §6.3.9).
	List struct {
		LSub                                   bool
		Extended                               bool // has what RFC 3501 does not know
		Subscribed, SpecialUse, RecursiveMatch bool // selection options
		Reference                              string
		Patterns                               []string
		ReturnSubscribed, ReturnChildren       bool
		ReturnSpecialUse                       bool
		Status                                 []string // STATUS items to return
	}
	// Append is all of APPEND before the octets of the message, which the
	// server takes from the Reader: see Reader.Message.
	Append struct {
		Mailbox string
		Flags   []string
		Date    time.Time // zero: none given
		Size    int64
		NonSync bool
		Binary  bool
	}
)

// Commands of the selected state.
type (
	Expunge struct{ UIDs *Set } // nil: all
	Copy    struct {
		UID, Move bool
		Set       Set
		Mailbox   string
	}
	Store struct {
		UID    bool
		Set    Set
		Op     byte // '+', '-' or 0 to replace
		Silent bool
		Flags  []string
	}
	Fetch struct {
		UID   bool
		Set   Set
		Items []Item
	}
	Search struct {
		UID     bool
		Charset string   // in capitals; "" : none
		Return  []string // in capitals; nil: no RETURN; empty: RETURN ()
		Key     Key
	}
)

// ItemKind is what an Item asks for.
type ItemKind uint8

const (
	Flags ItemKind = iota
	UID
	InternalDate
	Size
	Envelope
	Body
	BodyStructure
	Section // some octets of the message
	Binary  // decoded octets of a part (RFC 3516)
	BinarySize
)

// Item is one thing to fetch.
type Item struct {
	Kind    ItemKind
	Label   string // how the answer names it
	Peek    bool   // does not set \Seen
	Path    []int  // section part
	Text    string // "", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, MIME or TEXT
	Fields  []string
	Partial bool
	Offset  int64
	Count   int64
}

// Op is the kind of a search key.
type Op uint8

const (
	And Op = iota // Keys; none: ALL
	OrOp
	NotOp
	Numbered // Set of sequence numbers
	UIDSet   // Set of UIDs
	HasFlag  // Text is the flag
	Larger   // N
	Smaller  // N
	Before   // Date, as the following
	On       //
	Since    //
	SentBefore
	SentOn
	SentSince
	Header   // Field contains Text
	BodyText // Text
	AnyText  // Text
	Recent   // RFC 3501 §2.3.2
)

// Key is one search key with what it needs.
type Key struct {
	Op          Op
	Keys        []Key
	Set         Set
	Field, Text string
	N           int64
	Date        time.Time
}
