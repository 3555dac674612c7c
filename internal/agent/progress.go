package agent

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows a transfer that takes longer than a second, on a terminal.
type bar struct {
	env   *Env
	what  string
	start time.Time
	pb    *progressbar.ProgressBar
}

func (e *Env) progress(what string) *bar { return &bar{env: e, what: what, start: e.Now()} }

func (b *bar) at(n, total int64) {
	if !b.env.ErrTTY || b.env.Trace || b.pb == nil && b.env.Now().Sub(b.start) < time.Second {
		return
	}
	if b.pb == nil || b.pb.GetMax64() != total {
		b.pb = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.env.Err),
			progressbar.OptionSetDescription(b.what), progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
	}
	_ = b.pb.Set64(n)
}

func (b *bar) done() {
	if b.pb != nil {
		_ = b.pb.Finish()
	}
}
