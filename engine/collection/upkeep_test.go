package collection_test

import (
	"log/slog"
	"strings"
	"testing"

	"alur/engine/collection"
	"alur/engine/pgtest"
)

// TestUpkeep follows the index over the texts of a large collection: it is made
// beside everything that goes on, finds rare words, and goes along with the fields.
func TestUpkeep(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx := t.Context()
	for _, name := range []string{"notes", "few"} {
		_, err := s.store.CreateCollection(ctx, admin, collection.Definition{Name: name, Fields: []collection.Field{
			{Name: "title", Type: collection.String}, {Name: "about", Type: collection.Text}, {Name: "n", Type: collection.Integer}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	do := func(statement string) {
		t.Helper()
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	upkeep := func() {
		t.Helper()
		if err := s.store.UpkeepOnce(ctx, slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
			t.Fatal(err)
		}
	}
	indexes := func(table string) (names string) {
		t.Helper()
		const query = `SELECT string_agg(i.relname, ' ' ORDER BY i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
			WHERE x.indrelid = $1::text::regclass AND x.indisvalid AND NOT x.indisprimary`
		if err := s.db.GetContext(ctx, &names, query, "public."+table); err != nil {
			t.Fatal(err)
		}
		return names
	}
	do(`INSERT INTO public.notes (id, title, about, n) SELECT i, 'note ' || i % 100, CASE WHEN i % 50000 = 0 THEN 'a zebra' ELSE 'nothing' END, i FROM generate_series(1, 205000) i`)
	do(`INSERT INTO public.few (id, title) VALUES (1, 'a zebra')`)
	do("ANALYZE public.notes, public.few")
	do("DROP INDEX public.ix_notes_created_at") // as in collections from before there was one
	upkeep()
	if got := indexes("few"); got != "ix_few_created_at" {
		t.Errorf("a small collection has %s", got)
	}
	if got, want := indexes("notes"), "ix_notes_created_at trgm_notes_title_about"; got != want {
		t.Fatalf("there are %s, want %s", got, want)
	}
	search := func(word string) collection.Query {
		has := map[string]any{"$includes": word}
		return collection.Query{Filter: map[string]any{"$or": []any{map[string]any{"title": has}, map[string]any{"about": has}}}, Sort: []string{"-id"}, NoCount: true}
	}
	if plan := s.plan(t, "notes", search("Zebra")); !strings.Contains(plan, "trgm_notes_title_about") {
		t.Errorf("a rare word is looked for by\n%s", plan)
	}
	if plan := s.plan(t, "notes", search("NOTE")); !strings.Contains(plan, "notes_pkey") {
		t.Errorf("a frequent word is looked for by\n%s", plan)
	}
	if page, err := s.store.List(ctx, s.db, s.a, "notes", search("zebra")); err != nil || len(page.Records) != 4 {
		t.Fatalf("found %d, %v", len(page.Records), err)
	}

	if _, err := s.store.AddField(ctx, admin, "notes", collection.Field{Name: "more", Type: collection.String}); err != nil {
		t.Fatal(err)
	}
	upkeep()
	if got, want := indexes("notes"), "ix_notes_created_at trgm_notes_title_about_more"; got != want {
		t.Errorf("with one more text there are %s, want %s", got, want)
	}
	if _, err := pgtest.Admin(t, s.db).ExecContext(ctx, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.trgm_notes_title_about_more'::regclass"); err != nil {
		t.Fatal(err)
	}
	upkeep()
	if got, want := indexes("notes"), "ix_notes_created_at trgm_notes_title_about_more"; got != want {
		t.Errorf("after one whose making was cut short there are %s, want %s", got, want)
	}
	if _, err := s.store.UpdateField(ctx, admin, "notes", "more", map[string]any{"type": "integer"}, collection.All); err != nil {
		t.Errorf("a text with an index became no number: %v", err)
	}
	upkeep()
	if got, want := indexes("notes"), "ix_notes_created_at trgm_notes_title_about"; got != want {
		t.Errorf("with one text less there are %s, want %s", got, want)
	}
	if _, err := s.store.UpdateCollection(ctx, admin, "notes", map[string]any{"searchIndex": false}); err != nil {
		t.Fatal(err)
	}
	upkeep()
	if got, want := indexes("notes"), "ix_notes_created_at"; got != want {
		t.Errorf("without the option there are %s, want %s", got, want)
	}
}
