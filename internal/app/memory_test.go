package app

import "testing"

func TestMemoryIsGivenBackWhenQuiet(t *testing.T) {
	t.Parallel()
	var q quiet
	total, got := uint64(0), ""
	for _, step := range []uint64{busyFrom, 0, 100, 100, busyFrom, 0, 0, busyFrom - 1, 0, 0, 0, 0, busyFrom, 0, 0, 0} {
		total += step
		got += map[bool]string{true: "x", false: "."}[q.due(total)]
	}
	if want := "...x...xxx.....x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
