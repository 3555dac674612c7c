package pop3server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
)

// In whatever order messages are asked for, each is itself: more of them than
// are read together, some larger than others, some deleted on the way.
func TestEachMessageIsItself(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHouse(t)
	const many = 2*aheadMost + 20
	want := func(n int) string {
		return fmt.Sprintf("Subject: %d\r\n\r\n%s\r\n", n, strings.Repeat(fmt.Sprint(n%10), n*100%9000))
	}
	for n := 4; n <= many; n++ {
		h.deliver(t, want(n))
	}
	c := h.connect(t)
	must(t, c.Login(ctx, "an@hanoi.example", "secret"))
	check := func(n int) {
		t.Helper()
		body, err := c.Retr(ctx, n)
		must(t, err)
		if text, err := io.ReadAll(body); err != nil || string(text) != want(n) {
			t.Errorf("message %d: %.60q, %v", n, text, err)
		}
	}
	for n := 4; n <= many; n++ {
		check(n)
		if n%7 == 0 {
			must(t, c.Dele(ctx, n))
		}
	}
	for _, n := range []int{10, 11, 12, 4, 5, 100, 99, 101, 102} {
		check(n)
	}
	must(t, c.Quit(ctx))
}
