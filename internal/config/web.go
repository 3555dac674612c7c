package config

import (
	"fmt"

	"tem/internal/transport/sts"
)

// Web says what the web server tells.
type Web struct {
	MTASTS string `toml:"mta_sts" doc:"Mode of the MTA-STS policy (RFC 8461) of all domains, which tells other servers to insist on TLS: \"testing\" has them report failures, \"enforce\" has them keep mail back rather than send it in clear, \"none\" takes a policy back that was published before; \"\" publishes none. tem dns records prints what belongs to it."`
}

func (w Web) check() error {
	switch w.Mode() {
	case "", sts.None, sts.Testing, sts.Enforce:
		return nil
	}
	return fmt.Errorf("web.mta_sts = %q: it may be \"testing\", \"enforce\", \"none\" or \"\"", w.MTASTS)
}

// Mode is that of the policy; "": there is none.
func (w Web) Mode() sts.Mode { return sts.Mode(w.MTASTS) }
