package imap

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAppendThreads has the examples of RFC 5256 §3 and §4 among others.
func TestAppendThreads(t *testing.T) {
	t.Parallel()
	for want, nodes := range map[string][]ThreadNode{
		"":                             nil,
		"(2)(3 6 (4 23)(44 7 96))":     {{2, 0}, {3, 1}, {6, 2}, {4, 1}, {23, 0}, {44, 1}, {7, 1}, {96, 0}},
		"((3)(5))":                     {{0, 2}, {3, 0}, {5, 0}},
		"(172)((170)(179))(171)":       {{172, 0}, {0, 2}, {170, 0}, {179, 0}, {171, 0}},
		"(194 195)(196 (197)(198))":    {{194, 1}, {195, 0}, {196, 2}, {197, 0}, {198, 0}},
		"((177)(188 (184)(189))(7 8))": {{0, 3}, {177, 0}, {188, 2}, {184, 0}, {189, 0}, {7, 1}, {8, 0}},
		"(1 (2 (3 (4)(5))(6))(7))(8)":  {{1, 2}, {2, 2}, {3, 2}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}},
	} {
		if got := string(AppendThreads(nil, nodes)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if back := readThreads(want); !slices.Equal(back, nodes) {
			t.Errorf("%s read as %v, want %v", want, back, nodes)
		}
	}
}

func TestAppendDeepThreads(t *testing.T) {
	t.Parallel()
	const n = 100000
	chain, stairs := make([]ThreadNode, n), make([]ThreadNode, 0, n)
	for i := range uint32(n) {
		chain[i] = ThreadNode{i + 1, 1}
	}
	chain[n-1].Children = 0
	for i := range uint32(n / 2) {
		stairs = append(stairs, ThreadNode{2*i + 1, 2}, ThreadNode{2*i + 2, 0})
	}
	stairs = append(stairs, ThreadNode{n + 1, 0})
	if got := AppendThreads(nil, chain); !slices.Equal(got[len(got)-13:], []byte(" 99999 100000)")[1:]) {
		t.Errorf("a chain ends with %s", got[len(got)-13:])
	}
	if got := string(AppendThreads(nil, stairs)); !strings.HasSuffix(got, "(100001)"+strings.Repeat(")", n/2)) {
		t.Errorf("stairs end with %s", got[len(got)-20:])
	}
}

// readThreads is AppendThreads backwards.
func readThreads(s string) (nodes []ThreadNode) {
	for s != "" {
		nodes = append(nodes, readThread(&s)...)
	}
	return nodes
}

// readThread reads one list and takes it off.
func readThread(s *string) (nodes []ThreadNode) {
	*s = (*s)[1:]
	parent := -1
	for {
		switch c := (*s)[0]; {
		case c == ')':
			*s = (*s)[1:]
			return nodes
		case c == ' ':
			*s = (*s)[1:]
		case c == '(':
			if parent < 0 {
				nodes, parent = append(nodes, ThreadNode{}), 0
			}
			nodes[parent].Children++
			nodes = append(nodes, readThread(s)...)
		default:
			end := strings.IndexAny(*s, " )")
			num, _ := strconv.Atoi((*s)[:end])
			if *s = (*s)[end:]; parent >= 0 {
				nodes[parent].Children++
			}
			nodes, parent = append(nodes, ThreadNode{Number: uint32(num)}), len(nodes)
		}
	}
}

func FuzzThreads(f *testing.F) {
	f.Add([]byte{1, 1, 0, 2, 0, 0, 3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, shape []byte) {
		var nodes []ThreadNode
		for len(shape) > 0 {
			var tree []ThreadNode
			tree, shape = treeOf(shape, true)
			nodes = append(nodes, tree...)
		}
		for i := range nodes {
			if nodes[i].Number != 0 {
				nodes[i].Number = uint32(i + 1)
			}
		}
		written := string(AppendThreads(nil, nodes))
		if back := readThreads(written); !slices.Equal(back, nodes) {
			t.Errorf("%v written as %s, read as %v", nodes, written, back)
		}
	})
}

// treeOf takes each octet for a number of children.
func treeOf(shape []byte, top bool) ([]ThreadNode, []byte) {
	if len(shape) == 0 {
		return []ThreadNode{{Number: 1}}, nil
	}
	n := ThreadNode{Number: 1, Children: uint32(shape[0] % 4)}
	if top && n.Children > 1 && shape[0] > 127 {
		n.Number = 0
	}
	nodes, rest := []ThreadNode{n}, shape[1:]
	for range n.Children {
		var tree []ThreadNode
		tree, rest = treeOf(rest, false)
		nodes = append(nodes, tree...)
	}
	return nodes, rest
}
