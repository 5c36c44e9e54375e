package collection

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/lib/pq"
)

// operand is a column with the operator that is being applied to it.
type operand struct {
	b    *builder
	f    *Field
	col  string
	id   string // column of an id that grows with the value; "" for none
	name string // the operator as it was written, for messages
}

// Classes of types that share operators.
const (
	asText = iota
	asNumber
	asBoolean
	asDate
	asJSON
	asOther // compared as they are: times of day, UUIDs
)

func (f *Field) class() int {
	switch f.Base() {
	case String, Text:
		return asText
	case Boolean:
		return asBoolean
	case Datetime, DateOnly, DatetimeNoTz, UnixTimestamp:
		return asDate
	case JSON:
		return asJSON
	case Time, UUID:
		return asOther
	}
	return asNumber
}

// apply builds the condition. op is the operator in lower case, without "$" and
// "_", so that $not_in and $notIn are one.
func (o operand) apply(op string, v any) (string, error) {
	if o.f.condition != nil {
		if cond, ok := o.f.condition(o, op, v); ok {
			return cond, nil
		}
	}
	switch op {
	case "eq", "ne", "in", "notin":
		return o.equal(op, v)
	case "gt":
		return o.compare(">", v)
	case "gte":
		return o.compare(">=", v)
	case "lt":
		return o.compare("<", v)
	case "lte":
		return o.compare("<=", v)
	case "between", "notbetween":
		return o.between(op == "notbetween", v)
	case "is", "not":
		return o.is(op == "not", v)
	case "like", "notlike", "ilike", "notilike":
		return o.like(op, v)
	case "includes", "startswith", "endwith", "endswith", "notincludes", "notstartswith", "notendwith", "notendswith":
		return o.contains(op, v)
	case "empty":
		return o.empty(), nil
	case "notempty":
		return "NOT " + o.empty(), nil
	case "exists":
		return o.col + " IS NOT NULL", nil
	case "notexists":
		return o.col + " IS NULL", nil
	case "istruly", "isfalsy":
		if o.f.class() != asBoolean {
			return "", unfit(o.f, o.name)
		}
		if no := v == false || v == "false" || v == 0.0 || v == "0"; (op == "istruly") != no {
			return o.col + " IS TRUE", nil
		}
		return o.col + " IS NOT TRUE", nil
	case "match", "notmatch", "anyof", "noneof", "arrayempty", "arraynotempty":
		return o.set(op, v)
	case "dateon", "datenoton", "datebefore", "datenotbefore", "dateafter", "datenotafter", "datebetween":
		if o.f.class() != asDate {
			return "", unfit(o.f, o.name)
		}
		return o.date(op, v)
	}
	return "", badFilter("There is no operator “%s”.", short(o.name))
}

// sqlType is the type that a parameter for the field is cast to. Fractions
// compare as numeric also with whole columns: 2.5 is greater than 2.
func (f *Field) sqlType(arg any) string {
	switch f.Base() {
	case Integer, BigInt:
		if _, ok := arg.(int64); ok {
			return "bigint"
		}
		return "numeric"
	case UnixTimestamp:
		return "timestamptz"
	}
	return columnTypes[f.Base()]
}

// value reads an operand for the field.
func (o operand) value(v any) (any, error) {
	switch o.f.class() {
	case asText:
		switch v.(type) {
		case map[string]any, []any:
			return nil, badFilter("Write text to compare “%s” with.", o.f.Title)
		}
		if s := Format(v); !strings.ContainsRune(s, 0) {
			return strings.ToValidUTF8(s, "�"), nil
		}
		return nil, badFilter("Write text to compare “%s” with.", o.f.Title)
	case asNumber:
		base := o.f.Base()
		if i, ok := integer(v); ok && (base == Integer || base == BigInt) {
			return i, nil
		}
		d, ok := exact(v)
		if !ok {
			return nil, badFilter("Write a number to compare “%s” with.", o.f.Title)
		}
		if base == Double {
			if n := d.InexactFloat64(); !math.IsInf(n, 0) {
				return n, nil
			}
			return nil, badFilter("Write a number to compare “%s” with.", o.f.Title)
		}
		return d.String(), nil
	}
	f := *o.f
	f.rules, f.Enum = nil, nil // to look for a value that may not be written is allowed
	if f.Type == UnixTimestamp {
		f.Type = Datetime
	}
	if f.IsList() {
		f.Type = JSON
	}
	arg, problem := f.arg(v, o.b.a.zone())
	if problem != "" {
		return nil, badFilter("“%s”: %s", o.f.Title, problem)
	}
	return arg, nil
}

