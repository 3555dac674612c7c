package mail

import "time"

// The kinds of Query. A text is found as a substring of decoded headers and
// text, whatever its case (i;unicode-casemap, RFC 5051); white space of any kind
// and length is one space. Without marks it finds text with and without them,
// with marks only what has the same: see fold.Pattern.
type (
	And         []Query
	Or          [2]Query
	Not         struct{ Q Query }
	All         struct{}
	UIDs        []UIDRange            // UID membership (sequence numbers are turned into it by the session)
	HasFlag     Flags                 // all of these system flags are set
	Keyword     string                // keyword is set
	Larger      int64                 // size >
	Smaller     int64                 // size <
	Before      struct{ T time.Time } // internal date's day < T (day without zone)
	On          struct{ T time.Time }
	Since       struct{ T time.Time }
	SentBefore  struct{ T time.Time } // Date field's day
	SentOn      struct{ T time.Time }
	SentSince   struct{ T time.Time }
	Field       struct{ Name, Value string } // header field contains Value; "" : field exists
	BodyText    string                       // text of the body contains; see message.SearchText
	AnyText     string                       // header or body contains
	ModSeqSince ModSeq                       // modseq >=

	ReceivedBefore struct{ T time.Time } // internal date <= T, both in whole seconds (RFC 5032 §2, OLDER)
	ReceivedSince  struct{ T time.Time } // internal date >= T, likewise (YOUNGER)
	SavedBefore    struct{ T time.Time } // save date's day in UTC < T; the internal date's where that is not known (RFC 8514 §4.3)
	SavedOn        struct{ T time.Time }
	SavedSince     struct{ T time.Time }
	EmailIs        EmailID                      // it is an instance of this email
	InThread       ThreadID                     // its email belongs to this thread
	InMailbox      MailboxID                    // its email has an instance in this mailbox; none if that is no more
	Attached       bool                         // whether it has attachments
	FileName       string                       // the name of a part contains; "": a part has a name
	Words          string                       // header or body contain each of the words, in any order, whatever the marks (RFC 6203 §3)
	FieldWords     struct{ Name, Value string } // the same of a header field
)

// UIDRange is From <= uid <= To.
type UIDRange struct{ From, To UID }

func (And) query()         {}
func (Or) query()          {}
func (Not) query()         {}
func (All) query()         {}
func (UIDs) query()        {}
func (HasFlag) query()     {}
func (Keyword) query()     {}
func (Larger) query()      {}
func (Smaller) query()     {}
func (Before) query()      {}
func (On) query()          {}
func (Since) query()       {}
func (SentBefore) query()  {}
func (SentOn) query()      {}
func (SentSince) query()   {}
func (Field) query()       {}
func (BodyText) query()    {}
func (AnyText) query()     {}
func (ModSeqSince) query() {}

func (ReceivedBefore) query() {}
func (ReceivedSince) query()  {}
func (SavedBefore) query()    {}
func (SavedOn) query()        {}
func (SavedSince) query()     {}
func (EmailIs) query()        {}
func (InThread) query()       {}
func (InMailbox) query()      {}
func (Attached) query()       {}
func (FileName) query()       {}
func (Words) query()          {}
func (FieldWords) query()     {}

// SearchOptions shape a search.
type SearchOptions struct {
	// Progress, which may be nil, is told how many of the messages that have to
	// be read are done: never by two goroutines at once, never fewer than before.
	// The search waits for it.
	Progress func(done, total int)
}
