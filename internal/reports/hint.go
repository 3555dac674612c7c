package reports

import (
	"fmt"
	"strings"
)

// Hint says to people what a count means and what to do, in their language.
type Hint struct {
	EN string `json:"en"`
	VI string `json:"vi"`
}

// In is the hint in a language, English where there is no other.
func (h Hint) In(lang string) string {
	if lang == "vi" && h.VI != "" {
		return h.VI
	}
	return h.EN
}

// hint tells what a source is, as far as its counts say. They are judged by
// what most of its messages did: a few that were changed on their way mean nothing.
func (s *Source) hint() Hint {
	most := func(n int64) bool { return 10*n >= 9*s.Messages }
	bad := !most(s.Passed)
	switch {
	case s.Messages == 0:
		return Hint{}
	case bad && s.Forwarded > 0:
		return Hint{"forwards mail of yours, or is a mailing list: nothing to do.", "chuyển tiếp thư của bạn, hoặc là danh sách thư: không cần làm gì."}
	case bad && len(s.Signers) > 0:
		who := strings.Join(s.Signers, ", ")
		return Hint{fmt.Sprintf("signs as %s, not as you: if it is a service that sends for you, have it sign with a key of your domain (DKIM).", who),
			fmt.Sprintf("ký bằng %s, không phải tên miền của bạn: nếu đó là dịch vụ gửi thay bạn, hãy để nó ký bằng khóa DKIM của tên miền bạn.", who)}
	case bad && len(s.Envelope) > 0:
		who := strings.Join(s.Envelope, ", ")
		return Hint{fmt.Sprintf("sends with return paths at %s, without your DKIM: if it is a service that sends for you, have it sign with a key of your domain; if not, it is forged or forwarded.", who),
			fmt.Sprintf("gửi với địa chỉ trả về ở %s, không có DKIM của bạn: nếu đó là dịch vụ gửi thay bạn, hãy để nó ký bằng khóa của tên miền bạn; nếu không, thư bị giả mạo hoặc được chuyển tiếp.", who)}
	case bad:
		return Hint{"sends as you without SPF or DKIM: if it is yours, add it to the SPF record and have it sign; if not, somebody forges your name, which p=quarantine or p=reject stops.",
			"gửi dưới tên bạn mà không có SPF hay DKIM: nếu là máy của bạn, hãy thêm vào bản ghi SPF và cho nó ký; nếu không, có người giả mạo tên bạn, p=quarantine hoặc p=reject sẽ chặn việc đó."}
	case !most(s.DKIM) && s.SPF > 0:
		return Hint{"passes by SPF alone: have it sign with DKIM, since forwarding breaks SPF.", "chỉ đạt nhờ SPF: hãy cho nó ký DKIM, vì chuyển tiếp làm hỏng SPF."}
	case !most(s.SPF):
		return Hint{"passes by DKIM alone: fine for forwarded mail; if it is a machine of yours, add it to the SPF record.", "chỉ đạt nhờ DKIM: bình thường với thư chuyển tiếp; nếu là máy của bạn, hãy thêm vào bản ghi SPF."}
	}
	return Hint{"passes: all is well.", "đạt: mọi thứ đều ổn."}
}

// tlsHint tells what a result type means (RFC 8460 §4.3).
func tlsHint(result string) Hint {
	switch result {
	case "starttls-not-supported":
		return Hint{"The server did not offer TLS: switch STARTTLS on, or look for something on the way that takes it out.", "Máy chủ không đề nghị TLS: hãy bật STARTTLS, hoặc tìm thiết bị trên đường truyền đã gỡ bỏ nó."}
	case "certificate-host-mismatch":
		return Hint{"The certificate is not for the name in the MX record: get one for that name.", "Chứng chỉ không dành cho tên trong bản ghi MX: hãy lấy chứng chỉ cho tên đó."}
	case "certificate-expired":
		return Hint{"The certificate has expired: renew it.", "Chứng chỉ đã hết hạn: hãy gia hạn."}
	case "certificate-not-trusted":
		return Hint{"The certificate is of no authority that others trust, or its chain is not complete: serve the full chain.", "Chứng chỉ không do nơi được tin cậy cấp, hoặc thiếu chứng chỉ trung gian: hãy gửi đủ chuỗi."}
	case "validation-failure":
		return Hint{"TLS failed for another reason: see what the reports say, and try `tem check mta-sts` and `tem check dane`.", "TLS thất bại vì lý do khác: xem báo cáo, và thử `tem check mta-sts`, `tem check dane`."}
	case "tlsa-invalid":
		return Hint{"A TLSA record does not fit the certificate: publish the new record before the new certificate.", "Bản ghi TLSA không khớp chứng chỉ: hãy công bố bản ghi mới trước khi đổi chứng chỉ."}
	case "dnssec-invalid", "dane-required":
		return Hint{"DNSSEC of the domain or of the server's zone is broken: check it with the DNS provider.", "DNSSEC của tên miền hoặc của vùng máy chủ bị hỏng: hãy kiểm tra với nhà cung cấp DNS."}
	case "sts-policy-fetch-error", "sts-webpki-invalid":
		return Hint{"The MTA-STS policy could not be fetched: the web server at mta-sts.DOMAIN must answer with a good certificate.", "Không tải được chính sách MTA-STS: máy chủ web ở mta-sts.TÊN-MIỀN phải trả lời với chứng chỉ hợp lệ."}
	case "sts-policy-invalid":
		return Hint{"The MTA-STS policy can't be read, or does not name the server.", "Chính sách MTA-STS không đọc được, hoặc không nêu tên máy chủ."}
	}
	return Hint{}
}
