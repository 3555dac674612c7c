package config

import (
	"strings"
	"testing"
)

func TestReports(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Hostname = "mail.hanoi.example"
	if !c.Reports.DMARC || !c.Reports.TLS {
		t.Error("reports are off unless asked for")
	}
	c.Reports.From = "not an address"
	c.TLS.Cert, c.TLS.Key = "cert.pem", "key.pem"
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), `reports.from = "not an address"`) {
		t.Error(err)
	}
	c.Reports.From = "reports@hanoi.example"
	if a, err := c.Reports.Address(); err != nil || a.Domain != "hanoi.example" {
		t.Error(a, err)
	}
}
