package config

import (
	"fmt"

	"tem/internal/address"
)

// Reports says what other domains are told of mail in their name and of TLS on the way to them.
type Reports struct {
	DMARC        bool   `toml:"dmarc" doc:"Send DMARC aggregate reports once a day to the domains that ask for them (RFC 9990). What is judged is counted only where [trust] is enabled."`
	TLS          bool   `toml:"tls" doc:"Send TLS reports once a day to the domains that ask for them (RFC 8460)."`
	From         string `toml:"from" doc:"The address that reports come from; of a domain of ours with a DKIM key. \"\" is noreply-dmarc at the domain that hostname is in."`
	Organization string `toml:"organization" doc:"Who reports, as the reports name it; \"\" is the domain of from."`
	Contact      string `toml:"contact" doc:"Where people who read the reports can ask: an address or a web page; \"\" is from."`
}

// Address is From, null where it is not given.
func (r *Reports) Address() (address.Address, error) {
	if r.From == "" {
		return address.Address{}, nil
	}
	a, err := address.Parse(r.From)
	if err != nil || a.IsNull() {
		return a, fmt.Errorf("reports.from = %q: it is not an address", r.From)
	}
	return a, nil
}
