package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"tem/internal/kv"
)

// logger hands the library's messages to slog.
type logger struct {
	log   *slog.Logger
	death *kv.Death
	told  *sync.Map // paths of files that were said to be damaged
}

// damaged is told each time that a checksum is wrong. It is not the end: who
// reads that part gets an error, and everything else can still be read.
func (l logger) damaged(info pebble.DataCorruptionInfo) {
	if _, told := l.told.LoadOrStore(info.Path, true); !told {
		l.log.Error("kv: a file of the store is damaged, some of it can't be read; `tem store check` says what is lost", "file", info.Path, "err", info.Details)
	}
}

func (l logger) Infof(format string, args ...any)  {} // flushes and compactions: of no use to an operator
func (l logger) Errorf(format string, args ...any) { l.log.Warn("kv: " + fmt.Sprintf(format, args...)) }

// background is told when a flush or a compaction failed. The library tries
// again at once and for ever; on a disk that is full or broken that would keep
// a processor busy, and hold up Close, so it is the end.
func (l logger) background(err error) {
	if pebble.IsCorruptionError(err) {
		return // damaged has said it
	}
	for _, hopeless := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, hopeless) {
			l.log.Error("kv: the store has failed", "err", err.Error())
			l.death.Die(err)
			return
		}
	}
	l.log.Warn("kv: background error", "err", err.Error())
}

// Fatalf is called where the library can't go on. For a failed commit it
// expects nothing, and the committer sees the death next; elsewhere (the
// manifest could not be written) going on would lose data, so the goroutine
// stays here and the process is for OnFatal to end.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.log.Error("kv: the store has failed", "err", err)
	l.death.Die(err)
	if !strings.HasPrefix(format, "pebble: fatal commit error") {
		select {}
	}
}
