package transfer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// Settings say what the columns of a file mean and what shall become of its rows.
type Settings struct {
	// Columns has the target of each column of the file: the name of a field; of
	// a relation, "product.sku" finds the record by that field of it; "" leaves
	// the column out.
	Columns []string `json:"columns"`
	// Match is a field that has a column; rows whose value a record has already
	// change that record, or are skipped. "": every row is a new record.
	Match string `json:"match"`
	// Existing is what happens to rows with such a record: Update or Skip.
	Existing string `json:"existing"`
	// Missing is what happens to the other rows: Create or Skip.
	Missing string `json:"missing"`
	// Whole imports nothing as long as any row has a problem.
	Whole bool `json:"whole"`
	// Decimal is the sign before the decimals: "." or ",".
	Decimal string `json:"decimal"`
	// Dates is the order of dates that are not written 2026-05-07: "dmy" or "mdy".
	Dates string `json:"dates"`
}

// What may become of a row.
const (
	Create = "create"
	Update = "update"
	Skip   = "skip"
)

// Target is one thing that a column may become.
type Target struct {
	Path  string // of [Settings.Columns]
	Title string // "Product (by SKU)"
	Field *collection.Field
	By    *collection.Field // of relations: the field of the other collection that tells which record; nil for own fields
}

// Targets lists what columns of a file may become in c.
func (s *Store) Targets(ctx context.Context, a auth.Actor, c *collection.Collection) ([]Target, error) {
	if err := c.RequireOn(a, auth.Import); err != nil {
		return nil, err
	}
	key := c.Key()
	if key == nil {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("“%s” has no key, so its records cannot be written.", c.Title))
	}
	list := []Target{{Path: key.Name, Title: key.Title, Field: key}}
	for _, f := range c.Fields {
		switch {
		case f == key || f.Hidden || f.Filled() || f.Relation != "":
		case f.HoldsFiles(): // they do not fit into a cell
		case !c.Takes(a, auth.Create, f) && !c.Takes(a, auth.Update, f):
		case !f.IsRelation():
			list = append(list, Target{Path: f.Name, Title: f.Title, Field: f})
		default:
			target, err := s.Records.Collection(ctx, f.Target)
			if err != nil || !target.Allows(a, auth.View) {
				continue
			}
			for _, by := range finders(a, target) {
				list = append(list, Target{Path: f.Name + "." + by.Name, Title: f.Title + " (by " + by.Title + ")", Field: f, By: by})
			}
		}
	}
	return list, nil
}

// finders are the fields that tell a record of c and that a may see: its title
// first, then unique ones, then the key.
func finders(a auth.Actor, c *collection.Collection) []*collection.Field {
	var list []*collection.Field
	add := func(f *collection.Field) {
		if f != nil && f.Column != "" && c.Shows(a, f) && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	add(c.Field(c.TitleField))
	for _, f := range c.Fields {
		if f.Unique && f.Relation == "" {
			add(f)
		}
	}
	add(c.Key())
	return list
}

// suggest guesses from the heads of a file what its columns are.
func (s *Store) suggest(ctx context.Context, a auth.Actor, c *collection.Collection, heads []string, comma rune) (Settings, error) {
	set := Settings{Columns: make([]string, len(heads)), Existing: Update, Missing: Create, Decimal: ".", Dates: "dmy"}
	if comma == ';' { // who separates cells by semicolons needs the comma for numbers
		set.Decimal = ","
	}
	targets, err := s.Targets(ctx, a, c)
	if err != nil {
		return set, err
	}
	taken := map[string]bool{}
	for i, head := range heads {
		if head == rowHead || head == problemHead { // of a report
			continue
		}
		at := slices.IndexFunc(targets, func(t Target) bool {
			name, by, _ := strings.Cut(t.Path, ".")
			return !taken[name] && (alike(head, t.Field.Title) || alike(head, name) || alike(head, t.Path) || alike(head, t.Title) ||
				by == "id" && alike(head, name+"Id"))
		})
		if at < 0 {
			continue
		}
		set.Columns[i] = targets[at].Path
		taken[targets[at].Field.Name] = true
	}
	if slices.Contains(set.Columns, c.Key().Name) {
		set.Match = c.Key().Name
	}
	return set, nil
}

// alike compares heads as people mean them: "Unit price" is unit_price.
func alike(a, b string) bool { return plain(a) != "" && plain(a) == plain(b) }

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// check completes settings that come from a form and says what is wrong with
// them, by the names "columns.0" (from 0), "match", "existing" and so on.
func (set *Settings) check(c *collection.Collection, targets []Target, heads []string) map[string]string {
	p := map[string]string{}
	for len(set.Columns) < len(heads) {
		set.Columns = append(set.Columns, "")
	}
	set.Columns = set.Columns[:len(heads)]
	used := map[string]int{}
	for i, path := range set.Columns {
		if path == "" {
			continue
		}
		name, _, _ := strings.Cut(path, ".")
		at := "columns." + strconv.Itoa(i)
		if !slices.ContainsFunc(targets, func(t Target) bool { return t.Path == path }) {
			p[at] = "Choose one of the fields."
		}
		if other, twice := used[name]; twice {
			p[at] = fmt.Sprintf("“%s” goes to this field already.", heads[other])
		}
		used[name] = i
	}
	if len(used) == 0 {
		p["columns"] = "Choose a field for at least one column."
	}
	choose(&set.Existing, Update, Skip)
	choose(&set.Missing, Create, Skip)
	choose(&set.Decimal, ".", ",")
	choose(&set.Dates, "dmy", "mdy")
	if set.Match != "" {
		if _, there := used[set.Match]; !there {
			p["match"] = "Choose a field that has a column in the file."
		}
		if f := c.Field(set.Match); f == nil || f.IsRelation() || f.Column == "" {
			p["match"] = "Choose a field whose value tells one record from another."
		}
		if set.Existing == Skip && set.Missing == Skip {
			p["missing"] = "Then no row would be imported. Choose to create or to change records."
		}
		return p
	}
	key := c.Key()
	if _, there := used[key.Name]; there && key.Filled() {
		p["match"] = fmt.Sprintf("The file has keys: find records by “%s”, or leave that column out.", key.Title)
	}
	for _, f := range c.Fields {
		_, there := used[f.Name]
		if f.Required && !f.Filled() && f.Relation == "" && (f.Column != "" || f.Type == collection.BelongsTo) && f.Default == nil && !there && (f != key || !key.Filled()) {
			p["columns"] = fmt.Sprintf("“%s” must be filled in. Choose the column that holds it.", f.Title)
		}
	}
	return p
}

// choose keeps *v when it is one of options, else makes it the first.
func choose(v *string, options ...string) {
	if !slices.Contains(options, *v) {
		*v = options[0]
	}
}
