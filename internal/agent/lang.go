package agent

// labels are the words of tables and cards in one language.
type labels struct {
	from, to, cc, date, subject, attachment, note string
	id, created, delivered                        string
	withIP, withDomain, aligned, notAligned       string
	results, ignored, noResults                   string
	hop, seconds, slowest, skewed, clear          string
}

// words are the labels of a language; Vietnamese as in Figure 2 of §9.1.
func words(lang string) labels {
	if lang == "vi" {
		return labels{
			from: "Từ", to: "Tới", cc: "Đồng gửi", date: "Ngày", subject: "Chủ đề", attachment: "Tệp đính kèm", note: "Lưu ý",
			id: "ID thư", created: "Tạo lúc", delivered: "Đã gửi sau %d giây",
			withIP: "với IP", withDomain: "với miền", aligned: "khớp với From", notAligned: "không khớp với From",
			results: "Nguồn kết quả", ignored: "bỏ qua %d của nơi khác", noResults: "máy chủ không ghi kết quả nào",
			hop: "Chặng", seconds: "giây", slowest: "chậm nhất", skewed: "đồng hồ lệch", clear: "không mã hoá",
		}
	}
	return labels{
		from: "From", to: "To", cc: "Cc", date: "Date", subject: "Subject", attachment: "Attachment", note: "Note",
		id: "Message ID", created: "Created at", delivered: "Delivered after %d seconds",
		withIP: "with IP", withDomain: "with domain", aligned: "aligned with From", notAligned: "not aligned with From",
		results: "Results by", ignored: "%d of others ignored", noResults: "the server wrote none",
		hop: "Hop", seconds: "s", slowest: "the slowest", skewed: "clocks differ", clear: "not encrypted",
	}
}
