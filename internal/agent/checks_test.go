package agent

import (
	"testing"

	"tem/internal/message"
)

func TestOnlyOurServersResultsCount(t *testing.T) {
	t.Parallel()
	const (
		inner  = "Received: by 2002:a05:1 with SMTP id x; Thu, 19 Nov 2020 01:00:26 -0800\r\n"
		border = "Received: from evil.example (evil [192.0.2.9]) by mx.us.example with ESMTP; Thu, 19 Nov 2020 01:00:25 -0800\r\n"
		older  = "Received: from x by evil.example; Thu, 19 Nov 2020 01:00:20 -0800\r\n"
		ours   = "Authentication-Results: mx.us.example; spf=fail smtp.mailfrom=a@b.example\r\n"
		theirs = "Authentication-Results: evil.example; dkim=pass header.d=b.example\r\n"
		forged = "Authentication-Results: mx.us.example; dkim=pass header.d=b.example\r\n"
		from   = "From: a@b.example\r\n\r\n"
	)
	for _, tt := range []struct {
		name, header, server string
		results, ignored     int
	}{
		{"on top", ours + border + older + from, "mx.us.example", 1, 0},
		{"behind an inner hop", inner + ours + border + from, "mx.us.example", 1, 0},
		{"behind the border", border + ours + older + from, "mx.us.example", 1, 0},
		{"of another", border + theirs + from, "", 0, 1},
		{"forged, beside ours", ours + border + older + forged + from, "mx.us.example", 1, 1},
		{"forged, alone", border + older + forged + from, "", 0, 1},
		{"another's beside ours", ours + theirs + border + from, "mx.us.example", 1, 1},
		{"none", border + from, "", 0, 0},
	} {
		c := readChecks(message.Header(tt.header))
		if c.Server != tt.server || len(c.Results) != tt.results || c.Ignored != tt.ignored {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

func TestHopsTellDelaysAndSkew(t *testing.T) {
	t.Parallel()
	list := hops(message.Header("Received: from c by d; 19 Nov 2020 09:01:00 +0000\r\nReceived: from b by c; 19 Nov 2020 09:01:05 +0000\r\n" +
		"Received: from a by b; 19 Nov 2020 09:00:00 +0000\r\nReceived: nonsense\r\n\r\n"))
	if len(list) != 4 || list[1].Seconds != nil || *list[2].Seconds != 65 || !list[2].Slowest || *list[3].Seconds != -5 || list[3].Slowest {
		t.Errorf("%+v", list)
	}
}
