package journey

import (
	"fmt"
	"strings"
	"time"

	"tem/internal/explain"
	"tem/internal/message/dsn"
)

// Answer is what became of a message for one recipient, why, and whose move it is.
type Answer struct {
	To    string
	State State
	At    time.Time
	Cause string // its name; "" when there is none, or none that is known
	What  string
	Why   string // "" when there is nothing to explain
	Reply string // what was said, by us or by the other server
	Party Party
	Whose string    // Party in words
	Next  string    // what to do
	Until time.Time // when it is tried again; zero: it is not
}

// Answers says what became of a trip, for each recipient, in "en" or "vi".
func Answers(t *Trip, lang string) []Answer {
	var list []Answer
	for _, f := range t.fates() {
		list = append(list, f.answer(lang))
	}
	return list
}

func (f *fate) answer(lang string) Answer {
	a := Answer{To: f.to, State: f.state, At: f.at, Party: Nobody}
	what, next := stateTexts[f.state], nothing
	a.What = what.In(lang)
	switch f.state {
	case There:
		a.Party, next = f.arrived(&a, lang)
	case Underway:
		a.Party, next = Wait, soon
	case Held:
		a.Party, next = Operator, release
	case Waiting, Turned, Ended:
		next = f.troubled(&a, lang)
	}
	if f.state == Waiting {
		a.Until = f.next
	}
	if f.told != "" {
		a.What += " " + wasTold.In(lang)
	}
	if f.status != (dsn.Status{}) {
		a.Reply = f.status.String()
	}
	a.Whose, a.Next = partyTexts[a.Party].In(lang), next.In(lang)
	return a
}

// arrived says where a message is that has arrived.
func (f *fate) arrived(a *Answer, lang string) (Party, explain.Text) {
	switch {
	case f.mailbox != "":
		a.What += fmt.Sprintf(" "+inMailbox.In(lang), f.mailbox)
	case f.remote != "":
		a.What += fmt.Sprintf(" "+takenBy.In(lang), f.remote)
		return OtherSide, askThem
	}
	if f.mailbox == "Junk" {
		a.Cause, a.Why = "junk", suspicious.In(lang)
		if c := f.suspicion(); c != nil {
			a.Cause, a.Why = c.name, c.why.In(lang)
		}
		return Recipient, lookInJunk
	}
	return Nobody, nothing
}

// suspicion is why trust had a message put into Junk: the last line of its
// verdict, "because …". Nil: it did not, or there is no more to say.
func (f *fate) suspicion() *cause {
	_, because, found := strings.Cut(f.verdict, "\nbecause ")
	if !found {
		return nil
	}
	return causeOf(dsn.Status{}, because, f.to)
}

// troubled explains what stands in the way, and returns what to do.
func (f *fate) troubled(a *Answer, lang string) explain.Text {
	never := f.state == Ended || f.state == Turned && !f.status.Temporary()
	c := causeOf(f.status, f.reason, f.to)
	if c == nil {
		return f.unexplained(a, lang, never)
	}
	a.Cause, a.Why, a.Party = c.name, c.why.In(lang), c.later
	switch {
	case never:
		a.Party = c.never
	case c.away != "" && f.status.Remote != "":
		a.Party = c.away
	}
	if f.state == Turned && c.ours != "" {
		a.Party = c.ours
	}
	if f.state == Turned && a.Party == Wait { // it is not in our queue, but in theirs
		a.Party = Sender
		return tryAgain
	}
	return c.next
}

// unexplained falls back on the catalogue of codes.
func (f *fate) unexplained(a *Answer, lang string, never bool) explain.Text {
	a.Why = f.reason
	a.Party = Wait
	next := soon
	if never {
		a.Party, next = Sender, sendAnew
	}
	if f.state == Turned && !never {
		a.Party, next = Sender, tryAgain
	}
	if notes := explain.Find(f.status.String()); f.status != (dsn.Status{}) && len(notes) > 0 {
		last := notes[len(notes)-1]
		if a.Why = last.Meaning.In(lang); never {
			a.Party, next = turnParty(last.Turn), last.Next
		}
	}
	return next
}

// turnParty is whose move the catalogue of codes says it is, seen from here.
func turnParty(t explain.Turn) Party {
	switch t {
	case explain.Recipient:
		return Recipient
	case explain.Receiver:
		return OtherSide
	case explain.SenderAdmin:
		return Operator
	}
	return Sender
}

var stateTexts = map[State]explain.Text{
	Underway: {EN: "The message was taken; it is on its way.", VI: "Thư đã được nhận và đang trên đường đi."},
	Waiting:  {EN: "The message waits in the queue.", VI: "Thư đang chờ trong hàng đợi."},
	Held:     {EN: "The message is held by an administrator.", VI: "Thư đang bị quản trị viên giữ lại."},
	Dropped:  {EN: "The message was dropped by an administrator.", VI: "Thư đã bị quản trị viên xoá bỏ."},
	There:    {EN: "The message was delivered.", VI: "Thư đã được chuyển tới nơi."},
	Turned:   {EN: "The message was not taken.", VI: "Thư không được nhận."},
	Ended:    {EN: "The message could not be delivered; it is not tried again.", VI: "Không chuyển được thư; máy chủ không thử lại nữa."},
}

var (
	nothing    = explain.Text{EN: "Nothing has to be done.", VI: "Không cần làm gì."}
	soon       = explain.Text{EN: "Just wait.", VI: "Chỉ cần chờ."}
	release    = explain.Text{EN: "Release it (tem queue release) or drop it (tem queue drop).", VI: "Cho đi tiếp (tem queue release) hoặc xoá bỏ (tem queue drop)."}
	tryAgain   = explain.Text{EN: "The sender's server tries again by itself, as a rule; else send it anew later.", VI: "Máy chủ của người gửi thường sẽ tự thử lại; nếu không, hãy gửi lại sau."}
	sendAnew   = explain.Text{EN: "Read the reply, mend what it says, send it anew.", VI: "Đọc phản hồi, khắc phục rồi gửi lại."}
	inMailbox  = explain.Text{EN: "It lies in %s.", VI: "Thư nằm trong %s."}
	takenBy    = explain.Text{EN: "%s has taken responsibility for it.", VI: "%s đã nhận trách nhiệm về thư."}
	askThem    = explain.Text{EN: "If the recipient does not see it: look into their spam folder, then ask the other side's operator, quoting the reply.", VI: "Nếu người nhận không thấy: xem thư mục thư rác, rồi hỏi quản trị viên bên kia, kèm nguyên văn phản hồi."}
	suspicious = explain.Text{EN: "It was found suspicious.", VI: "Thư bị coi là đáng ngờ."}
	lookInJunk = explain.Text{EN: "Look into the folder Junk, and move it if it is good.", VI: "Xem trong thư mục Junk (thư rác), và chuyển ra nếu là thư tốt."}
	wasTold    = explain.Text{EN: "The sender was told.", VI: "Người gửi đã được báo."}
)
