// Package explain is the catalogue of what mail servers answer: SMTP reply
// codes, enhanced status codes, and the response codes of POP3 and IMAP, each
// with its meaning, where it is raised, whose move it is and what to do, in
// English and Vietnamese.
//
// Invariant: every entry says everything in both languages. The catalogue is
// constant; the package holds no state.
package explain

// Text is one thing said in both languages.
type Text struct {
	EN string `json:"en,omitempty"`
	VI string `json:"vi,omitempty"`
}

// Class is what a reply asks of the client.
type Class uint8

const (
	Unclear   Class = iota // not a reply of any kind known here
	Success                // done
	Continue               // the server waits for more of the same command
	Temporary              // not now: the same may work later
	Permanent              // no: the same will fail again
)

var classTexts = [...]Text{
	Unclear:   {"not a known kind of reply", "không thuộc loại phản hồi nào đã biết"},
	Success:   {"success", "thành công"},
	Continue:  {"the server waits for more", "máy chủ chờ phần tiếp theo"},
	Temporary: {"temporary failure", "lỗi tạm thời"},
	Permanent: {"permanent failure", "lỗi vĩnh viễn"},
}

var classNames = [...]string{"unclear", "success", "continue", "temporary", "permanent"}

// Text names the class.
func (c Class) Text() Text { return classTexts[c] }

// MarshalText is the class's name in JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(classNames[c]), nil }

// Turn says whose move it is.
type Turn uint8

const (
	Nobody      Turn = iota // nothing has to be done
	Client                  // the program that speaks, or who types
	Sender                  // the person who wrote
	Recipient               // the person written to
	Receiver                // who runs the server that answered
	SenderAdmin             // who runs the sender's domain or server
	Wait                    // time: the sending server tries again by itself
)

var turnNames = [...]string{"nobody", "client", "sender", "recipient", "receiving-admin", "sending-admin", "wait"}

var turnTexts = [...]Text{
	Nobody:      {"nobody", "không ai cả"},
	Client:      {"you: the client that speaks", "bạn: máy khách đang nói chuyện với máy chủ"},
	Sender:      {"the sender", "người gửi"},
	Recipient:   {"the recipient", "người nhận"},
	Receiver:    {"the administrator of the server that answered", "quản trị viên của máy chủ đã trả lời"},
	SenderAdmin: {"the administrator of the sending side", "quản trị viên bên gửi"},
	Wait:        {"nobody yet: the sending server tries again by itself", "chưa ai cả: máy chủ gửi sẽ tự thử lại"},
}

// advice is what to do where an entry says nothing more precise.
var advice = [...]Text{
	Nobody:      {"Nothing; go on.", "Không cần làm gì; tiếp tục."},
	Client:      {"Correct the command and send it again.", "Sửa lại lệnh rồi gửi lại."},
	Sender:      {"Correct the address or the message and send it anew.", "Sửa lại địa chỉ hoặc nội dung thư rồi gửi thư mới."},
	Recipient:   {"Tell the recipient by another way.", "Báo cho người nhận bằng cách khác."},
	Receiver:    {"Tell the postmaster of that server, quoting the whole reply.", "Báo cho postmaster của máy chủ đó, kèm nguyên văn phản hồi."},
	SenderAdmin: {"Tell whoever runs your mail server, quoting the whole reply.", "Báo cho người quản trị máy chủ thư của bạn, kèm nguyên văn phản hồi."},
	Wait:        {"Wait; a bounce comes if it never succeeds.", "Chờ; nếu mãi không được, thư báo lỗi sẽ được trả về."},
}

// Text names whose move it is.
func (t Turn) Text() Text { return turnTexts[t] }

// MarshalText is the turn's name in JSON.
func (t Turn) MarshalText() ([]byte, error) { return []byte(turnNames[t]), nil }

// Note explains one code.
type Note struct {
	Protocol  string   `json:"protocol"` // SMTP, POP3 or IMAP
	Code      string   `json:"code"`     // as servers write it: 550, 5.1.1, -ERR [IN-USE], NO [OVERQUOTA]
	Known     bool     `json:"known"`    // false: explained by its digits or its kind alone
	Class     Class    `json:"class"`
	Meaning   Text     `json:"meaning"`
	Raised    []string `json:"raised,omitempty"` // commands and stages
	Turn      Turn     `json:"turn"`
	Next      Text     `json:"next"`
	Today     string   `json:"today,omitempty"` // of a historic code: what is answered instead
	Reference string   `json:"reference,omitempty"`
}

// stages are the words in Note.Raised that are not commands.
var stages = map[string]Text{
	"any":          {"any command", "mọi lệnh"},
	"connection":   {"the moment of connecting", "lúc kết nối"},
	"end of DATA":  {"the dot that ends DATA", "dấu chấm kết thúc DATA"},
	"bounce":       {"a delivery report (bounce)", "thư báo lỗi gửi trả"},
	"greeting":     {"the greeting", "lời chào của máy chủ"},
	"login":        {"USER/PASS, APOP or AUTH", "USER/PASS, APOP hoặc AUTH"},
	"queue":        {"the queue of the sending server", "hàng đợi của máy chủ gửi"},
	"unsolicited":  {"by the server without being asked", "máy chủ tự báo"},
	"old software": {"reports of old software only", "chỉ có trong báo cáo của phần mềm cũ"},
}

// stage is how a word of Note.Raised is said to people.
func stage(word string) Text {
	if t, ok := stages[word]; ok {
		return t
	}
	return Text{word, word}
}
