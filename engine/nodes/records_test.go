package nodes_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
	_ "alur/engine/nodes"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	"alur/engine/value"
)

// shop is a database with a collection of five products, priced 1 to 5.
type shop struct {
	t       *testing.T
	db      *pg.DB
	records *collection.Store
	heard   []collection.Change
	stack   []int64
	more    map[string]any // in the context beside what is always there
}

func newShop(t *testing.T) *shop {
	t.Helper()
	db := pgtest.New(t)
	s := &shop{t: t, db: db, records: collection.NewStore(db, snowflake.New(1, time.Now), time.Now)}
	s.records.Listen(s)
	var d collection.Definition
	if err := json.Unmarshal([]byte(`{"name": "products", "title": "Products", "fields": [
		{"name": "name", "type": "string", "title": "Name"}, {"name": "price", "type": "decimal", "title": "Price"}]}`), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
		t.Fatal(err)
	}
	err := s.records.Write(t.Context(), "products", func(tx *pg.Tx) error {
		for i, name := range []string{"pen", "ink", "pad", "box", "cup"} {
			_, err := s.records.Create(t.Context(), tx, collection.Access{Actor: auth.System}, "products", collection.Record{"name": name, "price": float64(i + 1)}, nil)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.heard = nil
	return s
}

// Changed implements collection.Listener.
func (*shop) Long(context.Context, string) (bool, error) { return false, nil }

// Starts implements collection.Listener.
func (*shop) Starts(context.Context) (each, bulk map[string]bool, err error) { return nil, nil, nil }

func (s *shop) Changed(_ context.Context, _ *pg.Tx, a collection.Access, changes []collection.Change) error {
	s.heard, s.stack = append(s.heard, changes...), a.Stack
	return nil
}

// run runs a node of kind with settings config.
func (s *shop) run(kind, config string) (node.Outcome, *node.Step, error) {
	s.t.Helper()
	k := node.Lookup(kind)
	c, problems := k.Decode(json.RawMessage(config))
	if len(problems) > 0 {
		s.t.Fatalf("settings: %v", problems)
	}
	step := &node.Step{Stack: []int64{7, 8}, Services: &node.Services{},
		Vars: expr.Vars{"$context": map[string]any{"name": "pad", "two": 2.0, "text": "2", "none": nil, "list": []any{map[string]any{"id": 1.0}, nil, map[string]any{"id": 2.0}}}}}
	maps.Copy(step.Vars.(expr.Vars)["$context"].(map[string]any), s.more)
	node.Provide(step.Services, s.records)
	var out node.Outcome
	err := s.db.Tx(s.t.Context(), pg.RepeatableRead, func(tx *pg.Tx) (err error) {
		step.Tx = tx
		out, err = k.Run(s.t.Context(), step, c)
		return err
	})
	return out, step, err
}

// names is the name of a record, or of all of a list, joined.
func names(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case map[string]any:
		return v["name"].(string)
	case []any:
		all := make([]string, len(v))
		for i, r := range v {
			all[i] = names(r)
		}
		return strings.Join(all, " ")
	}
	return string(value.Encode(v))
}

func TestQuery(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := []struct {
		name, config string
		want         string // names
		status       node.Status
		problem      string // part of the error
	}{
		{"one by a variable", `{"collection": "products", "params": {"filter": {"name": "{{$context.name}}"}}}`, "pad", 1, ""},
		{"with its data source", `{"collection": "main:products", "params": {"filter": {"name": "ink"}}}`, "ink", 1, ""},
		{"the first of all", `{"collection": "products", "params": {"sort": [{"field": "price", "direction": "DESC"}]}}`, "cup", 1, ""},
		{"any other direction rises", `{"collection": "products", "params": {"sort": [{"field": ""}, {"field": "price", "direction": "up"}]}}`, "pen", 1, ""},
		{"page and size count for one too", `{"collection": "products", "params": {"sort": [{"field": "price"}], "page": "{{$context.two}}", "pageSize": "{{$context.text}}"}}`, "pad", 1, ""},
		{"none", `{"collection": "products", "params": {"filter": {"name": "x"}}}`, "nil", 1, ""},
		{"none, and that is a failure", `{"collection": "products", "failOnEmpty": true, "params": {"filter": {"name": "x"}}}`, "nil", -1, ""},
		{"all", `{"collection": "products", "multiple": true, "params": {"sort": [{"field": "price"}]}}`, "pen ink pad box cup", 1, ""},
		{"a page", `{"collection": "products", "multiple": true, "params": {"sort": [{"field": "price"}], "page": 2, "pageSize": 2}}`, "pad box", 1, ""},
		{"no list", `{"collection": "products", "multiple": true, "params": {"filter": {"name": "x"}}}`, "", 1, ""},
		{"no list, and that is a failure", `{"collection": "products", "multiple": true, "failOnEmpty": true, "params": {"filter": {"name": "x"}}}`, "", -1, ""},
		{"a condition on nothing", `{"collection": "products", "params": {"filter": {"$and": [{"name": {"$eq": "{{$context.missing}}"}}]}}}`, "", 0, "“$context.missing”, which has no value"},
		{"a condition on a text with nothing in it", `{"collection": "products", "params": {"filter": {"name": {"$startsWith": "p{{$context.missing}}"}}}}`, "", 0, "“$context.missing”"},
		{"a default is a value", `{"collection": "products", "params": {"filter": {"name": "{{$context.missing:cup}}"}}}`, "cup", 1, ""},
		{"null is a value", `{"collection": "products", "params": {"filter": {"name": "{{$context.none}}"}}}`, "nil", 1, ""},
		{"page 0", `{"collection": "products", "params": {"page": 0}}`, "", 0, "page must be a whole number"},
	}
	for _, tc := range tests {
		out, _, err := s.run("query", tc.config)
		if tc.problem != "" {
			if err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := names(out.Result); got != tc.want || out.Status != tc.status {
			t.Errorf("%s: %q with status %d, want %q with %d", tc.name, got, out.Status, tc.want, tc.status)
		}
	}
}

func TestCreateUpdateDestroy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	all := func() string {
		out, _, err := s.run("query", `{"collection": "products", "multiple": true, "params": {"sort": [{"field": "name"}]}}`)
		if err != nil {
			t.Fatal(err)
		}
		return names(out.Result)
	}
	steps := []struct {
		name, kind, config string
		result             string // names of records, or the number
		problem            string
		left               string // names afterwards
		events             int
	}{
		{"create with a missing value", "create", `{"collection": "products", "params": {"values": {"name": "{{$context.name}} 2", "price": "{{$context.missing}}"}}}`, "pad 2", "", "box cup ink pad pad 2 pen", 1},
		{"create with defaults only", "create", `{"collection": "products", "params": {"values": {"name": "new"}}}`, "new", "", "box cup ink new pad pad 2 pen", 1},
		{"update one by one", "update", `{"collection": "products", "params": {"filter": {"name": {"$startsWith": "pad"}}, "values": {"price": 7}}}`, "2", "", "box cup ink new pad pad 2 pen", 2},
		{"update in one statement", "update", `{"collection": "products", "params": {"individualHooks": false, "filter": {"price": 7}, "values": {"name": "seven"}}}`, "2", "", "box cup ink new pen seven seven", 0},
		{"update none", "update", `{"collection": "products", "params": {"filter": {"name": "x"}, "values": {"price": 7}}}`, "0", "", "box cup ink new pen seven seven", 0},
		{"update without a filter", "update", `{"collection": "products", "params": {"filter": {"$and": []}, "values": {"price": 7}}}`, "", " ", "box cup ink new pen seven seven", 0},
		{"update with a missing variable", "update", `{"collection": "products", "params": {"filter": {"name": "{{$context.missing}}"}, "values": {"price": 7}}}`, "", "no value here", "box cup ink new pen seven seven", 0},
		{"destroy", "destroy", `{"collection": "products", "params": {"filter": {"name": "seven"}}}`, "2", "", "box cup ink new pen", 2},
		{"destroy without a filter", "destroy", `{"collection": "products", "params": {"filter": {"$and": [{}]}}}`, "", "No record was deleted", "box cup ink new pen", 0},
		{"destroy with nothing set", "destroy", `{"collection": "products"}`, "", "No record was deleted", "box cup ink new pen", 0},
	}
	for _, tc := range steps {
		s.heard = nil
		out, step, err := s.run(tc.kind, tc.config)
		switch {
		case tc.problem != "":
			if err == nil || !strings.Contains(err.Error()+" "+fields(err), tc.problem) {
				t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.problem)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case names(value.Normalize(out.Result)) != tc.result:
			t.Errorf("%s: result %s, want %s", tc.name, names(value.Normalize(out.Result)), tc.result)
		case step.Input == nil:
			t.Errorf("%s: nothing to show as input", tc.name)
		}
		if got := all(); got != tc.left {
			t.Errorf("%s: left %s, want %s", tc.name, got, tc.left)
		}
		if len(s.heard) != tc.events {
			t.Errorf("%s: %d events, want %d", tc.name, len(s.heard), tc.events)
		}
		if tc.events > 0 && len(s.stack) != 2 {
			t.Errorf("%s: the chain %v was not passed on", tc.name, s.stack)
		}
	}
}

func fields(err error) string {
	var all []string
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for k, v := range f.Fields {
			all = append(all, k, v)
		}
	}
	return strings.Join(all, " ")
}

func TestRecordSettings(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := []struct {
		kind, config string
		saving       string // keys with a problem on saving
		enabling     string // and on enabling
	}{
		{"query", `{}`, "collection", "collection"},
		{"query", `{"collection": "main:"}`, "collection", "collection"},
		{"query", `{"collection": "other:products"}`, "collection", "collection"},
		{"query", `{"collection": "gone"}`, "", "collection"},
		{"query", `{"collection": "products"}`, "", ""},
		{"create", `{"collection": "products"}`, "", ""},
		{"create", `{"collection": "products", "params": {"values": "of {{$context}}"}}`, "params.values", "params.values"},
		{"update", `{"collection": "products"}`, "", "params.filter params.values"},
		{"update", `{"collection": "products", "params": {"filter": {"$and": [{"$or": []}]}, "values": {"name": "x"}}}`, "", "params.filter"},
		{"update", `{"collection": "products", "params": {"filter": {"name": "{{$context.missing}}"}, "values": {"name": "x"}}}`, "", ""},
		{"destroy", `{"collection": "products"}`, "", "params.filter"},
		{"destroy", `{"collection": "products", "params": {"filter": {"id": 1}}}`, "", ""},
	}
	keys := func(p node.Problems) string {
		var all []string
		for _, k := range []string{"collection", "params.filter", "params.values"} {
			if p[k] != "" {
				all = append(all, k)
			}
		}
		return strings.Join(all, " ")
	}
	for _, tc := range tests {
		k := node.Lookup(tc.kind)
		c, p := k.Decode(json.RawMessage(tc.config))
		if len(p) > 0 {
			t.Fatal(p)
		}
		if got := keys(c.Validate()); got != tc.saving {
			t.Errorf("%s %s on saving: %q, want %q", tc.kind, tc.config, got, tc.saving)
		}
		if got := keys(k.Check(c, s.records)); got != tc.enabling {
			t.Errorf("%s %s on enabling: %q, want %q", tc.kind, tc.config, got, tc.enabling)
		}
	}
}
