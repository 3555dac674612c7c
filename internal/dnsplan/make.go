package dnsplan

import (
	"fmt"
	"net/netip"

	"tem/internal/explain"
	"tem/internal/trust/dnsbl"
)

// reportBox is the mailbox for reports about a domain: the one that every
// domain must have (RFC 5321 §4.5.1).
const reportBox = "postmaster"

// Make plans the records of a domain.
func Make(site Site, domain string, keys []Key) Plan {
	m := maker{site: site, domain: domain}
	m.arrive()
	m.host()
	m.leave(keys)
	if site.STS != "" {
		m.policy()
	}
	m.encrypt()
	m.programs()
	return Plan{Domain: domain, Site: site, Records: m.records, Policy: m.text}
}

type maker struct {
	site    Site
	domain  string
	records []Record
	text    string // of the MTA-STS policy
}

func (m *maker) add(p Purpose, name, kind, data string, why explain.Text) *Record {
	m.records = append(m.records, Record{Purpose: p, Name: name, Type: kind, Data: data, Move: DNSProvider, Why: why})
	return &m.records[len(m.records)-1]
}

// arrive has what mail needs to come here.
func (m *maker) arrive() {
	m.add(ForMX, m.domain, "MX", "10 "+m.site.Hostname+".", say(
		"Mail for the domain comes to this server.",
		"Thư gửi đến tên miền sẽ về máy chủ này."))
}

// host has the names and addresses of the machine itself.
func (m *maker) host() {
	for _, a := range m.site.Addresses {
		m.add(ForHost, m.site.Hostname, addressType(a), a.String(), say(
			"Where the server is. No CNAME: MX must not point at an alias (RFC 5321 §5.1).",
			"Địa chỉ của máy chủ. Không dùng CNAME: MX không được trỏ đến bí danh (RFC 5321 §5.1)."))
	}
	for _, a := range m.site.Addresses {
		m.add(ForReverse, reverseName(a), "PTR", m.site.Hostname+".", say(
			"The address must point back to the name: Gmail, Microsoft and Yahoo refuse mail from an address that does not.",
			"Địa chỉ phải trỏ ngược về tên máy chủ: Gmail, Microsoft và Yahoo từ chối thư từ địa chỉ không có bản ghi này.",
		)).Move = HostingProvider
	}
	if m.site.Hostname != m.domain {
		m.add(ForHostSPF, m.site.Hostname, "TXT", "v=spf1 a -all", say(
			"Reports have an empty sender; then the name with which the server greets is checked (RFC 7208 §2.4).",
			"Thư báo lỗi không có người gửi; khi đó tên mà máy chủ xưng sẽ được kiểm tra (RFC 7208 §2.4)."))
	}
}

// leave has what makes others believe mail that leaves.
func (m *maker) leave(keys []Key) {
	m.add(ForSPF, m.domain, "TXT", "v=spf1 mx -all", say(
		"Only the servers that take the domain's mail also send it; add others here if there are any (SPF, RFC 7208).",
		"Chỉ máy chủ nhận thư của tên miền mới được gửi thư; nếu còn nơi khác gửi thì thêm vào đây (SPF, RFC 7208)."))
	for _, k := range keys {
		m.add(ForDKIM, k.Selector+"._domainkey."+m.domain, "TXT", k.Record, say(
			"The public key with which others check this server's signatures (DKIM, RFC 6376).",
			"Khóa công khai để nơi khác kiểm tra chữ ký của máy chủ này (DKIM, RFC 6376)."))
	}
	m.add(ForDMARC, "_dmarc."+m.domain, "TXT", fmt.Sprintf("v=DMARC1; p=quarantine; rua=mailto:%s@%s", reportBox, m.domain), say(
		"What others do with mail that pretends to be from the domain, and where they report (DMARC, RFC 9989). Begin with p=none while other systems send for the domain too; the mailbox must exist.",
		"Nơi khác xử lý thư giả mạo tên miền thế nào và gửi báo cáo về đâu (DMARC, RFC 9989). Bắt đầu bằng p=none nếu còn hệ thống khác gửi thư cho tên miền; hộp thư nhận báo cáo phải tồn tại."))
}

