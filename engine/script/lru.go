package script

import (
	"container/list"
	"maps"
	"slices"
)

// lru keeps the most recently used values. It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	size  int
	items map[K]*list.Element
	order *list.List // of pair, newest first
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{size: size, items: map[K]*list.Element{}, order: list.New()}
}

func (c *lru[K, V]) get(key K) (V, bool) {
	e, ok := c.items[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(pair[K, V]).value, true
}

// put adds a value under a key that is not there yet.
func (c *lru[K, V]) put(key K, value V) {
	c.items[key] = c.order.PushFront(pair[K, V]{key, value})
	if c.order.Len() > c.size {
		old := c.order.Remove(c.order.Back()).(pair[K, V])
		delete(c.items, old.key)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
