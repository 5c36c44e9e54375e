package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"alur/engine/auth"
	"alur/engine/fault"
)

// A conversion is an expression that turns the column %[1]s into another type,
// and is null where the value does not fit.
const (
	trimmed   = `btrim(%[1]s::text)`
	isNumber  = `btrim(%[1]s::text) ~ '^[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})$'`
	asNumeric = `CASE WHEN ` + isNumber + ` THEN btrim(%[1]s::text)::numeric END`
	isDay     = `btrim(%[1]s::text) ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
		AND left(btrim(%[1]s::text), 4) <> '0000'
		AND substr(btrim(%[1]s::text), 9, 2)::int <= extract(day FROM (left(btrim(%[1]s::text), 7) || '-01')::date + interval '1 month - 1 day')`
)

// wholeBetween turns a number or text into a whole number within bounds.
func wholeBetween(typ, low, high string) string {
	return `CASE WHEN (` + asNumeric + `) BETWEEN ` + low + ` AND ` + high + ` AND (` + asNumeric + `) = trunc(` + asNumeric + `) THEN (` + asNumeric + `)::` + typ + ` END`
}

var (
	toInteger  = wholeBetween("integer", "-2147483648", "2147483647")
	toBigInt   = wholeBetween("bigint", "-9223372036854775808", "9223372036854775807")
	toDouble   = `(` + asNumeric + `)::double precision`
	toBoolean  = `CASE lower(` + trimmed + `) WHEN 'true' THEN true WHEN '1' THEN true WHEN 'yes' THEN true WHEN 'on' THEN true WHEN 'false' THEN false WHEN '0' THEN false WHEN 'no' THEN false WHEN 'off' THEN false END`
	textToDate = `CASE WHEN CASE WHEN ` + trimmed + ` ~ '^[0-9-]{10}$' THEN ` + isDay + ` ELSE false END THEN btrim(%[1]s::text)::date END`
	textToTime = `CASE WHEN CASE WHEN ` + trimmed + ` ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?)?$'
		THEN ` + isDay + ` ELSE false END THEN btrim(%[1]s::text)::timestamptz END`
	isUUID = trimmed + ` ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'`
)

