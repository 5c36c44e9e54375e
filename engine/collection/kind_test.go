package collection_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// kinds are definitions of the field "v", with values as they come in, as they
// stand in the table and as they go out; and values that are refused, with the
// words for it.
var kinds = []struct {
	def  string
	good [][3]string // JSON in, SQL text, JSON out
	bad  map[string]string
}{
	{`"type": "string", "interface": "email"`, [][3]string{{`"ann@example.org"`, `ann@example.org`, `"ann@example.org"`}, {`""`, ``, `""`}},
		map[string]string{`"ann"`: "Write a mail address such as ann@example.org.", `"Ann <ann@example.org>"`: "Write a mail address such as ann@example.org."}},
	{`"type": "string", "interface": "phone"`, [][3]string{{`"+49 (30) 123-45"`, `+49 (30) 123-45`, `"+49 (30) 123-45"`}},
		map[string]string{`"call me"`: "Write a phone number such as +49 30 1234567.", `"--- "`: "Write a phone number such as +49 30 1234567."}},
	{`"type": "text", "interface": "url"`, [][3]string{{`"https://a.example/b?c=1"`, `https://a.example/b?c=1`, `"https://a.example/b?c=1"`}},
		map[string]string{`"javascript:alert(1)"`: "Write an address that begins with https:// or http://.", `"a.example"`: "Write an address that begins with https:// or http://."}},
	{`"type": "string", "interface": "color"`, [][3]string{{`"#1677FF"`, `#1677FF`, `"#1677FF"`}, {`"rgba(1, 2, 3, 0.5)"`, `rgba(1, 2, 3, 0.5)`, `"rgba(1, 2, 3, 0.5)"`}},
		map[string]string{`"red; }"`: "Write a color such as #1677ff."}},
	{`"type": "string", "interface": "icon"`, [][3]string{{`"user-add"`, `user-add`, `"user-add"`}}, map[string]string{`"<b>"`: "Write the name of an icon: letters, digits and -."}},
	{`"type": "string", "interface": "radioGroup", "uiSchema": {"enum": [{"value": "a"}, {"value": "b"}]}`, [][3]string{{`"a"`, `a`, `"a"`}},
		map[string]string{`"c"`: "Choose one of the offered values."}},
	{`"type": "string", "validation": {"rules": [{"name": "min", "args": {"limit": 2}}, {"name": "max", "args": {"limit": 4}}, {"name": "pattern", "args": {"regex": "/^[A-Z]+$/"}}]}`,
		[][3]string{{`"ABC"`, `ABC`, `"ABC"`}}, map[string]string{`"A"`: "Write at least 2 characters.", `"ABCDE"`: "Write at most 4 characters.", `"abc"`: "This does not fit the pattern ^[A-Z]+$."}},
	{`"type": "string", "validation": {"uppercase": true, "length": 3}`, [][3]string{{`"ÄBC"`, `ÄBC`, `"ÄBC"`}},
		map[string]string{`"abc"`: "Write exactly 3 characters.|Write capital letters only.", `"AB"`: "Write exactly 3 characters."}},
	{`"type": "integer", "validation": {"min": 1, "max": 9, "multiple": 3}`, [][3]string{{`3`, `3`, `3`}, {`"6"`, `6`, `6`}},
		map[string]string{`0`: "Write a number of 1 or more.", `12`: "Write a number of 9 or less.", `4`: "Write a multiple of 3.", `2147483648`: "Write a whole number between −2147483648 and 2147483647."}},
	{`"type": "integer", "validation": {"rules": [{"name": "positive", "message": "More than nothing, please."}]}`, [][3]string{{`1`, `1`, `1`}}, map[string]string{`0`: "More than nothing, please."}},
	{`"type": "bigInt"`, [][3]string{{`"9007199254740993"`, `9007199254740993`, `"9007199254740993"`}, {`12`, `12`, `12`}}, map[string]string{`1.5`: "Write a whole number."}},
	{`"type": "decimal", "precision": 20, "scale": 4`, [][3]string{{`"1234567890123456.7891"`, `1234567890123456.7891`, `"1234567890123456.7891"`}, {`0.25`, `0.2500`, `0.25`}},
		map[string]string{`"x"`: "Write a number.", `"12345678901234567"`: "Write a number with at most 16 digits before the point."}},
	{`"type": "decimal", "interface": "percent"`, [][3]string{{`0.125`, `0.125`, `0.125`}}, map[string]string{`"12%"`: "Write a number."}},
	{`"type": "float"`, [][3]string{{`1.5`, `1.5`, `1.5`}}, map[string]string{`"a"`: "Write a number."}},
	{`"type": "real"`, [][3]string{{`"1e-3"`, `0.001`, `0.001`}}, map[string]string{`true`: "Write a number."}},
	{`"type": "boolean"`, [][3]string{{`"on"`, `true`, `true`}, {`0`, `false`, `false`}}, map[string]string{`"maybe"`: "Choose yes or no."}},
	{`"type": "datetime"`, [][3]string{{`"2026-05-07T14:30:00+02:00"`, `2026-05-07 12:30:00+00`, `"2026-05-07T12:30:00.000Z"`}}, map[string]string{`"soon"`: "Write a date and time such as 2026-05-07 14:30."}},
	{`"type": "datetimeNoTz"`, [][3]string{{`"2026-05-07 14:30"`, `2026-05-07 14:30:00`, `"2026-05-07 14:30:00"`}, {`"2026-05-07T14:30:00Z"`, `2026-05-07 14:30:00`, `"2026-05-07 14:30:00"`}},
		map[string]string{`"14:30"`: "Write a date and time such as 2026-05-07 14:30."}},
	{`"type": "dateOnly"`, [][3]string{{`"2024-02-29"`, `2024-02-29`, `"2024-02-29"`}}, map[string]string{`"2026-02-30"`: "Write a date such as 2026-05-07.", `20260507`: "Write a date such as 2026-05-07."}},
	{`"type": "time"`, [][3]string{{`"9:05"`, `09:05:00`, `"09:05:00"`}, {`"23:59:59.9"`, `23:59:59`, `"23:59:59"`}}, map[string]string{`"24:00"`: "Write a time such as 14:30.", `930`: "Write a time such as 14:30."}},
	{`"type": "unixTimestamp"`, [][3]string{{`"2026-05-07T10:00:00Z"`, `1778148000`, `"2026-05-07T10:00:00.000Z"`}, {`1778148000`, `1778148000`, `"2026-05-07T10:00:00.000Z"`}},
		map[string]string{`"x"`: "Write a date and time such as 2026-05-07 14:30.", `9e18`: "Write a date and time such as 2026-05-07 14:30."}},
	{`"type": "unixTimestamp", "accuracy": "millisecond"`, [][3]string{{`"2026-05-07T10:00:00.123Z"`, `1778148000123`, `"2026-05-07T10:00:00.123Z"`}}, nil},
	{`"type": "jsonb"`, [][3]string{{`{"b": [1, null], "a": "x"}`, `{"a": "x", "b": [1, null]}`, `{"a":"x","b":[1,null]}`}}, map[string]string{`"\u0000"`: "This cannot be stored as JSON."}},
	{`"type": "array", "interface": "multipleSelect", "uiSchema": {"enum": [{"value": "a"}, {"value": "b"}]}`, [][3]string{{`["b", "a"]`, `["b", "a"]`, `["b","a"]`}, {`"a"`, `["a"]`, `["a"]`}, {`[]`, `[]`, `[]`}},
		map[string]string{`["a", "c"]`: "Choose some of the offered values."}},
	{`"type": "array"`, [][3]string{{`[1, "x", 1]`, `[1, "x", 1]`, `[1,"x",1]`}, {`"[2]"`, `[2]`, `[2]`}}, nil},
	{`"type": "set", "interface": "checkboxGroup", "uiSchema": {"enum": ["x", "y"]}`, [][3]string{{`["y", "x", "y"]`, `["y", "x"]`, `["y","x"]`}}, map[string]string{`["z"]`: "Choose some of the offered values."}},
	{`"type": "uuid"`, [][3]string{{`"0191E1AD-4b2c-7cde-8f01-23456789abcd"`, `0191e1ad-4b2c-7cde-8f01-23456789abcd`, `"0191e1ad-4b2c-7cde-8f01-23456789abcd"`}},
		map[string]string{`"123"`: "Write a UUID such as 0191e1ad-4b2c-7cde-8f01-23456789abcd."}},
	{`"type": "nanoid"`, [][3]string{{`"mine"`, `mine`, `"mine"`}}, nil},
	{`"type": "snowflakeId"`, [][3]string{{`77`, `77`, `77`}}, map[string]string{`"x"`: "Write a whole number."}},
}

