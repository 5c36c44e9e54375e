package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/sheet"
)

// between separates several values in one cell.
const between = ";"

// plan turns rows into values of records.
type plan struct {
	im      Import
	c       *collection.Collection
	targets []*Target // by column; nil: left out
	match   int       // column of the field to match by, −1 for none
	a       collection.Access
	records *collection.Store
}

func (s *Store) plan(ctx context.Context, im Import, a collection.Access) (*plan, error) {
	c, err := s.Records.Collection(ctx, im.Collection)
	if err != nil {
		return nil, err
	}
	p := &plan{im: im, c: c, match: -1, a: a, records: s.Records, targets: make([]*Target, len(im.Heads))}
	all, err := s.Targets(ctx, a.Actor, c)
	if err != nil {
		return nil, err
	}
	for i, path := range im.Settings.Columns {
		at := slices.IndexFunc(all, func(t Target) bool { return t.Path == path })
		if at < 0 {
			continue
		}
		p.targets[i] = &all[at]
		if path == im.Settings.Match && path != "" {
			p.match = i
		}
	}
	return p, nil
}

// found are records of other collections by what tells them, for one column:
// several of the same text are a problem.
type found map[string][]any

// lookup finds the records that the rows refer to, with one query for each
// column that is a relation.
func (p *plan) lookup(ctx context.Context, q pg.Q, rows []Row) ([]found, error) {
	list := make([]found, len(p.targets))
	for i, t := range p.targets {
		if t == nil || t.By == nil {
			continue
		}
		wanted := map[string]any{}
		for _, r := range rows {
			for _, text := range p.parts(t, cell(r.Cells, i)) {
				if v, problem := p.value(t.By, text); problem == "" && v != nil {
					wanted[collection.Format(v)] = v
				}
			}
		}
		list[i] = found{}
		if len(wanted) == 0 {
			continue
		}
		target, err := p.records.Collection(ctx, t.Field.Target)
		if err != nil {
			return nil, err
		}
		page, err := p.records.List(ctx, q, p.a, target.Name, collection.Query{
			Filter: map[string]any{t.By.Name: map[string]any{"$in": slices.Collect(maps.Values(wanted))}},
			Fields: []string{target.Key().Name, t.By.Name}, All: true,
		})
		if err != nil {
			return nil, fmt.Errorf("look up %s: %w", t.Path, err)
		}
		for _, r := range page.Records {
			key := collection.Format(r[t.By.Name])
			list[i][key] = append(list[i][key], target.ID(r))
		}
	}
	return list, nil
}

// parts are the values in a cell: several only where there can be several.
func (p *plan) parts(t *Target, text string) []string {
	if text == "" {
		return nil
	}
	if t.Field.ToOne() {
		return []string{text}
	}
	var list []string
	for part := range strings.SplitSeq(text, between) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// record turns a row into values; problem says in words what cannot be used. An
// empty cell empties the field of a record that is there, and leaves a new one to
// its default.
func (p *plan) record(r Row, others []found, creating bool) (values collection.Record, problem string) {
	values = collection.Record{}
	var problems []string
	for i, t := range p.targets {
		if t == nil {
			continue
		}
		text := cell(r.Cells, i)
		if text == "" {
			if !creating {
				values[t.Field.Name] = nil
			}
			continue
		}
		var v any
		var wrong string
		if t.By != nil {
			v, wrong = p.related(t, text, others[i])
		} else {
			v, wrong = p.value(t.Field, text)
		}
		if wrong != "" {
			problems = append(problems, t.Field.Title+": "+wrong)
		}
		values[t.Field.Name] = v
	}
	return values, strings.Join(problems, " ")
}

func (p *plan) related(t *Target, text string, others found) (any, string) {
	ids := []any{}
	for _, part := range p.parts(t, text) {
		v, problem := p.value(t.By, part)
		if problem != "" {
			return nil, problem
		}
		list := others[collection.Format(v)]
		switch len(list) {
		case 0:
			return nil, fmt.Sprintf("There is no record whose %s is “%s”.", t.By.Title, clip(part, 60))
		case 1:
			ids = append(ids, list[0])
		default:
			return nil, fmt.Sprintf("%d records have “%s” as their %s. Choose a column that tells them apart.", len(list), clip(part, 60), t.By.Title)
		}
	}
	if t.Field.ToOne() {
		return ids[0], ""
	}
	return ids, ""
}

// value reads a cell as people write values of a field. What it cannot tell is
// left as it is: the collection checks every value.
func (p *plan) value(f *collection.Field, text string) (any, string) {
	if v, ok := choice(f, text); ok {
		return v, ""
	}
	if f.IsList() {
		list := []any{}
		for part := range strings.SplitSeq(text, between) {
			part = strings.TrimSpace(part)
			if v, ok := choice(f, part); ok {
				part = v
			}
			if part != "" {
				list = append(list, part)
			}
		}
		return list, ""
	}
	switch f.Base() {
	case collection.Integer, collection.BigInt, collection.Double, collection.Decimal:
		return p.number(text), ""
	case collection.Boolean:
		switch strings.ToLower(text) {
		case "yes", "y", "true", "1", "x", "on", "ja", "ya":
			return true, ""
		case "no", "n", "false", "0", "off", "nein", "tidak":
			return false, ""
		}
		return nil, "Write yes or no."
	case collection.DateOnly, collection.Datetime, collection.DatetimeNoTz, collection.Time, collection.UnixTimestamp:
		return p.date(f, text), ""
	case collection.JSON:
		return jsonValue(text), ""
	}
	return text, ""
}

// choice finds the value that a text means, by value or by label.
func choice(f *collection.Field, text string) (string, bool) {
	for _, c := range f.Enum {
		if c.Value == text {
			return c.Value, true
		}
	}
	for _, c := range f.Enum {
		if strings.EqualFold(c.Label, text) {
			return c.Value, true
		}
	}
	return "", false
}

// number takes away what separates thousands and makes the decimal sign a point.
// Workbooks have numbers as they are.
func (p *plan) number(text string) string {
	if p.im.Format == sheet.XLSX {
		return text
	}
	thousands := ","
	if p.im.Settings.Decimal == "," {
		thousands = "."
	}
	text = strings.NewReplacer(thousands, "", " ", "", "\u00a0", "", "\u202f", "", "'", "", "’", "").Replace(text)
	return strings.Replace(text, p.im.Settings.Decimal, ".", 1)
}

// date reads day numbers of workbooks, and dates in the order that the settings
// say; others are left as they are.
func (p *plan) date(f *collection.Field, text string) string {
	form := "2006-01-02 15:04:05.000"
	switch f.Base() {
	case collection.DateOnly:
		form = time.DateOnly
	case collection.Time:
		form = time.TimeOnly
	case collection.DatetimeNoTz:
		form = time.DateTime
	}
	if p.im.Format == sheet.XLSX {
		if t, ok := sheet.Serial(text, p.im.From1904); ok {
			return t.Format(form)
		}
	}
	day, clock, _ := strings.Cut(text, " ")
	parts := strings.FieldsFunc(day, func(r rune) bool { return r == '.' || r == '/' || r == '-' })
	if len(parts) != 3 || len(parts[0]) > 2 || len(parts[2]) != 4 {
		return text
	}
	if p.im.Settings.Dates == "mdy" {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return strings.TrimSpace(fmt.Sprintf("%s-%02s-%02s %s", parts[2], parts[1], parts[0], clock))
}