// policy announces the MTA-STS policy.
func (m *maker) policy() {
	text, id := STSPolicy(m.site.Hostname, m.site.STS)
	m.text = text
	m.add(ForSTS, "_mta-sts."+m.domain, "TXT", "v=STSv1; id="+id, say(
		"Others fetch the TLS policy anew when this id changes (MTA-STS, RFC 8461).",
		"Nơi khác tải lại chính sách TLS khi id này thay đổi (MTA-STS, RFC 8461).")).Optional = true
	if host := "mta-sts." + m.domain; host != m.site.Hostname {
		m.add(ForSTSHost, host, "CNAME", m.site.Hostname+".", say(
			"The web server from which the policy is fetched; its certificate must be for this name.",
			"Máy chủ web cung cấp chính sách; chứng chỉ của nó phải có tên này.")).Optional = true
	}
}

// encrypt has what else makes others insist on TLS.
func (m *maker) encrypt() {
	m.add(ForTLSRPT, "_smtp._tls."+m.domain, "TXT", fmt.Sprintf("v=TLSRPTv1; rua=mailto:%s@%s", reportBox, m.domain), say(
		"Where others report when TLS to this server fails (RFC 8460).",
		"Nơi nhận báo cáo khi kết nối TLS đến máy chủ này thất bại (RFC 8460).")).Optional = true
	if m.site.SPKI != "" {
		m.add(ForDANE, "_25._tcp."+m.site.Hostname, "TLSA", "3 1 1 "+m.site.SPKI, say(
			"The key of this server's certificate (DANE, RFC 7672). Only if the zone is signed with DNSSEC; a new key must be published before it is used.",
			"Khóa trong chứng chỉ của máy chủ này (DANE, RFC 7672). Chỉ dùng khi vùng DNS được ký DNSSEC; khóa mới phải được công bố trước khi dùng.",
		)).Optional = true
	}
}

type servicePriority struct {
	name     string
	priority int
}

// priorities of services: those with TLS from the first octet first (RFC 8314
// §5.1), IMAP before POP3.
func priorities() []servicePriority {
	return []servicePriority{{"submissions", 0}, {"submission", 10}, {"imaps", 0}, {"imap", 10}, {"pop3s", 20}, {"pop3", 30}}
}

// programs has what mail programs find their settings by (RFC 6186).
func (m *maker) programs() {
	for _, p := range priorities() {
		for _, s := range m.site.Services {
			if s.Name == p.name {
				m.service(s, p.priority)
			}
		}
	}
	why := say("Where mail programs ask for their settings; of use once a web server answers there (listen.https).",
		"Nơi phần mềm thư hỏi cấu hình; có ích khi có máy chủ web trả lời ở đó (listen.https).")
	if m.site.Web {
		why = say("Where mail programs ask this server for their settings; its certificate must be for this name.",
			"Nơi phần mềm thư hỏi máy chủ này về cấu hình; chứng chỉ của nó phải có tên này.")
	}
	for _, name := range []string{"autoconfig", "autodiscover"} {
		if host := name + "." + m.domain; host != m.site.Hostname {
			m.add(ForConfig, host, "CNAME", m.site.Hostname+".", why).Optional = true
		}
	}
}

func (m *maker) service(s Service, priority int) {
	name := "_" + s.Name + "._tcp." + m.domain
	if s.Port == 0 {
		m.add(ForService, name, "SRV", "0 0 0 .", say(
			"This service is off: mail programs need not try (RFC 6186 §3.4).",
			"Dịch vụ này không mở: phần mềm thư không cần thử (RFC 6186 §3.4).")).Optional = true
		return
	}
	m.add(ForService, name, "SRV", fmt.Sprintf("%d 1 %d %s.", priority, s.Port, m.site.Hostname), say(
		"Where mail programs find this service (RFC 6186, RFC 8314).",
		"Nơi phần mềm thư tìm dịch vụ này (RFC 6186, RFC 8314).")).Optional = true
}

func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// reverseName is the name at which an address is looked up (RFC 1035 §3.5, RFC 3596 §2.5).
func reverseName(a netip.Addr) string {
	if a.Is4() {
		return dnsbl.Name(a) + ".in-addr.arpa"
	}
	return dnsbl.Name(a) + ".ip6.arpa"
}