// withField is a fresh collection with the field "v".
func (s *shop) withField(name, def string) error {
	var f collection.Field
	if err := json.Unmarshal([]byte(`{"name": "v", `+def+`}`), &f); err != nil {
		return err
	}
	_, err := s.store.CreateCollection(s.t.Context(), admin, collection.Definition{Name: name, Fields: []collection.Field{f}})
	return err
}

func TestKinds(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for i, k := range kinds {
		name := fmt.Sprintf("kind%d", i)
		if err := s.withField(name, k.def); err != nil {
			t.Errorf("%s: %v %v", k.def, err, fields(err))
			continue
		}
		for _, g := range k.good {
			var v any
			_ = json.Unmarshal([]byte(g[0]), &v)
			rec, err := s.tryCreate(name, collection.Record{"v": v})
			if err != nil {
				t.Errorf("%s takes %s: %v %v", k.def, g[0], err, fields(err))
				continue
			}
			var stored string
			if err := s.db.GetContext(t.Context(), &stored, `SELECT coalesce(v::text, '') FROM public.`+name+` WHERE id = $1`, rec["id"]); err != nil || stored != g[1] {
				t.Errorf("%s stores %s as %q (%v), want %q", k.def, g[0], stored, err, g[1])
			}
			if got := asJSON(rec["v"]); got != g[2] {
				t.Errorf("%s answers %s with %s, want %s", k.def, g[0], got, g[2])
			}
			if recs, err := s.update(name, rec["id"], collection.Record{"v": rec["v"]}); err != nil || asJSON(recs[0]["v"]) != g[2] {
				t.Errorf("%s does not take back its own %s: %v", k.def, g[2], err)
			}
			if v == "" || g[0] == "[]" {
				continue
			}
			if n, err := s.store.Count(t.Context(), s.db, s.a, name, map[string]any{"v.$notEmpty": true, "id": rec["id"]}); n != 1 || err != nil {
				t.Errorf("%s: %s is said to be empty (%v)", k.def, g[0], err)
			}
			if n, err := s.store.Count(t.Context(), s.db, s.a, name, map[string]any{"v": rec["v"], "id": rec["id"]}); n != 1 || err != nil {
				t.Errorf("%s: %s is not found by its own value (%v)", k.def, g[0], err)
			}
		}
		for in, want := range k.bad {
			var v any
			_ = json.Unmarshal([]byte(in), &v)
			_, err := s.tryCreate(name, collection.Record{"v": v})
			if got := fields(err)["v"]; !slices.Contains(strings.Split(want, "|"), got) {
				t.Errorf("%s refuses %s with %q (%v), want %q", k.def, in, got, err, want)
			}
		}
	}
}

