package agent

// labels are the words of tables and cards in one language.
type labels struct {
	from, to, cc, date, subject, attachment, note string
	id, created, delivered                        string
}

// words are the labels of a language; Vietnamese as in Figure 2 of §9.1.
func words(lang string) labels {
	if lang == "vi" {
		return labels{
			from: "Từ", to: "Tới", cc: "Đồng gửi", date: "Ngày", subject: "Chủ đề", attachment: "Tệp đính kèm", note: "Lưu ý",
			id: "ID thư", created: "Tạo lúc", delivered: "Đã gửi sau %d giây",
		}
	}
	return labels{
		from: "From", to: "To", cc: "Cc", date: "Date", subject: "Subject", attachment: "Attachment", note: "Note",
		id: "Message ID", created: "Created at", delivered: "Delivered after %d seconds",
	}
}
