package audit

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Tally counts the records that an execution created, updated and deleted, by
// collection. The zero value is empty. It is not safe for concurrent use: steps
// of one execution run one after the other.
type Tally map[string]Counts

// Counts are numbers of records.
type Counts struct{ Created, Updated, Deleted int }

type tallyKey struct{}

// Tallying returns ctx in which [Count] counts into t.
func Tallying(ctx context.Context, t Tally) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// Count adds to the tally of ctx; without one, as for what people do, it does
// nothing.
func Count(ctx context.Context, collection string, n Counts) {
	if t, ok := ctx.Value(tallyKey{}).(Tally); ok {
		t.add(collection, n)
	}
}

func (t Tally) add(collection string, n Counts) {
	sum := t[collection]
	sum.Created += n.Created
	sum.Updated += n.Updated
	sum.Deleted += n.Deleted
	if sum != (Counts{}) {
		t[collection] = sum
	}
}

// Add puts what other counted into t.
func (t Tally) Add(other Tally) {
	for collection, n := range other {
		t.add(collection, n)
	}
}

// Text says what t counted as the text of an entry about a workflow; "" when
// that is nothing.
func (t Tally) Text(workflow string) string {
	if len(t) == 0 {
		return ""
	}
	var parts []string
	for _, collection := range slices.Sorted(maps.Keys(t)) {
		n := t[collection]
		var did []string
		for _, d := range []struct {
			verb string
			n    int
		}{{"created", n.Created}, {"updated", n.Updated}, {"deleted", n.Deleted}} {
			if d.n > 0 {
				did = append(did, d.verb+" "+strconv.Itoa(d.n))
			}
		}
		parts = append(parts, strings.Join(did, ", ")+" in “"+collection+"”")
	}
	return clip("Records by the workflow “" + workflow + "”: " + strings.Join(parts, "; ") + ".")
}
