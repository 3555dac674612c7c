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
