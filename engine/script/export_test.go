package script

import (
	"maps"
	"slices"
)

// Idle returns the process numbers of the idle children of a script's key, or of
// a library.
func (p *Pool) Idle(key string) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []int
	lanes := append(slices.Collect(maps.Values(p.libraries)), p.scripts)
	for _, l := range lanes {
		for _, c := range l.idle[key] {
			all = append(all, c.pid)
		}
	}
	return all
}

// Live returns the process numbers of all children.
func (p *Pool) Live() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []int
	for c := range p.live {
		all = append(all, c.pid)
	}
	return all
}
