package collection

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/expr"
	"alur/engine/fault"
)

const (
	alphabet      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"
	lowerAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

	nanoSize = 12
	uidSize  = 11
	maxNano  = 128 // letters of a nanoid, and of its alphabet
)

// make gives the value of a field that we fill in, for a new record; v is what
// the writer gave.
func (w *writer) make(ctx context.Context, c *Collection, f *Field, v any, values Record) (any, error) {
	given := v != nil && v != ""
	if !given && f.Default != nil {
		v, given = f.Default, true
	}
	switch f.Type {
	case Password:
		return f.hash(ctx, v)
	case Sequence:
		if given && f.Options["inputable"] == true {
			return v, nil
		}
		return w.sequence(ctx, c, f, values)
	case Sort:
		return w.place(ctx, c, f, values, nil)
	case Formula: // once all others are known
		return nil, nil
	}
	if given || f.Options["autoFill"] == false {
		return v, nil
	}
	switch f.Type {
	case UID:
		return f.text("prefix") + letters(lowerAlphabet, uidSize), nil
	case NanoID:
		from, size := alphabet, nanoSize
		if a := f.text("customAlphabet"); a != "" {
			from = a
		}
		if n := whole(f.Options["size"]); n > 0 {
			size = n
		}
		return letters(from, size), nil
	case UUID:
		return newUUID(), nil
	}
	return w.s.ids.Next(), nil // SnowflakeID
}

// letters draws n letters at random.
func letters(from string, n int) string {
	runes := []rune(from)
	var b strings.Builder
	for range n {
		i, _ := rand.Int(rand.Reader, big.NewInt(int64(len(runes)))) // never fails
		b.WriteRune(runes[i.Int64()])
	}
	return b.String()
}

// newUUID is a random UUID (version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// hash is what is stored for password v; nil for none.
func (f *Field) hash(ctx context.Context, v any) (any, error) {
	s := Format(v)
	if s == "" {
		return nil, nil
	}
	if len(s) > 1000 {
		return nil, fault.Fields(map[string]string{f.Name: "Write at most 1000 characters."})
	}
	if problem := f.ruled(s); problem != "" {
		return nil, fault.Fields(map[string]string{f.Name: problem})
	}
	return auth.Hash(ctx, s)
}

// place is the number of a record at the end of its scope. New there are also those
// with the keys in fresh, which have come from another one.
func (w *writer) place(ctx context.Context, c *Collection, f *Field, values Record, fresh pq.StringArray) (any, error) {
	scope, where, args := "", "", []any{}
	if key := c.byName[f.scopeKey()]; key != nil && key.Column != "" {
		arg, problem := key.arg(values[key.Name], w.a.zone())
		if problem != "" {
			return nil, nil // it is told beside key
		}
		scope, args = "="+Format(arg), []any{arg}
		where = fmt.Sprintf(" WHERE %s IS NOT DISTINCT FROM $1::%s", quote(key.Column), columnTypes[key.Base()])
	}
	if fresh != nil {
		args = append(args, fresh)
		where += fmt.Sprintf(" AND %s <> ALL ($%d::text[]::%s[])", quote(c.key.Column), len(args), columnTypes[c.key.Base()])
	}
	var last int64
	query := fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s%s", quote(f.Column), c.from(), where)
	if err := w.tx.GetContext(ctx, &last, query, args...); err != nil {
		return nil, err
	}
	var n int64
	err := w.tx.GetContext(ctx, &n, queries.Get("count_from"), c.Name, f.Name, scope, w.s.now().UTC(), last)
	return n, err
}

// formula works out f from the fields of a record, for the driver; nil when there
// is no result.
func (f *Field) formula(ctx context.Context, values Record) (arg any, err error) {
	e, err := expr.Compile(f.engine(), f.text("expression"))
	if err != nil {
		return nil, fault.Fields(map[string]string{f.Name: "The formula of this field cannot be understood. Look at its definition."})
	}
	var problem string
	v, err := e.Eval(ctx, expr.Vars(values))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil || expr.IsUndefined(v): // such as a division by nothing: there is no result
		return nil, nil
	}
	if arg, problem = f.arg(v, time.UTC); problem != "" {
		return nil, nil
	}
	return arg, nil
}

