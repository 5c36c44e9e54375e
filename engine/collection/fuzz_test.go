package collection_test

import (
	"encoding/json"
	"strings"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
)

// FuzzComparable reads operators and values as a stranger may send them: each is
// taken or explained, and nothing breaks.
func FuzzComparable(f *testing.F) {
	for _, seed := range []struct{ op, value string }{
		{"$dateOn", `"2026-05-07 10:20:30.123+02:00"`}, {"$dateBetween", `"[2026W01,2027Q4)Z"`}, {"$dateBetween", `["2026w05", {"type": "past", "unit": "day", "number": 3}, "()"]`},
		{"$in", `[1, "2", null]`}, {"$includes", `["%", "_"]`}, {"$like", `"\\"`}, {"$eq", `9007199254740993`}, {"$match", `[{"a": []}]`}, {"$between", `["1e300", -1]`},
	} {
		f.Add(seed.op, seed.value)
	}
	f.Fuzz(func(t *testing.T, op, value string) {
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value
		}
		for _, typ := range collection.Types {
			if typ == collection.HasMany {
				continue
			}
			err := collection.Comparable(&collection.Field{Name: "x", Title: "X", Column: "x", Type: typ}, op, v)
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("%s %s %s: %v", typ, op, value, err)
			}
		}
	})
}

// canary makes a table that nobody asks for, and text that nobody may see.
func (s *shop) canary(f *testing.F) {
	f.Helper()
	for _, query := range []string{
		`CREATE TABLE public.canary (song text)`, `INSERT INTO public.canary VALUES ('tweet')`, `UPDATE alur.users SET password = 'canary-hash'`,
	} {
		if _, err := s.db.ExecContext(f.Context(), query); err != nil {
			f.Fatal(err)
		}
	}
}

// unharmed fails when the canary is not as it was.
func (s *shop) unharmed(t *testing.T) {
	t.Helper()
	var songs string
	if err := s.db.GetContext(t.Context(), &songs, `SELECT string_agg(song, ',') FROM public.canary`); err != nil || songs != "tweet" {
		t.Fatalf("the canary sings %q, %v", songs, err)
	}
}

// explained fails for errors that are not in words for people.
func explained(t *testing.T, err error, what ...any) {
	t.Helper()
	if err != nil && fault.Of(err) == fault.Internal {
		t.Errorf("%v: %v", what, err)
	}
}

// FuzzList reads filters, sorts and fields as a stranger may send them: each is
// understood or explained, reaches no other table, and shows nothing hidden.
func FuzzList(f *testing.F) {
	s := newZoo(f)
	s.canary(f)
	for _, seed := range [][3]string{
		{`{"s": {"$includes": "'; DROP TABLE public.canary; --"}}`, `-s,up.mark`, `mark,up.mark`},
		{`{"s\"; DROP TABLE public.canary; --": 1}`, `s"; DROP TABLE public.canary; --`, `s", (SELECT song FROM canary)`},
		{`{"up": {"kids": {"pals": {"$exists": true}}}}`, `up.up.up.mark`, `kids.pals.heir`},
		{`{"$or": [{"a": {"$anyOf": ["x", {"y": []}]}}, {"z": {"$dateBetween": "[2026W01,2027Q4)"}}]}`, `createdBy.nickname`, `createdBy.password`},
		{`{"createdBy": {"password": {"$startsWith": "canary"}}}`, `createdBy.password`, `password`},
		{`{"s": {"$like": "\\"}, "i": {"$in": [1e400, "9999999999999999999999"]}}`, `-`, `.`},
		{`{"g": {"$eq": "{{$user.password}}"}, "z": {"$dateOn": "{{$nDate.last999Days}}"}}`, `+id`, `id`},
		{`{"$of": {"Collection": "users", "Key": 1}}`, `$of`, `$`},
		{`{"j": {"$match": [null, {"": "\u0000"}]}, "c": {"$gt": "25:00"}, "n": "0001-01-01", "o": {"$lt": "99999-01-01"}}`, `c,-c,c`, ``},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, filter, sort, names string) {
		var v any
		if json.Unmarshal([]byte(filter), &v) != nil {
			v = filter
		}
		v, err := s.store.Resolve(t.Context(), s.db, s.a, v)
		if err != nil {
			explained(t, err, filter)
			return
		}
		for _, q := range []collection.Query{
			{Filter: v, PageSize: 5}, {Sort: []string{sort}, PageSize: 5}, {Fields: strings.Split(names, ","), PageSize: 5},
			{Appends: strings.Split(names, ","), Except: []string{sort}, PageSize: 5},
		} {
			page, err := s.store.List(t.Context(), s.db, s.a, "zoo", q)
			explained(t, err, filter, sort, names)
			if strings.Contains(asJSON(page.Records), "canary-hash") {
				t.Fatalf("%s %s %s shows a password", filter, sort, names)
			}
		}
		_, err = s.store.Group(t.Context(), s.db, s.a, "zoo", collection.Groups{
			Dimensions: []collection.GroupPart{{Path: strings.Split(names, "."), Alias: sort, Format: sort}}, Filter: v})
		explained(t, err, names, sort)
		s.unharmed(t)
	})
}

// FuzzCreate writes what a stranger may send: it is stored or explained.
func FuzzCreate(f *testing.F) {
	s := newZoo(f)
	s.canary(f)
	for _, seed := range []string{
		`{"mark": "x", "s": "'); DROP TABLE public.canary; --", "a": [{"x": [1]}], "up": {"mark": "y", "kids": [{"mark": "z"}, 1]}}`,
		`{"mark": "x", "i": 1e300, "b": "99999999999999999999", "d": "1e500", "g": "no", "c": "24:61", "z": "0000-00-00", "j": "\u0000"}`,
		`{"mark": {"a": 1}, "pals": "x", "kids": {"id": 1}, "up": [1], "id": -1}`,
		`{"mark": "x", "pals": [1, {"id": 2, "palships": {"oneId": 5}}, {"mark": "new"}], "heir": {"mark": "h"}, "createdById": 2, "createdAt": "soon"}`,
		`{"mark": "\ud800", "t": "\u202e", "m": [1, 1, "1", null], "y": "perhaps", "u": -1e20, "o": "2026-02-30", "n": 7}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s.t = t
		var values collection.Record
		if json.Unmarshal([]byte(body), &values) != nil {
			return
		}
		_, err := s.tryCreate("zoo", values)
		explained(t, err, body)
		_, err = s.update("zoo", map[string]any{"mark": map[string]any{"$eq": "A"}}, values)
		explained(t, err, body)
		s.unharmed(t)
	})
}
