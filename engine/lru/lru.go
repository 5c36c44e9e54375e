// Package lru keeps the most recently used values of something that is costly to
// make.
package lru

import "container/list"

// Cache holds values by key, up to a size. It is not safe for concurrent use.
type Cache[K comparable, V any] struct {
	size  int
	items map[K]*list.Element
	order *list.List // of pair, newest first
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// New returns an empty cache for at most size values.
func New[K comparable, V any](size int) *Cache[K, V] {
	return &Cache[K, V]{size: size, items: map[K]*list.Element{}, order: list.New()}
}

// Get returns the value of key, which then counts as used.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	e, ok := c.items[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(pair[K, V]).value, true
}

// Put adds a value under a key that is not there yet.
func (c *Cache[K, V]) Put(key K, value V) {
	c.items[key] = c.order.PushFront(pair[K, V]{key, value})
	if c.order.Len() > c.size {
		old := c.order.Remove(c.order.Back()).(pair[K, V])
		delete(c.items, old.key)
	}
}
