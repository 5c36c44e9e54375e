package triggers_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
)

// TestFilesInWorkflows: a workflow hears that the files of a record changed, reads
// them, and lets another record hold them.
func TestFilesInWorkflows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, text := range []string{
		`{"name": "claims", "title": "Claims", "fields": [{"name": "title", "type": "string"}, {"name": "receipts", "type": "attachment"}]}`,
		`{"name": "archive", "title": "Archive", "fields": [{"name": "title", "type": "string"}, {"name": "scans", "type": "attachment"},
			{"name": "cover", "type": "belongsTo", "interface": "attachment"}]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
			t.Fatal(err)
		}
	}
	const add = `INSERT INTO alur.attachments (id, title, extname, filename, size, mimetype, storage, created_at, updated_at, checked_at)
		SELECT n, 'scan ' || n, '.pdf', md5(n::text) || '.pdf', 9, 'application/pdf', 'disk', now(), now(), now() FROM generate_series(1, 2) n`
	if _, err := s.db.ExecContext(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	id := s.add(engine.NewWorkflow{Sync: true}, `{"collection": "claims", "mode": 2, "changed": ["receipts"], "appends": ["receipts"]}`,
		step{"create", "copy", `{"collection": "archive", "params": {"values": {"title": "{{$context.data.receipts.0.name}}", "scans": "{{$context.data.receipts.id}}", "cover": "{{$context.data.receipts.0.id}}"}}}`},
		step{"query", "read", `{"collection": "archive", "params": {"filter": {"id": "{{$jobsMapByNodeKey.copy.id}}"}, "appends": ["scans"]}}`},
		step{"update", "mark", `{"collection": "archive", "params": {"filter": {"id": "{{$jobsMapByNodeKey.copy.id}}"}, "values": {"title": "{{$jobsMapByNodeKey.read.scans.1.name}}"}}}`})
	s.enable(id, true)
	claim := s.create("claims", collection.Record{"title": "Trip"})
	change := func(values collection.Record) {
		t.Helper()
		err := s.write("claims", func(tx *pg.Tx) error {
			_, err := s.records.Update(t.Context(), tx, collection.Access{Actor: auth.System}, "claims", claim["id"], values)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	archived := func() []collection.Record {
		t.Helper()
		page, err := s.records.List(t.Context(), s.db, collection.Access{Actor: auth.System}, "archive", collection.Query{Appends: []string{"scans", "cover"}, All: true})
		if err != nil {
			t.Fatal(err)
		}
		return page.Records
	}
	change(collection.Record{"title": "Journey"})
	change(collection.Record{"receipts": []any{}})
	if got := archived(); len(got) != 0 {
		t.Fatalf("it started though no file changed: %v", got)
	}
	change(collection.Record{"receipts": []any{1, 2}})
	got := archived()
	if len(got) != 1 {
		t.Fatalf("%d records are in the archive, want 1", len(got))
	}
	scans, cover := got[0]["scans"].([]any), got[0]["cover"].(collection.Record)
	if text := fmt.Sprint(len(scans), " ", cover["name"], " ", got[0]["title"]); text != "2 scan 1.pdf scan 2.pdf" {
		t.Errorf("the archive has %s", text)
	}
}
