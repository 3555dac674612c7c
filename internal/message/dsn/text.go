package dsn

import (
	"fmt"
	"strings"
)

// subjects are by action, the worst in the report.
var subjects = [...]string{
	failed:    "Undelivered mail returned to sender",
	delayed:   "Delayed mail (still being tried)",
	relayed:   "Mail handed on",
	expanded:  "Mail delivered to a list of people",
	delivered: "Mail delivered",
}

// language is the wording of the part for people.
type language struct {
	hello string // host and queue id go in
	says  [5]says
}

// says is what is said of all recipients with one action, before their list and
// after it. UNTIL there is the time when the server gives up.
type says struct{ before, after string }

var languages = [...]language{
	{
		hello: "This is the mail server %s. It reports on your message\r\nwith the queue id %s.\r\n",
		says: [...]says{
			failed:    {"It could not be delivered to:", "It will not be tried again. Please check each address and the reason beside\r\nit, and send the message again if it still matters."},
			delayed:   {"It has not been delivered yet to:", "The server keeps trying until\r\nUNTIL.\r\nYou need not do anything, nor send the message again."},
			relayed:   {"It was handed on to the server of:", "That server does not say what becomes of mail. You may hear no more."},
			expanded:  {"This address stands for several people, and the message goes to each:", "You may hear no more, unless it can't be delivered."},
			delivered: {"It was delivered to:", ""},
		},
	},
	{
		hello: "Đây là máy chủ thư %s, báo về thư của bạn\r\ncó mã hàng đợi %s.\r\n",
		says: [...]says{
			failed:    {"Thư không gửi được tới:", "Máy chủ sẽ không thử lại. Xin kiểm tra từng địa chỉ và lý do ghi bên cạnh,\r\nrồi gửi lại nếu thư vẫn còn cần thiết."},
			delayed:   {"Thư chưa gửi được tới:", "Máy chủ sẽ tiếp tục thử đến\r\nUNTIL.\r\nBạn không cần làm gì, cũng không cần gửi lại."},
			relayed:   {"Thư đã được chuyển tới máy chủ của:", "Máy chủ ấy không báo lại kết quả. Có thể bạn sẽ không nhận thêm tin nào."},
			expanded:  {"Địa chỉ này là của một nhóm người, và thư được chuyển tới từng người:", "Có thể bạn sẽ không nhận thêm tin nào, trừ khi thư không gửi được."},
			delivered: {"Thư đã được giao tới:", ""},
		},
	},
}

// writeText writes the part for people: what happened, whose move it is, in
// English and in Vietnamese.
func (r *Report) writeText(b *strings.Builder) {
	for i, l := range languages {
		if i > 0 {
			b.WriteString("\r\n" + strings.Repeat("-", 60) + "\r\n\r\n")
		}
		fmt.Fprintf(b, l.hello, line(r.Host), line(r.QueueID))
		for a, says := range l.says {
			r.writeAction(b, action(a), says)
		}
	}
}

// writeAction writes about the recipients with one action, if there are any.
func (r *Report) writeAction(b *strings.Builder, a action, says says) {
	var list strings.Builder
	for _, to := range r.Recipients {
		if r.action(&to) == a {
			fmt.Fprintf(&list, "  <%s>\r\n      %s\r\n", line(to.Address), line(to.Status.String()))
		}
	}
	if list.Len() == 0 {
		return
	}
	fmt.Fprintf(b, "\r\n%s\r\n\r\n%s", says.before, list.String())
	switch {
	case says.after == "", a == delayed && r.Until.IsZero():
	default:
		fmt.Fprintf(b, "\r\n%s\r\n", strings.Replace(says.after, "UNTIL", date(r.Until), 1))
	}
}
