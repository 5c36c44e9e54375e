package collection_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// newSchool has one relation of each kind, each with its other side.
func newSchool(t testing.TB) *shop {
	t.Helper()
	s := newStore(t)
	const definitions = `[
		{"name": "teachers", "title": "Teachers", "fields": [{"name": "name", "type": "string"}, {"name": "code", "type": "string", "unique": true}]},
		{"name": "rooms", "title": "Rooms", "fields": [{"name": "name", "type": "string"},
			{"name": "keeper", "type": "belongsTo", "target": "teachers", "targetKey": "code", "foreignKey": "keeperCode"}]},
		{"name": "courses", "title": "Courses", "fields": [
			{"name": "title", "type": "string", "allowNull": false},
			{"name": "teacher", "type": "belongsTo", "target": "teachers", "reverseField": {"name": "courses", "title": "Courses"}},
			{"name": "plan", "type": "hasOne", "target": "rooms", "foreignKey": "courseId"}]},
		{"name": "students", "title": "Students", "fields": [
			{"name": "name", "type": "string"},
			{"name": "courses", "type": "belongsToMany", "target": "courses", "through": "seats", "foreignKey": "studentId", "otherKey": "courseId",
				"reverseField": {"name": "students", "title": "Students"}}]}]`
	var defs []collection.Definition
	if err := json.Unmarshal([]byte(definitions), &defs); err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if _, err := s.store.CreateCollection(t.Context(), admin, d); err != nil {
			t.Fatalf("create %s: %v %v", d.Name, err, fields(err))
		}
	}
	if _, err := s.store.AddField(t.Context(), admin, "seats", collection.Field{Name: "grade", Type: "integer"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) write(fn func(tx *pg.Tx) error) error {
	s.t.Helper()
	return s.store.Write(s.t.Context(), "x", fn)
}

// shape words records without what every record has, for comparisons.
func shape(v any) string {
	var strip func(any) any
	strip = func(v any) any {
		switch x := v.(type) {
		case map[string]any:
			out := map[string]any{}
			for k, e := range x {
				if k == "seats" || !strings.HasSuffix(k, "At") && !strings.HasSuffix(k, "Id") && k != "id" && k != "code" && k != "keeperCode" {
					out[k] = strip(e)
				}
			}
			return out
		case []any:
			out := []any{}
			for _, e := range x {
				out = append(out, strip(e))
			}
			return out
		}
		return v
	}
	var plain any
	_ = json.Unmarshal([]byte(asJSON(v)), &plain)
	return asJSON(strip(plain))
}

func TestRelationsAreWrittenAndRead(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ctx := t.Context()
	ann := s.create("teachers", collection.Record{"name": "Ann", "code": "ann"})
	room := s.create("rooms", collection.Record{"name": "R1", "keeper": "ann"})
	course := s.create("courses", collection.Record{"title": "Go", "teacher": map[string]any{"name": "Bob", "code": "bob"}, "plan": room["id"]})
	math := s.create("courses", collection.Record{"title": "Math", "teacher": map[string]any{"id": ann["id"]}})
	eve := s.create("students", collection.Record{"name": "Eve", "courses": []any{
		course["id"], 999.0, map[string]any{"id": math["id"], "seats": map[string]any{"grade": 2.0}}, map[string]any{"title": "Art"}}})

	get := func(coll string, id any, appends ...string) string {
		t.Helper()
		rec, err := s.store.First(ctx, s.db, s.a, coll, collection.Query{Filter: id, Appends: appends})
		if err != nil {
			t.Fatal(err)
		}
		return shape(rec)
	}
	reads := []struct {
		coll    string
		id      any
		appends []string
		want    string
	}{
		{"rooms", room["id"], []string{"keeper"}, `{"keeper":{"name":"Ann"},"name":"R1"}`},
		{"courses", course["id"], []string{"teacher", "plan.keeper"}, `{"plan":{"keeper":{"name":"Ann"},"name":"R1"},"teacher":{"name":"Bob"},"title":"Go"}`},
		{"courses", math["id"], []string{"plan", "students"}, `{"plan":null,"students":[{"name":"Eve","seats":{"grade":2}}],"title":"Math"}`},
		{"students", eve["id"], []string{"courses"}, `{"courses":[{"seats":{"grade":null},"title":"Go"},{"seats":{"grade":2},"title":"Math"},{"seats":{"grade":null},"title":"Art"}],"name":"Eve"}`},
		{"teachers", ann["id"], []string{"courses.students"}, `{"courses":[{"students":[{"name":"Eve","seats":{"grade":2}}],"title":"Math"}],"name":"Ann"}`},
	}
	for _, tc := range reads {
		if got := get(tc.coll, tc.id, tc.appends...); got != tc.want {
			t.Errorf("%s with %v is\n%s, want\n%s", tc.coll, tc.appends, got, tc.want)
		}
	}

	change := func(coll string, id any, values collection.Record, nested ...string) error {
		return s.write(func(tx *pg.Tx) error {
			_, err := s.store.Update(ctx, tx, collection.Access{Actor: admin, Nested: nested}, coll, id, values)
			return err
		})
	}
	writes := []struct {
		name   string
		coll   string
		id     any
		values string // $N is the id of math
		nested []string
		want   string
	}{
		{"to one by key", "courses", math["id"], `{"plan": ` + asJSON(room["id"]) + `}`, nil, `{"plan":{"name":"R1"},"teacher":{"name":"Ann"},"title":"Math"}`},
		{"the room is no longer of the other course", "courses", course["id"], `{}`, nil, `{"plan":null,"teacher":{"name":"Bob"},"title":"Go"}`},
		{"null unlinks", "courses", math["id"], `{"plan": null, "teacher": null}`, nil, `{"plan":null,"teacher":null,"title":"Math"}`},
		{"an object without key becomes a record", "courses", math["id"], `{"plan": {"name": "R2"}, "teacher": {"name": "Cid", "code": "cid"}}`, nil, `{"plan":{"name":"R2"},"teacher":{"name":"Cid"},"title":"Math"}`},
		{"a key nobody has makes a record with it", "courses", math["id"], `{"teacher": {"id": 4711, "name": "Dan"}}`, nil, `{"plan":{"name":"R2"},"teacher":{"name":"Dan"},"title":"Math"}`},
		{"one that is there is only linked", "courses", math["id"], `{"teacher": {"id": 4711, "name": "Changed"}}`, nil, `{"plan":{"name":"R2"},"teacher":{"name":"Dan"},"title":"Math"}`},
		{"unless its path may be changed", "courses", math["id"], `{"teacher": {"id": 4711, "name": "Changed"}}`, []string{"teacher"}, `{"plan":{"name":"R2"},"teacher":{"name":"Changed"},"title":"Math"}`},
		{"a path below", "courses", math["id"], `{"plan": {"id": $room, "name": "R3", "keeper": {"code": "ann", "name": "Anna"}}}`, []string{"plan", "plan.keeper"}, `{"plan":{"name":"R3"},"teacher":{"name":"Changed"},"title":"Math"}`},
	}
	for _, tc := range writes {
		var values collection.Record
		raw := strings.ReplaceAll(tc.values, "$room", asJSON(room["id"]))
		if err := json.Unmarshal([]byte(raw), &values); err != nil {
			t.Fatal(err)
		}
		if err := change(tc.coll, tc.id, values, tc.nested...); err != nil {
			t.Errorf("%s: %v %v", tc.name, err, fields(err))
			continue
		}
		if got := get(tc.coll, tc.id, "plan", "teacher"); got != tc.want {
			t.Errorf("%s: it is\n%s, want\n%s", tc.name, got, tc.want)
		}
	}
	if got := get("teachers", ann["id"]); got != `{"name":"Anna"}` {
		t.Errorf("the keeper is %s, want Anna", got)
	}
	problems := []struct {
		name, coll string
		id         any
		values     collection.Record
		field      string
	}{
		{"a list for one", "courses", math["id"], collection.Record{"teacher": []any{1.0}}, "teacher"},
		{"a list for one with the key elsewhere", "courses", math["id"], collection.Record{"plan": []any{1.0}}, "plan"},
		{"one for many", "students", eve["id"], collection.Record{"courses": 1.0}, "courses"},
		{"no key", "students", eve["id"], collection.Record{"courses": []any{"x"}}, "courses"},
		{"a record that is not there", "courses", math["id"], collection.Record{"teacher": 1234.0}, "teacher"},
		{"a new record that lacks something", "students", eve["id"], collection.Record{"courses": []any{map[string]any{}, map[string]any{"teacher": 1.0}}}, "title"},
	}
	for _, tc := range problems {
		if err := change(tc.coll, tc.id, tc.values); !fault.Is(err, fault.Invalid) || fields(err)[tc.field] == "" {
			t.Errorf("%s: %v %v, want a problem beside %s", tc.name, err, fields(err), tc.field)
		}
	}
	if err := change("students", eve["id"], collection.Record{"courses": []any{map[string]any{"id": math["id"], "seats": map[string]any{"grade": 1.0}}}}); err != nil {
		t.Fatal(err)
	}
	if got := get("students", eve["id"], "courses"); got != `{"courses":[{"seats":{"grade":1},"title":"Math"}],"name":"Eve"}` {
		t.Errorf("after the change Eve is %s", got)
	}
	if err := change("students", eve["id"], collection.Record{"courses": nil}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.store.Count(ctx, s.db, s.a, "seats", nil); n != 0 || err != nil {
		t.Errorf("%d seats are left (%v), want none", n, err)
	}
}

func TestRelationFilters(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.create("courses", collection.Record{"title": "Go", "teacher": map[string]any{"name": "Bob", "code": "b"}, "plan": map[string]any{"name": "R1"}})
	s.create("courses", collection.Record{"title": "Art", "teacher": map[string]any{"name": "Ann", "code": "a"}})
	both := s.list("courses", collection.Query{Sort: []string{"title"}})
	s.create("students", collection.Record{"name": "Eve", "courses": []any{both[0]["id"], both[1]["id"]}})
	s.create("students", collection.Record{"name": "Fay", "courses": []any{both[1]["id"]}})
	s.create("students", collection.Record{"name": "Gus"})
	tests := []struct{ coll, filter, want string }{
		{"students", `{"courses": {"title": "Art"}}`, "Eve"},
		{"students", `{"courses.title.$includes": "o"}`, "Eve Fay"},
		{"students", `{"courses": {"title": "Art", "teacher": {"name": "Bob"}}}`, ""}, // of one and the same course
		{"students", `{"courses": {"title": "Art", "teacher": {"name": "Ann"}}}`, "Eve"},
		{"students", `{"courses.$exists": true}`, "Eve Fay"},
		{"students", `{"courses.$notExists": true}`, "Gus"},
		{"students", `{"$not": {"courses": {"title": "Art"}}}`, "Fay Gus"},
		{"students", `{"courses.plan.name": "R1"}`, "Eve Fay"},
		{"courses", `{"plan.name": "R1"}`, "Go"},
		{"courses", `{"plan.$exists": true}`, "Go"},
		{"courses", `{"plan.$notExists": true}`, "Art"},
		{"courses", `{"students.name": "Fay"}`, "Go"},
		{"teachers", `{"courses": {"students": {"name": "Fay"}}}`, "Bob"},
	}
	for _, tc := range tests {
		var filter any
		if err := json.Unmarshal([]byte(tc.filter), &filter); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range s.list(tc.coll, collection.Query{Filter: filter}) {
			names = append(names, collection.Format(r["name"])+collection.Format(r["title"]))
		}
		if got := strings.Join(names, " "); got != tc.want {
			t.Errorf("%s %s finds %q, want %q", tc.coll, tc.filter, got, tc.want)
		}
	}
	byPlan := s.list("courses", collection.Query{Sort: []string{"plan.name"}, Fields: []string{"title"}})
	if asJSON(byPlan) != `[{"title":"Go"},{"title":"Art"}]` {
		t.Errorf("by the name of the plan the courses are %s", asJSON(byPlan))
	}
}

func TestRelationDefinitions(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ctx := t.Context()
	refused := []struct {
		name  string
		coll  string
		def   string
		field string
	}{
		{"no target", "courses", `{"name": "a", "type": "hasOne"}`, "target"},
		{"a target of ours", "courses", `{"name": "a", "type": "belongsToMany", "target": "workflows"}`, "target"},
		{"a target key that is not unique", "courses", `{"name": "a", "type": "belongsTo", "target": "teachers", "targetKey": "name"}`, "targetKey"},
		{"a source key that is not unique", "teachers", `{"name": "a", "type": "hasMany", "target": "rooms", "sourceKey": "name"}`, "sourceKey"},
		{"a key of another type", "teachers", `{"name": "a", "type": "hasMany", "target": "rooms", "foreignKey": "name"}`, "foreignKey"},
		{"a name for the key that is none", "teachers", `{"name": "a", "type": "hasMany", "target": "rooms", "foreignKey": "a b"}`, "foreignKey"},
		{"a through collection of ours", "teachers", `{"name": "a", "type": "belongsToMany", "target": "rooms", "through": "users"}`, "through"},
		{"a name of the other side that is taken", "rooms", `{"name": "a", "type": "belongsTo", "target": "teachers", "reverseField": {"name": "name"}}`, "reverseField.name"},
		{"empties what must be filled in", "rooms", `{"name": "a", "type": "belongsTo", "target": "teachers", "allowNull": false, "onDelete": "SET NULL"}`, "onDelete"},
	}
	for _, tc := range refused {
		var f collection.Field
		if err := json.Unmarshal([]byte(tc.def), &f); err != nil {
			t.Fatal(err)
		}
		_, err := s.store.AddField(ctx, admin, tc.coll, f)
		if !fault.Is(err, fault.Invalid) || fields(err)[tc.field] == "" {
			t.Errorf("%s: %v %v, want a problem beside %s", tc.name, err, fields(err), tc.field)
		}
	}
	names := func(coll string) string {
		c, err := s.store.Collection(ctx, coll)
		if err != nil {
			return err.Error()
		}
		var list []string
		for _, f := range c.Fields {
			if f.Relation == "" && !f.ReadOnly {
				list = append(list, f.Name)
			}
		}
		return strings.Join(list, " ")
	}
	if got := names("seats"); got != "student course grade" {
		t.Errorf("the links have the fields %q", got)
	}
	room := s.create("rooms", collection.Record{"name": "R", "keeper": map[string]any{"name": "Ann", "code": "ann"}})
	if room["keeperCode"] != "ann" {
		t.Errorf("the key is %v, want ann", room["keeperCode"])
	}
	if err := s.store.DropField(ctx, admin, "teachers", "code", collection.All); !fault.Is(err, fault.Conflict) {
		t.Errorf("dropping the key of a relation: %v, want Conflict", err)
	}
	if err := s.store.DropField(ctx, admin, "students", "courses", collection.All); err != nil {
		t.Fatal(err)
	}
	if got := names("seats"); got != "student course grade" { // still used by the other side
		t.Errorf("after one side is gone the links have the fields %q", got)
	}
	if err := s.store.DropField(ctx, admin, "seats", "grade", collection.All); err != nil {
		t.Fatal(err)
	}
	if err := s.store.DropField(ctx, admin, "courses", "students", collection.All); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Collection(ctx, "seats"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the links are still there: %v", err)
	}
	if err := s.store.DropField(ctx, admin, "courses", "teacher", collection.All); err != nil {
		t.Fatal(err)
	}
	if got := names("teachers"); got != "name code" {
		t.Errorf("teachers have %q, want no relation", got)
	}
	var missing *fault.Error
	if _, err := s.store.List(ctx, s.db, s.a, "courses", collection.Query{Appends: []string{"teacher"}}); !errors.As(err, &missing) || missing.Kind != fault.Invalid {
		t.Errorf("reading what was dropped: %v", err)
	}
}

func (s *shop) edit(coll string, id any, seen string, values collection.Record) (rec collection.Record, err error) {
	err = s.write(func(tx *pg.Tx) error {
		rec, err = s.store.Edit(s.t.Context(), tx, s.a, coll, id, seen, values)
		return err
	})
	return rec, err
}

func (s *shop) destroy(coll string, filter any) (n int, err error) {
	err = s.write(func(tx *pg.Tx) error {
		n, err = s.store.Destroy(s.t.Context(), tx, s.a, coll, filter)
		return err
	})
	return n, err
}
