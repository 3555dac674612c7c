package outside

import "testing"

func TestNoTwoBasesShareAPort(t *testing.T) {
	t.Parallel()
	of := map[int]int{}
	for i := range bases {
		base := firstBase + i*baseStep
		for _, p := range offsets() {
			if other, taken := of[base+p]; taken {
				t.Fatalf("port %d is of %d and of %d", base+p, other, base)
			}
			if of[base+p] = base; base+p >= 32_768 {
				t.Fatalf("port %d is among those of outgoing connections", base+p)
			}
		}
	}
}

func TestFreeBaseIsGivenOutOnce(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range 20 {
		base := FreeBase(t)
		if given[base] {
			t.Fatalf("%d was given out twice", base)
		}
		given[base] = true
	}
}

// told is a test that is asked about: what went wrong is kept.
type told struct {
	testing.TB
	errors []string
}

func (t *told) Errorf(format string, _ ...any) { t.errors = append(t.errors, format) }

// TestEnd: an end that is not orderly is an error, unless the test wanted it.
func TestEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		wrong int
	}{
		"orderly":     {[]string{"true"}, 0},
		"with a code": {[]string{"false"}, 1},
		"by a signal": {[]string{"sleep", "1000"}, 1},
		"by the test": {[]string{"sleep", "1000"}, 0},
		"never begun": {nil, 0},
	} {
		var p *Process
		if c.args != nil {
			p = Start(t, NewLog(t, name), nil, c.args[0], c.args[1:]...)
		}
		switch name {
		case "by the test":
			p.Kill()
		case "orderly", "with a code":
			<-p.Exited()
		}
		w := &told{TB: t}
		p.End(w)
		if len(w.errors) != c.wrong {
			t.Errorf("%s: %d errors", name, len(w.errors))
		}
	}
}

func TestFirstLine(t *testing.T) {
	t.Parallel()
	f := newFirstLine()
	for _, part := range []string{"{", "}\n", "more\n", "and more"} {
		if n, err := f.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := <-f.line; got != "{}" {
		t.Errorf("%q", got)
	}
}