// param reads one operand and returns its place with a cast.
func (o operand) param(v any) (string, error) {
	arg, err := o.value(v)
	if err != nil {
		return "", err
	}
	return o.b.param(arg) + "::" + o.f.sqlType(arg), nil
}

// params reads a list of operands, nulls left out, as one array.
func (o operand) params(list []any) (place string, n int, err error) {
	var texts []string
	typ := ""
	for _, v := range list {
		if v == nil {
			continue
		}
		arg, err := o.value(v)
		if err != nil {
			return "", 0, err
		}
		if arg == nil {
			continue
		}
		if t := o.f.sqlType(arg); typ != "numeric" {
			typ = t
		}
		texts = append(texts, Format(arg))
	}
	if len(texts) == 0 {
		return "", 0, nil
	}
	return o.b.param(pq.StringArray(texts)) + "::text[]::" + typ + "[]", len(texts), nil
}

func (o operand) equal(op string, v any) (string, error) {
	list, isList := v.([]any)
	if o.f.class() == asJSON && (op == "eq" || op == "ne") {
		isList = false // a list is a value of its own
	}
	if !isList && v != nil && (op == "in" || op == "notin") {
		list, isList = []any{v}, true
	}
	negative := op == "ne" || op == "notin"
	if isList || op == "in" || op == "notin" {
		place, n, err := o.params(list)
		switch {
		case err != nil:
			return "", err
		case n == 0:
			return constant(negative), nil
		case negative:
			return fmt.Sprintf("(%s <> ALL (%s) OR %s IS NULL)", o.col, place, o.col), nil
		}
		return fmt.Sprintf("%s = ANY (%s)", o.col, place), nil
	}
	if v == nil {
		return o.is(negative, nil)
	}
	place, err := o.param(v)
	switch {
	case err != nil:
		return "", err
	case negative:
		return o.col + " IS DISTINCT FROM " + place, nil
	}
	return o.col + " = " + place, nil
}

func constant(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

func (o operand) compare(sign string, v any) (string, error) {
	if c := o.f.class(); c == asBoolean || c == asJSON {
		return "", unfit(o.f, o.name)
	}
	if v == nil {
		return "FALSE", nil
	}
	place, err := o.param(v)
	if err != nil {
		return "", err
	}
	return o.col + " " + sign + " " + place, nil
}

func (o operand) between(not bool, v any) (string, error) {
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		return "", badFilter("“%s” needs a list of two values.", short(o.name))
	}
	low, err := o.compare(">=", list[0])
	if err != nil {
		return "", err
	}
	high, err := o.compare("<=", list[1])
	if err != nil {
		return "", err
	}
	if not {
		return fmt.Sprintf("NOT (%s AND %s)", low, high), nil
	}
	return fmt.Sprintf("(%s AND %s)", low, high), nil
}

func (o operand) is(not bool, v any) (string, error) {
	word := " IS "
	if not {
		word = " IS NOT "
	}
	switch {
	case v == nil:
		return o.col + word + "NULL", nil
	case o.f.class() == asBoolean && (v == true || v == "true"):
		return o.col + word + "TRUE", nil
	case o.f.class() == asBoolean && (v == false || v == "false"):
		return o.col + word + "FALSE", nil
	}
	return "", unfit(o.f, o.name)
}

// text is the column as text.
func (o operand) text() string {
	if o.f.class() == asText {
		return o.col
	}
	return "(" + o.col + ")::text"
}

