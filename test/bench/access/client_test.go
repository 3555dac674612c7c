package main

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

// answerOf reads one answer from what a server sent.
func answerOf(t *testing.T, sent string) (*client, answer, error) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		_, _ = there.Write([]byte(sent))
		there.Close()
	}()
	c := &client{Conn: here, in: bufio.NewReaderSize(here, 4096)}
	a, err := c.finish()
	return c, a, err
}

func TestAnswerEndsAtItsTaggedLine(t *testing.T) {
	t.Parallel()
	text := "* 1 FETCH (BODY[] {23}\r\na OK this is a literal\r\n FLAGS ())\r\n* 7 EXISTS\r\n* 2 EXPUNGE\r\n* OK [UIDVALIDITY 5] x\r\na OK done\r\n"
	c, a, err := answerOf(t, text)
	if err != nil || a.tagged != "OK done" {
		t.Fatalf("%+v, %v", a, err)
	}
	if a.octets != int64(len(text)) || a.untagged != 4 || a.fetched != 1 || c.exists != 6 || a.value("UIDVALIDITY") != "5" {
		t.Errorf("%d octets of %d, %+v, %d messages", a.octets, len(text), a, c.exists)
	}
}

func TestNumbersAreCountedInLongLines(t *testing.T) {
	t.Parallel()
	for _, count := range []int{0, 3, 5000} {
		_, a, err := answerOf(t, "* SEARCH"+strings.Repeat(" 12345", count)+"\r\na OK\r\n")
		if err != nil || a.numbers != count {
			t.Errorf("%d numbers, not %d (%v)", a.numbers, count, err)
		}
	}
}

func TestRefusalIsNoFailure(t *testing.T) {
	t.Parallel()
	if _, _, err := answerOf(t, "a NO [CANNOT] no\r\n"); err != (refused{"NO [CANNOT] no"}) {
		t.Error(err)
	}
}
