package memory

import (
	"bytes"
	"math/rand/v2"
)

// node is the root of a persistent treap: a search tree by key and a heap by
// prio. Nodes are never changed once reachable; writes copy their path. A nil
// node is the empty tree.
type node struct {
	key, val    []byte
	prio        uint64
	left, right *node
}

func (n *node) get(key []byte) ([]byte, bool) {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c < 0:
			n = n.left
		case c > 0:
			n = n.right
		default:
			return n.val, true
		}
	}
	return nil, false
}

// set returns the tree with key at val.
func (n *node) set(key, val []byte) *node {
	below, rest := n.split(key)
	_, above := rest.split(append(bytes.Clone(key), 0))
	return join(join(below, &node{key: key, val: val, prio: rand.Uint64()}), above)
}

// remove returns the tree without lo <= key < hi.
func (n *node) remove(lo, hi []byte) *node {
	if bytes.Compare(lo, hi) >= 0 {
		return n
	}
	below, rest := n.split(lo)
	_, above := rest.split(hi)
	return join(below, above)
}

// split returns the keys below key and the others.
func (n *node) split(key []byte) (below, rest *node) {
	if n == nil {
		return nil, nil
	}
	c := *n
	if bytes.Compare(n.key, key) < 0 {
		c.right, rest = n.right.split(key)
		return &c, rest
	}
	below, c.left = n.left.split(key)
	return below, &c
}

// join puts together two trees, all keys of a being below those of b.
func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.prio > b.prio:
		c := *a
		c.right = join(a.right, b)
		return &c
	default:
		c := *b
		c.left = join(a, b.left)
		return &c
	}
}

// ascend visits lo <= key < hi in order.
func (n *node) ascend(lo, hi []byte, fn func(key, val []byte) error) error {
	if n == nil {
		return nil
	}
	above, below := bytes.Compare(n.key, lo) >= 0, bytes.Compare(n.key, hi) < 0
	if above {
		if err := n.left.ascend(lo, hi, fn); err != nil {
			return err
		}
	}
	if above && below {
		if err := fn(n.key, n.val); err != nil {
			return err
		}
	}
	if !below {
		return nil
	}
	return n.right.ascend(lo, hi, fn)
}

// descend visits lo <= key < hi in reverse order.
func (n *node) descend(lo, hi []byte, fn func(key, val []byte) error) error {
	if n == nil {
		return nil
	}
	above, below := bytes.Compare(n.key, lo) >= 0, bytes.Compare(n.key, hi) < 0
	if below {
		if err := n.right.descend(lo, hi, fn); err != nil {
			return err
		}
	}
	if above && below {
		if err := fn(n.key, n.val); err != nil {
			return err
		}
	}
	if !above {
		return nil
	}
	return n.left.descend(lo, hi, fn)
}