func TestFilledInValues(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tests := []struct{ def, first, second string }{ // patterns of two values in a row
		{`"type": "uid", "prefix": "u_"`, `^u_[0-9a-z]{11}$`, `^u_[0-9a-z]{11}$`},
		{`"type": "nanoid", "size": 5, "customAlphabet": "xyz"`, `^[xyz]{5}$`, `^[xyz]{5}$`},
		{`"type": "uuid", "autoFill": false`, `^$`, `^$`},
		{`"type": "uuid"`, `^[0-9a-f]{8}-[0-9a-f]{4}-4`, `^[0-9a-f-]{36}$`},
		{`"type": "snowflakeId"`, `^[0-9]{10,}$`, `^[0-9]{10,}$`},
		{`"type": "sequence"`, `^1$`, `^2$`},
		{`"type": "sequence", "patterns": [{"type": "string", "options": {"value": "R-"}}, {"type": "date", "options": {"format": "YY[Q]Q"}}, {"type": "integer", "options": {"digits": 3, "start": 41}}]`, `^R-26Q4041$`, `^R-26Q4042$`},
		{`"type": "sequence", "patterns": [{"type": "integer", "options": {"base": 16, "start": 254, "digits": 2}}, {"type": "randomChar", "options": {"length": 3, "charsets": ["uppercase"]}}]`, `^FE[A-Z]{3}$`, `^FF[A-Z]{3}$`},
		{`"type": "sort"`, `^1$`, `^2$`},
		{`"type": "datetime", "defaultToCurrentTime": true`, `^2026-11-23T12:00:00.000Z$`, `^2026-11-23T12`},
		{`"type": "datetimeNoTz", "defaultToCurrentTime": true`, `^2026-11-23 12:00:00$`, `^2026-11-23 12`},
		{`"type": "virtual"`, `^$`, `^$`},
	}
	for i, tc := range tests {
		name := fmt.Sprintf("made%d", i)
		if err := s.withField(name, tc.def); err != nil {
			t.Errorf("%s: %v %v", tc.def, err, fields(err))
			continue
		}
		for _, want := range []string{tc.first, tc.second} {
			if got := collection.Format(s.create(name, collection.Record{})["v"]); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%s fills in %q, want %s", tc.def, got, want)
			}
		}
	}
}

