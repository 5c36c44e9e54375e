package collection_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
)

func TestConversions(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tests := []struct {
		from, to string
		values   string // what is stored before, oldest first
		lost     int
		want     string // what is there after
	}{
		{"string", "integer", `["12", " 7 ", "1.5", "x", "2147483648", "", null]`, 3, `[12,7,null,null,null,null,null]`},
		{"string", "bigInt", `["2147483648", "-3"]`, 0, `[2147483648,-3]`},
		{"text", "decimal", `["1.25", "1,5", "-.5", "1e5"]`, 2, `[1.25,null,-0.5,null]`},
		{"string", "double", `["0.5", "NaN"]`, 1, `[0.5,null]`},
		{"string", "boolean", `["yes", "FALSE", "1", "maybe"]`, 1, `[true,false,true,null]`},
		{"string", "dateOnly", `["2024-02-29", "2026-02-29", "2026-13-01", "soon"]`, 3, `["2024-02-29",null,null,null]`},
		{"string", "datetimeTz", `["2026-05-07T10:00:00Z", "2026-05-07", "2026-05-07 25:00"]`, 1, `["2026-05-07T10:00:00.000Z","2026-05-07T00:00:00.000Z",null]`},
		{"string", "uuid", `["0191e1ad-4b2c-7cde-8f01-23456789abcd", "x"]`, 1, `["0191e1ad-4b2c-7cde-8f01-23456789abcd",null]`},
		{"string", "json", `["a"]`, 0, `["a"]`},
		{"double", "integer", `[1, 1.5, 1e12]`, 2, `[1,null,null]`},
		{"decimal", "bigInt", `["3", "3.5"]`, 1, `[3,null]`},
		{"bigInt", "integer", `[1, 2147483648]`, 1, `[1,null]`},
		{"integer", "boolean", `[0, 1, 2]`, 1, `[false,true,null]`},
		{"boolean", "integer", `[true, false, null]`, 0, `[1,0,null]`},
		{"integer", "text", `[1, null]`, 0, `["1",null]`},
		{"datetimeTz", "dateOnly", `["2026-05-07T23:30:00Z"]`, 0, `["2026-05-07"]`},
		{"datetimeTz", "string", `["2026-05-07T23:30:00.5Z"]`, 0, `["2026-05-07T23:30:00.500Z"]`},
		{"dateOnly", "datetimeTz", `["2026-05-07"]`, 0, `["2026-05-07T00:00:00.000Z"]`},
		{"time", "string", `["10:00"]`, 0, `["10:00:00"]`},
	}
	for i, tc := range tests {
		name := fmt.Sprintf("conv%d", i)
		if err := s.withField(name, `"type": "`+tc.from+`"`); err != nil {
			t.Fatal(err)
		}
		var values []any
		_ = json.Unmarshal([]byte(tc.values), &values)
		for _, v := range values {
			s.create(name, collection.Record{"v": v})
		}
		to := map[string]any{"type": tc.to}
		what := tc.from + " to " + tc.to
		loss, err := s.store.Conversion(t.Context(), admin, name, "v", to)
		if err != nil || loss.Values != tc.lost || tc.lost > 0 && (loss.Records != len(values) || len(loss.Examples) == 0) {
			t.Errorf("%s loses %+v (%v), want %d", what, loss, err, tc.lost)
		}
		if tc.lost > 0 {
			_, err := s.store.UpdateField(t.Context(), admin, name, "v", to, 0)
			if got := fields(err)["type"]; !strings.HasPrefix(got, fmt.Sprintf("%d of %d records", tc.lost, len(values))) {
				t.Errorf("%s without a word is refused with %q (%v)", what, got, err)
			}
			if _, err := s.store.UpdateField(t.Context(), admin, name, "v", to, collection.Agreed(tc.lost-1)); tc.lost > 1 && !fault.Is(err, fault.Conflict) {
				t.Errorf("%s with less agreed to: %v, want Conflict", what, err)
			}
		}
		if _, err := s.store.UpdateField(t.Context(), admin, name, "v", to, collection.Agreed(tc.lost)); err != nil {
			t.Errorf("%s: %v %v", what, err, fields(err))
			continue
		}
		got := []any{}
		for _, r := range s.list(name, collection.Query{}) {
			got = append(got, r["v"])
		}
		if asJSON(got) != tc.want {
			t.Errorf("%s gives %s, want %s", what, asJSON(got), tc.want)
		}
	}
	for _, pair := range [][2]string{{"json", "integer"}, {"integer", "hasMany"}, {"string", "sequence"}, {"time", "dateOnly"}} {
		name := "no" + pair[0] + pair[1]
		if err := s.withField(name, `"type": "`+pair[0]+`"`); err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.UpdateField(t.Context(), admin, name, "v", map[string]any{"type": pair[1]}, collection.All); pair[1] != "sequence" && fields(err)["type"] == "" {
			t.Errorf("%s to %s: %v, want a refusal", pair[0], pair[1], err)
		}
	}
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	for _, sql := range []string{
		"CREATE TYPE public.mood AS ENUM ('calm', 'loud')",
		`CREATE TABLE public.clients (client_no serial PRIMARY KEY, "Full Name" varchar(80) NOT NULL, mail text UNIQUE, mood public.mood,
			photo bytea, balance numeric(12,2) NOT NULL DEFAULT 7, updated_at timestamptz)`,
		"CREATE TABLE public.parts (code varchar(20) PRIMARY KEY, client_id integer REFERENCES public.clients, net double precision, gross double precision GENERATED ALWAYS AS (net * 2) STORED)",
		"CREATE TABLE public.no_key (a integer)", "INSERT INTO public.no_key VALUES (1)",
		"CREATE VIEW public.rich AS SELECT mail FROM public.clients",
	} {
		if _, err := s.db.ExecContext(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	tables, err := s.store.Tables(ctx, admin)
	if err != nil || len(tables) != 4 || tables[0].Name != "clients" || len(tables[0].Warnings) != 1 || !tables[1].ReadOnly || tables[2].ReadOnly {
		t.Fatalf("tables are %s (%v)", asJSON(tables), err)
	}
	for _, name := range []string{"clients", "parts", "no_key", "rich"} {
		if _, err := s.store.Adopt(ctx, admin, name); err != nil {
			t.Fatalf("adopt %s: %v", name, err)
		}
	}
	if _, err := s.store.Adopt(ctx, member, "clients"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member adopts: %v", err)
	}
	ann := s.create("clients", collection.Record{"fullName": "Ann", "mail": "ann@x.org", "mood": "calm"})
	if ann["clientNo"] != 1.0 || ann["id"] != 1.0 || ann["balance"] != 7.0 {
		t.Errorf("made %s", asJSON(ann))
	}
	if _, err := s.tryCreate("clients", collection.Record{"fullName": "Bob", "mail": "ann@x.org"}); fields(err)["mail"] == "" {
		t.Errorf("a mail that is taken: %v %v", err, fields(err))
	}
	if _, err := s.tryCreate("clients", collection.Record{"mood": "odd"}); fields(err)["mood"] == "" || fields(err)["fullName"] == "" {
		t.Errorf("bad values: %v", fields(err))
	}
	bolt := s.create("parts", collection.Record{"code": "B-1", "client": map[string]any{"fullName": "Cid"}, "net": 2.0, "gross": 100.0})
	if bolt["id"] != "B-1" || bolt["gross"] != 4.0 || bolt["clientId"] != 2.0+1 { // number 2 went with the refused record
		t.Errorf("made %s", asJSON(bolt))
	}
	if recs, err := s.update("parts", "B-1", collection.Record{"net": 3.0}); err != nil || len(recs) != 1 || recs[0]["gross"] != 6.0 {
		t.Errorf("changed %s (%v)", asJSON(recs), err)
	}
	got := s.list("parts", collection.Query{Filter: map[string]any{"client.fullName": "Cid", "client.mood.$empty": true}, Fields: []string{"id", "client.fullName"}, Sort: []string{"-id"}})
	if asJSON(got) != `[{"client":{"fullName":"Cid"},"id":"B-1"}]` {
		t.Errorf("found %s", asJSON(got))
	}
	if n, err := s.store.Count(ctx, s.db, s.a, "clients", map[string]any{"mood.$includes": "cal"}); n != 1 || err != nil {
		t.Errorf("%d are calm (%v)", n, err)
	}
	state := func(rec collection.Record) string {
		c, err := s.store.Collection(ctx, "parts")
		if err != nil {
			t.Fatal(err)
		}
		return c.State(rec)
	}
	if _, err := s.edit("parts", "B-1", state(bolt), collection.Record{"net": 4.0}); !fault.Is(err, fault.Conflict) {
		t.Errorf("an edit of what was changed meanwhile: %v, want Conflict", err)
	}
	now := s.list("parts", collection.Query{})[0]
	if rec, err := s.edit("parts", "B-1", state(now), collection.Record{"net": 4.0}); err != nil || rec["gross"] != 8.0 {
		t.Errorf("an edit of what is there: %s %v", asJSON(rec), err)
	}
	for _, name := range []string{"noKey", "rich"} {
		if len(s.list(name, collection.Query{})) == 0 {
			t.Errorf("%s has no records", name)
		}
		if _, err := s.tryCreate(name, collection.Record{"a": 1.0, "mail": "x"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a record in %s: %v, want Forbidden", name, err)
		}
	}
	if n, err := s.destroy("parts", "B-1"); n != 1 || err != nil {
		t.Errorf("deleted %d (%v)", n, err)
	}
	if err := s.store.DropCollection(ctx, admin, "clients", false, 0); !fault.Is(err, fault.Conflict) {
		t.Errorf("forgetting with fewer agreed to: %v", err)
	}
	if err := s.store.DropCollection(ctx, admin, "clients", false, collection.All); err != nil {
		t.Fatal(err)
	}
	if rec := s.create("parts", collection.Record{"code": "B-2", "clientId": 1.0}); rec["clientId"] != 1.0 {
		t.Errorf("after the other side was forgotten the key is %s", asJSON(rec))
	}
	var n int
	if err := s.db.GetContext(ctx, &n, "SELECT count(*) FROM public.clients"); err != nil || n != 2 {
		t.Errorf("%d clients are left in the table (%v), want 2", n, err)
	}
}

func TestSetFields(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	given := func(raw string) (list []collection.Field) {
		if err := json.Unmarshal([]byte(raw), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	c, err := s.store.SetFields(t.Context(), admin, "orders", given(`[{"name": "id", "type": "bigInt"}, {"name": "product", "type": "belongsTo", "target": "products"},
		{"name": "productId", "type": "bigInt", "isForeignKey": true}, {"name": "quantity", "type": "bigInt", "uiSchema": {"title": "How many"}}, {"name": "color", "type": "string"}]`))
	if err != nil {
		t.Fatal(err, fields(err))
	}
	var names []string
	for _, f := range c.Fields {
		if !f.ReadOnly {
			names = append(names, f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "product productId quantity color" || c.Field("quantity").Title != "How many" || c.Field("quantity").Type != collection.BigInt {
		t.Errorf("the fields are %q", got)
	}
	if _, err := s.store.SetFields(t.Context(), admin, "orders", given(`[{"name": "new", "type": "nonsense"}]`)); fields(err)["fields.new.type"] == "" {
		t.Errorf("a bad type: %v %v", err, fields(err))
	}
	if got := s.create("orders", collection.Record{"quantity": 1.0, "color": "red"}); got["color"] != "red" {
		t.Errorf("made %s", asJSON(got))
	}
}

func TestOptionsOfCollections(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const def = `{"name": "codes", "createdAt": false, "updatedAt": false, "createdBy": false, "updatedBy": false, "autoGenId": false, "sortable": true,
		"fields": [{"name": "code", "type": "string", "primaryKey": true}, {"name": "note", "type": "text"}]}`
	var d collection.Definition
	if err := json.Unmarshal([]byte(def), &d); err != nil {
		t.Fatal(err)
	}
	c, err := s.store.CreateCollection(t.Context(), admin, d)
	if err != nil {
		t.Fatal(err, fields(err))
	}
	if c.Key().Name != "code" || c.Object(false)["filterTargetKey"] != "code" {
		t.Errorf("the key is %v", c.Object(false))
	}
	rec := s.create("codes", collection.Record{"code": "A-1", "note": "x"})
	if asJSON(rec) != `{"code":"A-1","id":"A-1","note":"x","sort":1}` {
		t.Errorf("made %s", asJSON(rec))
	}
	if _, err := s.tryCreate("codes", collection.Record{}); fields(err)["code"] != "Fill this in." {
		t.Errorf("without a key: %v %v", err, fields(err))
	}
	if _, err := s.tryCreate("codes", collection.Record{"code": "A-1"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("with a key that is taken: %v", err)
	}
	if recs, err := s.update("codes", []any{"A-1", "B"}, collection.Record{"note": "y"}); err != nil || len(recs) != 1 || recs[0]["note"] != "y" {
		t.Errorf("changed %s (%v)", asJSON(recs), err)
	}
	if _, err := s.store.UpdateCollection(t.Context(), admin, "codes", map[string]any{"updatedAt": true, "view": true}); err != nil {
		t.Fatal(err)
	}
	if recs, err := s.update("codes", "A-1", collection.Record{"note": "z"}); err != nil || recs[0]["updatedAt"] == nil {
		t.Errorf("changed %s (%v)", asJSON(recs), err)
	}
	if ok, err := s.store.Matches(t.Context(), s.db, "codes", "A-1", map[string]any{"note": "z"}); !ok || err != nil {
		t.Errorf("it does not match its own note (%v)", err)
	}
	if n, err := s.destroy("codes", "A-1"); n != 1 || err != nil {
		t.Errorf("deleted %d (%v)", n, err)
	}
}
