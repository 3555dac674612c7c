package mail

import "time"

// The kinds of Query. Text matching is by substring, case-insensitive
// (i;unicode-casemap), on decoded headers and text.
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
	BodyText    string                       // text of the body parts contains
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