// formulas fills the places of c's formulas in args, which are the values of
// c.own, in the order of their definition: one may use those before it.
func (c *Collection) formulas(ctx context.Context, args []any) error {
	if !c.computes {
		return nil
	}
	values := Record{}
	for i, f := range c.own {
		values[f.Name] = f.fromArg(args[i])
	}
	for i, f := range c.own {
		if f.Type != Formula {
			continue
		}
		arg, err := f.formula(ctx, values)
		if err != nil {
			return err
		}
		args[i], values[f.Name] = arg, f.fromArg(arg)
	}
	return nil
}

// fromArg is the JSON value of what the driver is sent for f.
func (f *Field) fromArg(arg any) any {
	if s, ok := arg.(string); ok {
		return f.value([]byte(s))
	}
	return f.value(arg)
}

// recompute brings the formulas of changed records up to date.
func (w *writer) recompute(ctx context.Context, c *Collection, changes []Change) error {
	if !c.computes {
		return nil
	}
	for i, ch := range changes {
		var sets []string
		args := []any{}
		for _, f := range c.own {
			if f.Type != Formula {
				continue
			}
			arg, err := f.formula(ctx, ch.After)
			if err != nil {
				return c.ofOne(err, changes, ch)
			}
			if v := f.fromArg(arg); !Same(v, ch.After[f.Name]) {
				ch.After[f.Name] = v
				args = append(args, arg)
				sets = append(sets, fmt.Sprintf("%s = $%d::%s", quote(f.Column), len(args), columnTypes[f.Base()]))
			}
		}
		if len(sets) == 0 {
			continue
		}
		key, problem := c.key.arg(c.ID(ch.After), time.UTC)
		if problem != "" {
			return fmt.Errorf("read the key of a record of %s: %s", c.Name, problem)
		}
		args = append(args, key)
		query := fmt.Sprintf("UPDATE %s SET %s WHERE %s = $%d", c.from(), strings.Join(sets, ", "), quote(c.key.Column), len(args))
		if _, err := w.tx.ExecContext(ctx, query, args...); err != nil {
			return c.ofOne(w.explain(c, err), changes, ch)
		}
		changes[i].Changed = c.changed(ch.Before, ch.After)
	}
	return nil
}

// engine is the language of a formula.
func (f *Field) engine() string {
	switch f.text("engine") {
	case expr.FormulaJS:
		return expr.FormulaJS
	case expr.Plain:
		return expr.Plain
	}
	return expr.MathJS
}

// fillUp gives the records that are there the values of a field that was added
// and that we fill in: ids of their own, numbers in the order of the keys.
func (d *definer) fillUp(ctx context.Context, c *Collection, f *Field) error {
	var value string
	args := []any{}
	switch f.Type {
	case UUID:
		value = "gen_random_uuid()"
	case UID:
		value, args = "$1 || substr(md5(random()::text || t.ctid::text), 1, 11)", []any{f.text("prefix")}
	case NanoID:
		value = "substr(md5(random()::text || t.ctid::text), 1, 12)"
	case Sort:
		return d.numberAll(ctx, c, f)
	case Formula:
		return d.askFormulas(ctx, c)
	default:
		return nil
	}
	if f.Options["autoFill"] == false {
		return nil
	}
	_, err := d.tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s t SET %s = %s", c.from(), quote(f.Column), value), args...)
	return err
}

// numberAll numbers the records that are there, per scope.
func (d *definer) numberAll(ctx context.Context, c *Collection, f *Field) error {
	per := ""
	if key := c.byName[f.scopeKey()]; key != nil {
		per = "PARTITION BY " + quote(key.Column) + " "
	}
	key := quote(c.key.Column)
	return d.tx.Simple(ctx, fmt.Sprintf(`UPDATE %[1]s t SET %[2]s = n.n
		FROM (SELECT %[3]s AS k, row_number() OVER (%[4]sORDER BY %[3]s) AS n FROM %[1]s) n
		WHERE t.%[3]s = n.k`, c.from(), quote(f.Column), key, per))
}