func TestPasswordsAreKeptAndNeverShown(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.withField("doors", `"type": "password", "validation": {"min": 4}`); err != nil {
		t.Fatal(err)
	}
	rec := s.create("doors", collection.Record{"v": "sesame"})
	stored := func() (text string) {
		t.Helper()
		if err := s.db.GetContext(t.Context(), &text, "SELECT v FROM public.doors"); err != nil {
			t.Fatal(err)
		}
		return text
	}
	was := stored()
	if _, shown := rec["v"]; shown || !strings.HasPrefix(was, "$argon2id$") {
		t.Errorf("stored is %q, shown %v", was, rec)
	}
	if _, err := s.update("doors", rec["id"], collection.Record{"v": ""}); err != nil || stored() != was {
		t.Errorf("an empty password replaced the old one (%v)", err)
	}
	if _, err := s.update("doors", rec["id"], collection.Record{"v": "open"}); err != nil || stored() == was {
		t.Errorf("the password was not changed (%v)", err)
	}
	if _, err := s.update("doors", rec["id"], collection.Record{"v": "abc"}); fields(err)["v"] != "Write at least 4 characters." {
		t.Errorf("a short password: %v %v", err, fields(err))
	}
	if _, err := s.store.List(t.Context(), s.db, s.a, "doors", collection.Query{Filter: map[string]any{"v.$exists": true}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("filtering by a password: %v, want Invalid", err)
	}
}

// TestPlaces: a record that comes to another scope of an order goes to its end.
func TestPlaces(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const def = `{"name": "cards", "fields": [{"name": "lane", "type": "string"}, {"name": "place", "type": "sort", "scopeKey": "lane"}]}`
	var d collection.Definition
	if err := json.Unmarshal([]byte(def), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.CreateCollection(t.Context(), admin, d); err != nil {
		t.Fatal(err)
	}
	first := s.create("cards", collection.Record{"lane": "a"})
	second := s.create("cards", collection.Record{"lane": "a"})
	s.create("cards", collection.Record{"lane": "b"})
	recs, err := s.update("cards", first["id"], collection.Record{"lane": "b"})
	if err != nil || recs[0]["place"] != 2.0 {
		t.Errorf("in its new lane: %s, %v; want place 2", asJSON(recs), err)
	}
	if last := s.told[len(s.told)-1]; asJSON(last.Changed) != `["lane","place"]` {
		t.Errorf("listeners heard of %s", asJSON(last.Changed))
	}
	if recs, err = s.update("cards", second["id"], collection.Record{"lane": "b", "place": 7}); err != nil || recs[0]["place"] != 7.0 {
		t.Errorf("with a place: %s, %v; want place 7", asJSON(recs), err)
	}
	if err := s.write(func(tx *pg.Tx) error {
		_, err := s.store.UpdateBulk(t.Context(), tx, s.a, "cards", map[string]any{"lane": "b"}, collection.Record{"lane": "c"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	places := map[any]bool{}
	for _, r := range s.list("cards", collection.Query{Filter: map[string]any{"lane": "c"}}) {
		places[r["place"]] = true
	}
	if len(places) != 3 || !places[1.0] || !places[3.0] {
		t.Errorf("places of three that came at once: %v", places)
	}
}

func TestFormulas(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const def = `{"name": "lines", "fields": [{"name": "price", "type": "decimal"}, {"name": "n", "type": "integer"},
		{"name": "net", "type": "formula", "expression": "{{price}} * {{n}}", "engine": "math.js", "dataType": "decimal"},
		{"name": "gross", "type": "formula", "expression": "{{net}} * 2", "engine": "math.js", "dataType": "double"}]}`
	var d collection.Definition
	if err := json.Unmarshal([]byte(def), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.CreateCollection(t.Context(), admin, d); err != nil {
		t.Fatal(err, fields(err))
	}
	rec := s.create("lines", collection.Record{"price": "2.5", "n": "4", "net": 99.0})
	if rec["net"] != 10.0 || rec["gross"] != 20.0 {
		t.Errorf("made: %s", asJSON(rec))
	}
	recs, err := s.update("lines", rec["id"], collection.Record{"n": 6.0, "gross": 1.0})
	if err != nil || recs[0]["net"] != 15.0 || recs[0]["gross"] != 30.0 {
		t.Errorf("changed: %s %v", asJSON(recs), err)
	}
	if last := s.told[len(s.told)-1]; asJSON(last.Changed) != `["n","net","gross"]` || last.After["gross"] != 30.0 {
		t.Errorf("listeners heard of %s", asJSON(last))
	}
	n := 0
	if err := s.write(func(tx *pg.Tx) (err error) {
		n, err = s.store.UpdateBulk(t.Context(), tx, s.a, "lines", map[string]any{"n.$gt": 0.0}, collection.Record{"price": 1.0})
		return err
	}); err != nil || n != 1 {
		t.Fatalf("%d changed (%v)", n, err)
	}
	if got := s.list("lines", collection.Query{Filter: map[string]any{"gross": 12.0}}); len(got) != 1 {
		t.Error("a change of many did not work the formula out again")
	}
	before := s.list("lines", collection.Query{})[0]["updatedAt"]
	const many = `INSERT INTO public.lines (id, price, n) SELECT i, CASE WHEN i <> 700 THEN i END, 2 FROM generate_series(1, 1201) i`
	if _, err := s.db.ExecContext(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	told := len(s.told)
	if _, err := s.store.UpdateField(t.Context(), admin, "lines", "net", map[string]any{"expression": "{{price}} * {{n}} + 1"}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.AddField(t.Context(), admin, "lines", collection.Field{Name: "half", Type: collection.Formula,
		Options: map[string]any{"expression": "{{net}} / 2", "engine": "math.js", "dataType": "double"}}); err != nil {
		t.Fatal(err)
	}
	if done, records, err := s.store.Formulas(t.Context(), admin, "lines"); done != 0 || records != 1202 || err != nil {
		t.Errorf("asked for: %d of %d done, %v", done, records, err)
	}
	if err := s.store.UpkeepOnce(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if done, records, err := s.store.Formulas(t.Context(), admin, "lines"); done+records != 0 || err != nil {
		t.Errorf("afterwards: %d of %d done, %v", done, records, err)
	}
	var wrong int
	if err := s.db.GetContext(t.Context(), &wrong, `SELECT count(*) FROM public.lines
		WHERE net IS DISTINCT FROM price * n + 1 OR gross IS DISTINCT FROM net * 2 OR half IS DISTINCT FROM net / 2`); err != nil || wrong > 0 {
		t.Errorf("%d records have other results, %v", wrong, err)
	}
	if got := s.list("lines", collection.Query{Sort: []string{"-id"}})[0]["updatedAt"]; got != before || len(s.told) != told {
		t.Errorf("the record was changed at %v, before at %v, and listeners heard of %d changes", got, before, len(s.told)-told)
	}
	for expression, want := range map[string]string{"": "Write a formula", "{{nope}} + 1": "“nope” is no field", "1 +": "This formula cannot be understood"} {
		_, err := s.store.UpdateField(t.Context(), admin, "lines", "net", map[string]any{"expression": expression}, 0)
		if got := fields(err)["expression"]; !strings.HasPrefix(got, want) {
			t.Errorf("formula %q is refused with %q, want %q", expression, got, want)
		}
	}
}

// TestCountsUnderConcurrency makes records from many sides at once, some of which
// fail: no number comes twice and none is lost.
func TestCountsUnderConcurrency(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const def = `{"name": "bills", "fields": [{"name": "no", "type": "sequence", "unique": true}, {"name": "year", "type": "integer", "max": 2}, {"name": "place", "type": "sort", "scopeKey": "year"}]}`
	var d collection.Definition
	if err := json.Unmarshal([]byte(def), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.CreateCollection(t.Context(), admin, d); err != nil {
		t.Fatal(err, fields(err))
	}
	const writers, each = 8, 6
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := s.tryCreate("bills", collection.Record{"year": float64(1 + (w+i)%3)}) // a third is refused
				if refused := (w+i)%3 == 2; refused != fault.Is(err, fault.Invalid) || !refused && err != nil {
					t.Errorf("create: %v", err)
				}
			}
		})
	}
	wg.Wait()
	var lost int
	err := s.db.GetContext(t.Context(), &lost, `SELECT count(*) - max(no::int) + count(*) - count(DISTINCT (year, place))
		+ (SELECT sum(m - n) FROM (SELECT max(place) AS m, count(*) AS n FROM public.bills GROUP BY year) x) FROM public.bills`)
	if err != nil || lost != 0 {
		t.Errorf("numbers are missing or double: %d (%v)", lost, err)
	}
	if n, _ := s.store.Count(t.Context(), s.db, s.a, "bills", nil); n != writers*each*2/3 {
		t.Errorf("%d bills, want %d", n, writers*each*2/3)
	}
}
