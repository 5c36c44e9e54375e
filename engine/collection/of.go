package collection

import (
	"fmt"

	"alur/engine/auth"
)

// Of narrows a filter to the records that an association of one record leads to:
// {"$of": Of{…}}. It is no JSON value, so nobody can send it.
type Of struct {
	Collection  string // whose record it is
	Key         any    // of the record, in the field that clients address it with
	Association string
}

// associated builds the condition for records that o leads to.
func (sc *scope) associated(o Of) (string, error) {
	parent := sc.b.cat.byName[o.Collection]
	if parent == nil || !sc.b.a.Actor.Can(parent.Right) {
		return "", missing(o.Collection)
	}
	up := sc.b.scope(parent)
	f, err := up.field(o.Association)
	if err != nil {
		return "", err
	}
	if !f.IsRelation() || f.Target != sc.c.Name {
		return "", badFilter("“%s” does not lead to “%s”.", f.Title, sc.c.Title)
	}
	far := sc.c
	if f.Type == BelongsToMany {
		if far = sc.b.cat.byName[f.Through]; far == nil {
			return "", badFilter("“%s” has lost its way to “%s”.", f.Title, sc.c.Title)
		}
	}
	ours, theirs, err := up.ends(f, far)
	if err != nil {
		return "", err
	}
	key := parent.AddressedBy()
	if key == nil {
		return "", missing(o.Collection)
	}
	is, err := operand{b: sc.b, f: key, col: key.col(up.alias), name: "$eq"}.apply("eq", o.Key)
	if err != nil {
		return "", err
	}
	limit, err := up.limit(auth.View)
	if err != nil {
		return "", err
	}
	source := fmt.Sprintf("(SELECT %s FROM %s WHERE %s)", ours.col(up.alias), up.from(), glue([]string{is, limit}, " AND "))
	if f.Type != BelongsToMany {
		return theirs.col(sc.alias) + " = " + source, nil
	}
	other, target := far.byName[f.OtherKey], sc.c.named(f.TargetKey)
	if other == nil || target == nil {
		return "", badFilter("“%s” has lost its way to “%s”.", f.Title, sc.c.Title)
	}
	link := sc.b.alias()
	return fmt.Sprintf("%s IN (SELECT %s FROM %s %s WHERE %s = %s)",
		target.col(sc.alias), other.col(link), far.from(), link, theirs.col(link), source), nil
}

// AddressedBy is the field by which clients address records: what the option
// filterTargetKey names, else the primary key.
func (c *Collection) AddressedBy() *Field {
	if name, ok := c.Options["filterTargetKey"].(string); ok && c.byName[name] != nil {
		return c.byName[name]
	}
	return c.Key()
}
