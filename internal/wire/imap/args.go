package imap

// The commands without arguments.
type (
	Capability     struct{}
	Noop           struct{}
	Logout         struct{}
	StartTLS       struct{}
	Unauthenticate struct{} // RFC 8437
	Namespace      struct{}
	Check          struct{}
	Close          struct{}
	Unselect       struct{}
	Idle           struct{}
)

// Commands of the states before a mailbox is selected. Mailbox names are UTF-8.
type (
	Login        struct{ User, Password string }
	Authenticate struct {
		Mechanism string
		Initial   []byte // decoded; nil: none was sent (RFC 4959)
	}
	ID       struct{ Fields map[string]string } // names in lower case
	Enable   struct{ Names []string }           // in capitals
	Compress struct{ Mechanism string }         // in capitals (RFC 4978)
	Create   struct {
		Mailbox string
		Uses    []string // special uses (RFC 6154 §3)
	}
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
)
