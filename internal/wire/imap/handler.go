package imap

import "context"

// Handler runs commands: one method for each kind of arguments, so that there
// is no command without one. What a method returns becomes the tagged answer.
// The families that have rows of their own have interfaces of their own beside them.
type Handler interface {
	SearchHandler
	SortHandler
	BatchHandler
	QuotaHandler
	ACLHandler
	MetadataHandler
	NotifyHandler

	Capability(context.Context, *Capability) error
	Noop(context.Context, *Noop) error
	Logout(context.Context, *Logout) error
	ID(context.Context, *ID) error
	StartTLS(context.Context, *StartTLS) error
	Login(context.Context, *Login) error
	Authenticate(context.Context, *Authenticate) error
	Unauthenticate(context.Context, *Unauthenticate) error
	Enable(context.Context, *Enable) error
	Compress(context.Context, *Compress) error
	Select(context.Context, *Select) error
	Create(context.Context, *Create) error
	Delete(context.Context, *Delete) error
	Rename(context.Context, *Rename) error
	Subscribe(context.Context, *Subscribe) error
	List(context.Context, *List) error
	Namespace(context.Context, *Namespace) error
	Status(context.Context, *Status) error
	Append(context.Context, *Append) error
	Replace(context.Context, *Replace) error
	Idle(context.Context, *Idle) error
	Check(context.Context, *Check) error
	Close(context.Context, *Close) error
	Unselect(context.Context, *Unselect) error
	Expunge(context.Context, *Expunge) error
	Fetch(context.Context, *Fetch) error
	Store(context.Context, *Store) error
	Copy(context.Context, *Copy) error
}

// Run gives the command to its method of h.
func (c *Command) Run(ctx context.Context, h Handler) error { return c.Row.run(ctx, h, c.Args) }
