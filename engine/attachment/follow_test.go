package attachment_test

import (
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/pg"
)

// TestFilesOfFollowers: a record that goes with another one keeps its files for as
// long as it can be restored.
func TestFilesOfFollowers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if _, err := d.Records.CreateCollection(t.Context(), d.ann.Actor, collection.Definition{Name: "trips", Title: "Trips"}); err != nil {
		t.Fatal(err)
	}
	trip := collection.Field{Name: "trip", Type: collection.BelongsTo, Target: "trips", OnDelete: "CASCADE"}
	if _, err := d.Records.AddField(t.Context(), d.ann.Actor, "claims", trip); err != nil {
		t.Fatal(err)
	}
	var rec collection.Record
	write := func(name string, fn func(tx *pg.Tx) error) {
		t.Helper()
		if err := d.Records.Write(t.Context(), name, fn); err != nil {
			t.Fatal(err)
		}
	}
	write("trips", func(tx *pg.Tx) (err error) {
		rec, err = d.Records.Create(t.Context(), tx, d.ann, "trips", collection.Record{}, nil)
		return err
	})
	receipt, photo := d.add(d.ann, "a.pdf", pdf), d.add(d.ann, "p.png", png)
	claim := d.mustCreate(d.ann, collection.Record{"trip": rec["id"], "receipts": []any{receipt["id"]}, "photo": photo["id"]})
	write("trips", func(tx *pg.Tx) error {
		_, err := d.Records.Destroy(t.Context(), tx, d.ann, "trips", rec["id"])
		return err
	})
	for range 2 {
		d.now = d.now.Add(25 * time.Hour)
		d.sweepAll()
	}
	if n := d.onDisk(); n != 2 {
		t.Fatalf("%d files are left, want 2", n)
	}
	gone, _, err := d.Records.DeletedRecords(t.Context(), d.DB, d.ann, "claims", 0, 10)
	if err != nil || len(gone) != 1 {
		t.Fatalf("deleted claims: %v %v", gone, err)
	}
	if err := d.Records.DropField(t.Context(), d.ann.Actor, "claims", "trip", collection.All); err != nil { // it leads to nothing now
		t.Fatal(err)
	}
	write("claims", func(tx *pg.Tx) error {
		_, err := d.Records.Restore(t.Context(), tx, d.ann, "claims", gone[0].ID)
		return err
	})
	if got := d.holds(d.ann, claim); got != "a.pdf|p.png" {
		t.Errorf("the restored claim holds %s", got)
	}
}
