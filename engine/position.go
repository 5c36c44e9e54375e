package engine

import "alur/engine/node"

// position is where the journal ends: at a node that has not run and the job
// that leads there, or at a job without an outcome; all nil when the execution
// has ended.
func (r *run) position() (next *instruction, previous, open *job) {
	return r.follow(func(*job) {})
}

// follow is position, and tells of each job that it passes.
func (r *run) follow(passed func(*job)) (next *instruction, previous, open *job) {
	in := r.p.head
	for range len(r.p.nodes) + 1 { // links could form a ring
		if in == nil {
			return nil, nil, nil
		}
		j := r.known[in.ID]
		if j == nil {
			return in, previous, nil
		}
		if j.status == node.Pending {
			return nil, nil, j
		}
		passed(j)
		in, previous = r.after(j)
	}
	r.stopAt(r.p.head, nil, node.Error, "The nodes of this workflow are linked in a circle.")
	return nil, nil, nil
}