// conversions are the ways from one stored type to another; what is not here
// cannot be done. Those in [widens] lose nothing and go by a cast.
var conversions = map[string]map[string]string{
	String: {Integer: toInteger, BigInt: toBigInt, Decimal: asNumeric, Double: toDouble, Float: toDouble, Boolean: toBoolean,
		DateOnly: textToDate, Datetime: textToTime, DatetimeNoTz: `(` + textToTime + `)::timestamp`, JSON: `to_jsonb(%[1]s::text)`,
		UUID: `CASE WHEN ` + isUUID + ` THEN btrim(%[1]s::text)::uuid END`},
	Decimal: {Integer: toInteger, BigInt: toBigInt, Double: toDouble, Float: toDouble, Boolean: toBoolean},
	Double:  {Integer: toInteger, BigInt: toBigInt, Decimal: `%[1]s::numeric`, Boolean: toBoolean},
	BigInt:  {Integer: toInteger, Double: toDouble, Boolean: toBoolean},
	Integer: {Boolean: toBoolean},
	Boolean: {Integer: `%[1]s::integer`, BigInt: `%[1]s::integer::bigint`},
	Datetime: {String: `to_char(%[1]s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`, Text: `to_char(%[1]s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
		DateOnly: `(%[1]s AT TIME ZONE 'UTC')::date`, DatetimeNoTz: `%[1]s AT TIME ZONE 'UTC'`},
	DatetimeNoTz: {String: `%[1]s::text`, Text: `%[1]s::text`, DateOnly: `%[1]s::date`, Datetime: `%[1]s AT TIME ZONE 'UTC'`},
	DateOnly:     {Datetime: `%[1]s::timestamp AT TIME ZONE 'UTC'`, DatetimeNoTz: `%[1]s::timestamp`},
	Time:         {String: `%[1]s::text`, Text: `%[1]s::text`},
	UUID:         {String: `%[1]s::text`, Text: `%[1]s::text`},
}

// conversion is the expression that turns a value of old into one of f; ok is
// false when there is no way.
func conversion(old, f *Field) (expression string, ok bool) {
	from, to := old.Base(), f.Base()
	column := quote(old.Column)
	switch {
	case from == to, slices.Contains(widens[from], to):
		return column + "::" + f.columnType(), true
	case from == Text:
		from = String
	case from == Float:
		from = Double
	}
	e, ok := conversions[from][to]
	if !ok {
		return "", false
	}
	return "(" + fmt.Sprintf(e, column) + ")::" + f.columnType(), true
}

// Becomes lists the types that a field can be changed to, its own first.
func (f *Field) Becomes() []string {
	if f.fixed() {
		return []string{f.Type}
	}
	list := []string{f.Type}
	for _, to := range Types {
		if to == f.Type || (&Field{Type: to}).fixed() || to == SnowflakeID {
			continue
		}
		if _, ok := conversion(f, &Field{Type: to}); ok && columnTypes[to] != "" {
			list = append(list, to)
		}
	}
	return list
}

// Conversion says what a change of a field's definition loses: the values that
// the new type or its choices cannot hold.
func (s *Store) Conversion(ctx context.Context, a auth.Actor, collection, name string, changes map[string]any) (Loss, error) {
	var loss Loss
	err := s.look(ctx, a, collection, name, func(d *definer, c *Collection, old *Field) (err error) {
		f := old.changed(changes)
		if loss, err = d.conversionLoss(ctx, c, old, f); err != nil || loss.Values == 0 {
			return err
		}
		loss.Uses, err = s.uses(ctx, d.cat, collection, name)
		return err
	})
	return loss, err
}

// changed is a copy of f with changes made to it. What cannot change stays.
func (f *Field) changed(changes map[string]any) *Field {
	n := *f
	n.Options, n.Enum = maps.Clone(f.Options), slices.Clone(f.Enum)
	changes = maps.Clone(changes)
	for _, fixed := range []string{"name", "target", "foreignKey", "through", "otherKey", "sourceKey", "targetKey", "reverseField", "primaryKey"} {
		delete(changes, fixed)
	}
	for _, name := range ours {
		delete(changes, name)
	}
	if t, ok := changes["type"].(string); ok && t != f.Type && changes["interface"] == nil {
		n.Interface = ""
	}
	n.Set(changes)
	if n.Title == "" {
		n.Title = n.Name
	}
	return &n
}

// conversionLoss counts the values of old that f cannot hold.
func (d *definer) conversionLoss(ctx context.Context, c *Collection, old, f *Field) (Loss, error) {
	var loss Loss
	if old.IsRelation() || f.IsRelation() || old.Column == "" || f.columnType() == old.columnType() {
		return loss, nil
	}
	e, ok := conversion(old, f)
	if !ok || slices.Contains(widens[old.Base()], f.Base()) || old.Base() == f.Base() {
		return loss, nil
	}
	column := quote(old.Column)
	query := fmt.Sprintf("SELECT count(*) AS records, count(*) FILTER (WHERE %[1]s IS NOT NULL AND (%[2]s) IS NULL) AS lost FROM %[3]s", column, e, c.from())
	if blank := old.Base(); blank == String || blank == Text { // an empty text is no value
		query = fmt.Sprintf("SELECT count(*) AS records, count(*) FILTER (WHERE btrim(%[1]s) <> '' AND (%[2]s) IS NULL) AS lost FROM %[3]s", column, e, c.from())
	}
	var n struct{ Records, Lost int }
	if err := d.q.GetContext(ctx, &n, query); err != nil {
		return loss, err
	}
	if loss.Records, loss.Values = n.Records, n.Lost; loss.Values == 0 {
		return loss, nil
	}
	query = fmt.Sprintf("SELECT DISTINCT left(%[1]s::text, 60) FROM %[3]s WHERE btrim(%[1]s::text) <> '' AND (%[2]s) IS NULL ORDER BY 1 LIMIT 5", column, e, c.from())
	return loss, d.q.SelectContext(ctx, &loss.Examples, query)
}

// convert changes the column of old to the type of f. It loses no more values
// than was agreed to.
func (d *definer) convert(ctx context.Context, c *Collection, old, f *Field, agreed Agreed) error {
	e, ok := conversion(old, f)
	if !ok {
		return fault.Fields(map[string]string{"type": "The values that are there do not fit this type. Add a new field instead."})
	}
	if agreed != All {
		if err := d.tx.Simple(ctx, "LOCK TABLE "+c.from()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		loss, err := d.conversionLoss(ctx, c, old, f)
		if err != nil {
			return err
		}
		if loss.Values > 0 && agreed == 0 {
			return fault.Fields(map[string]string{"type": fmt.Sprintf("%d of %d records have a value that does not fit this type, such as “%s”. Correct them first, or agree to lose them.",
				loss.Values, loss.Records, loss.Examples[0])})
		}
		if err := loss.within(agreed); err != nil {
			return err
		}
	}
	if old.class() == asText && f.class() != asText {
		if err := d.dropSearch(ctx, c); err != nil {
			return err
		}
	}
	column := quote(old.Column)
	return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %s TYPE %s USING %s",
		c.from(), column, column, f.columnType(), e))
}
