package trust

import (
	"testing"

	"tem/internal/trust/dmarc"
)

func TestDMARCPropertiesAreRegistered(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]dmarc.Result{
		"header.from=a.example polrec.p=reject":                               {From: "a.example", Domain: "a.example", Record: &dmarc.Record{P: dmarc.Reject}},
		"header.from=b.a.example polrec.p=quarantine polrec.domain=a.example": {From: "b.a.example", Domain: "a.example", Record: &dmarc.Record{P: dmarc.Quarantine}},
		"header.from=c.example":                                               {From: "c.example"},
	} {
		got := ""
		for i, p := range dmarcResult(&d).Props {
			if i > 0 {
				got += " "
			}
			got += p.Type + "." + p.Name + "=" + p.Value
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
