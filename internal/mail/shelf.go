package mail

import (
	"container/list"
	"sync"
)

// shelf keeps what was asked for last, as much of it as may be kept in all. It
// serves one process that has its store for itself.
type shelf[K comparable, V kept[V]] struct {
	mu     sync.Mutex
	places map[K]*list.Element // of *keptAt[K, V]
	latest *list.List          // the one used last is first
	most   int                 // what all of them may cost
	costs  int                 // what they do
}

// kept is what a shelf can keep. It never changes.
type kept[V any] interface {
	cost() int
	newer(than V) bool
}

type keptAt[K comparable, V any] struct {
	at    K
	value V
}

func newShelf[K comparable, V kept[V]](most int) shelf[K, V] {
	return shelf[K, V]{places: make(map[K]*list.Element), latest: list.New(), most: most}
}

// get returns what is kept at a place, the zero value if nothing is.
func (s *shelf[K, V]) get(at K) (value V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.places[at]; e != nil {
		s.latest.MoveToFront(e)
		value = e.Value.(*keptAt[K, V]).value
	}
	return value
}

// keep keeps a value in the place of one that is not newer.
func (s *shelf[K, V]) keep(at K, value V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.places[at]; e != nil {
		if e.Value.(*keptAt[K, V]).value.newer(value) {
			return
		}
		s.drop(e)
	}
	if value.cost() > s.most {
		return
	}
	s.places[at] = s.latest.PushFront(&keptAt[K, V]{at, value})
	for s.costs += value.cost(); s.costs > s.most; {
		s.drop(s.latest.Back())
	}
}

func (s *shelf[K, V]) drop(e *list.Element) {
	v := s.latest.Remove(e).(*keptAt[K, V])
	delete(s.places, v.at)
	s.costs -= v.value.cost()
}

// forget drops what is kept at the places that fn names.
func (s *shelf[K, V]) forget(fn func(at K) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, e := range s.places {
		if fn(at) {
			s.drop(e)
		}
	}
}