func (o operand) like(op string, v any) (string, error) {
	pattern, err := o.pattern(v)
	if err != nil {
		return "", err
	}
	if trailing := len(pattern) - len(strings.TrimRight(pattern, `\`)); trailing%2 == 1 {
		pattern += `\` // PostgreSQL refuses a pattern that ends inside an escape
	}
	word := map[string]string{"like": "LIKE", "notlike": "NOT LIKE", "ilike": "ILIKE", "notilike": "NOT ILIKE"}[op]
	return fmt.Sprintf("%s %s %s::text", o.text(), word, o.b.param(pattern)), nil
}

func (o operand) pattern(v any) (string, error) {
	switch v.(type) {
	case map[string]any, []any, nil:
		return "", badFilter("“%s” needs text.", short(o.name))
	}
	s := Format(v)
	if strings.ContainsRune(s, 0) {
		return "", badFilter("“%s” needs text.", short(o.name))
	}
	return strings.ToValidUTF8(s, "�"), nil
}

var escapeLike = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (o operand) contains(op string, v any) (string, error) {
	what, negative := strings.CutPrefix(op, "not")
	if v == nil {
		return o.is(negative, nil)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var patterns []string
	for _, item := range list {
		if item == nil {
			continue
		}
		p, err := o.pattern(item)
		if err != nil {
			return "", err
		}
		p = escapeLike.Replace(p)
		if what != "startswith" {
			p = "%" + p
		}
		if what == "includes" || what == "startswith" {
			p += "%"
		}
		patterns = append(patterns, p)
	}
	switch {
	case len(patterns) == 0:
		return constant(negative), nil
	case negative:
		return fmt.Sprintf("%s NOT ILIKE ALL (%s::text[])", o.text(), o.b.param(pq.StringArray(patterns))), nil
	}
	return fmt.Sprintf("%s ILIKE ANY (%s::text[])", o.text(), o.b.param(pq.StringArray(patterns))), nil
}

func (o operand) empty() string {
	switch o.f.class() {
	case asText:
		return fmt.Sprintf("(%s IS NULL OR %s = '')", o.col, o.col)
	case asJSON:
		return fmt.Sprintf(`(%s IS NULL OR %s IN ('null', '[]', '{}', '""'))`, o.col, o.col)
	}
	return "(" + o.col + " IS NULL)"
}

// set applies the operators of lists, which are kept in JSON fields.
func (o operand) set(op string, v any) (string, error) {
	switch op {
	case "anyof", "noneof":
		if o.f.class() != asJSON { // a single value is a list of one
			return o.equal(map[string]string{"anyof": "in", "noneof": "notin"}[op], v)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		place, n, err := o.params(list)
		switch {
		case err != nil:
			return "", err
		case n == 0:
			return constant(op == "noneof"), nil
		case op == "noneof":
			return fmt.Sprintf("(%s @> ANY (%s)) IS NOT TRUE", o.col, place), nil
		}
		return fmt.Sprintf("%s @> ANY (%s)", o.col, place), nil
	}
	if o.f.class() != asJSON {
		return "", unfit(o.f, o.name)
	}
	switch op {
	case "arrayempty":
		return fmt.Sprintf("(%s IS NULL OR %s IN ('null', '[]'))", o.col, o.col), nil
	case "arraynotempty":
		return fmt.Sprintf("%s NOT IN ('null', '[]')", o.col), nil
	}
	if _, ok := v.([]any); !ok {
		return "", badFilter("“%s” needs a list.", short(o.name))
	}
	raw, err := json.Marshal(v)
	if err != nil || strings.Contains(string(raw), `\u0000`) {
		return "", badFilter("“%s” needs a list.", short(o.name))
	}
	place := o.b.param(string(raw)) + "::jsonb"
	same := fmt.Sprintf("(%s @> %s AND %s <@ %s)", o.col, place, o.col, place)
	if op == "notmatch" {
		return same + " IS NOT TRUE", nil
	}
	return same, nil
}

// Comparable returns what keeps a filter from comparing f with v by operator op
// ("$gt"), nil when nothing does. Relations compare by id.
func Comparable(f *Field, op string, v any) error {
	if f.IsRelation() {
		f = &Field{Name: f.Name, Title: f.Title, Type: BigInt}
	}
	o := operand{b: &builder{}, f: f, name: op}
	_, err := o.apply(strings.ToLower(strings.TrimPrefix(op, "$")), v)
	return err
}
