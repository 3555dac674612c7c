package message

import (
	"testing"
	"time"
)

func TestParseReceived(t *testing.T) {
	t.Parallel()
	at := time.Date(2020, 11, 19, 9, 0, 25, 0, time.UTC)
	for _, tt := range []struct {
		value string
		want  Received
	}{
		{"from mail-sor-f69.google.com (mail-sor-f69.google.com. [209.85.220.69])\r\n        by mx.google.com with SMTPS id x1sor\r\n        for <an@hanoi.example>\r\n        (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128); Thu, 19 Nov 2020 01:00:25 -0800 (PST)",
			Received{From: "mail-sor-f69.google.com", Peer: "mail-sor-f69.google.com. [209.85.220.69]", By: "mx.google.com", With: "SMTPS", ID: "x1sor", For: "an@hanoi.example",
				TLS: "version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128", Date: at}},
		{"from a (b (nested \\) c) [1.2.3.4]) (using TLSv1.3) by from with by; 19 Nov 2020 09:00:25 +0000", Received{From: "a", Peer: "b (nested \\) c) [1.2.3.4]", TLS: "using TLSv1.3", By: "from", With: "by", Date: at}},
		{"by 2002:a05:6402:50c6 with SMTP id x; Thu, 19 Nov 2020 01:00:25 -0800", Received{By: "2002:a05:6402:50c6", With: "SMTP", ID: "x", Date: at}},
		{"(qmail 123 invoked by uid 5); 19 Nov 2020 09:00:25 -0000", Received{Date: at}},
		{"from (unclosed", Received{Peer: "unclosed"}},
		{"", Received{}},
		{";", Received{}},
	} {
		got := ParseReceived(tt.value)
		if !got.Date.Equal(tt.want.Date) {
			t.Errorf("%q: date %v", tt.value, got.Date)
		}
		if got.Date = tt.want.Date; got != tt.want {
			t.Errorf("%q:\ngot  %+v\nwant %+v", tt.value, got, tt.want)
		}
	}
}

func FuzzParseReceived(f *testing.F) {
	f.Add("from a (b [1.2.3.4]) by c with ESMTPS (TLS 1.3) id d for <e@f>; Thu, 19 Nov 2020 01:00:25 -0800 (PST)")
	f.Add("from ((((by")
	f.Add("from a(\\")
	f.Fuzz(func(t *testing.T, value string) {
		r := ParseReceived(value)
		if n := len(r.From) + len(r.By) + len(r.With) + len(r.ID) + len(r.For); n > len(value) {
			t.Errorf("%d octets out of %d", n, len(value))
		}
	})
}
