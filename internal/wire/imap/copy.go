package imap

// Expunge is EXPUNGE or UID EXPUNGE (RFC 4315 §2.1).
type Expunge struct{ UIDs *Set } // nil: all

// Copy is COPY or MOVE and their UID forms (RFC 9051 §6.4.7, §6.4.8).
type Copy struct {
	UID, Move bool
	Set       Set
	Mailbox   string
}

func parseUIDExpunge(d *decoder) *Expunge {
	d.sp()
	set := d.set()
	return &Expunge{UIDs: &set}
}

func parseCopy(d *decoder, uid, move bool) *Copy {
	d.sp()
	return &Copy{UID: uid, Move: move, Set: d.messages(uid), Mailbox: d.oneMailbox()}
}
