package attachment_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

const (
	png = "\x89PNG\x0D\x0A\x1A\x0A rest"
	pdf = "%PDF-1.7 rest"
)

// desk is a database with claims, which hold receipts (several) and a photo (one,
// an image). Ann may do all; Bob and Carl are clerks, who see their own claims.
type desk struct {
	*attachment.Store
	t              *testing.T
	now            time.Time
	dir            string
	ann, bob, carl collection.Access
}

const claims = `{"name": "claims", "title": "Claims", "recordHistory": true, "fields": [
	{"name": "title", "type": "string"},
	{"name": "receipts", "type": "attachment", "maxFiles": 3, "uiSchema": {"title": "Receipts"}},
	{"name": "photo", "type": "belongsTo", "interface": "attachment", "accept": ["image/*"], "uiSchema": {"title": "Photo"}}]}`

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 5, 7, 12, 0, 0, 0, time.UTC), dir: filepath.Join(t.TempDir(), "files")}
	clock := func() time.Time { return d.now }
	db, ids := pgtest.New(t), snowflake.New(1, clock)
	records := collection.NewStore(db, ids, clock)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	d.Store = &attachment.Store{DB: db, IDs: ids, Now: clock, Log: log, Records: records, Into: attachment.OnDisk, Most: 1 << 20,
		Places: map[string]attachment.Place{attachment.OnDisk: attachment.Disk{Dir: d.dir}, attachment.InDatabase: attachment.Database{DB: db, Now: clock}}}
	users := &auth.Store{DB: db, IDs: ids, Now: clock}
	if _, err := users.CreateRole(t.Context(), auth.System, auth.RoleDefinition{Name: "clerk", Title: "Clerk", Actions: []string{"create", "view:own", "update:own", "destroy:own"}}); err != nil {
		t.Fatal(err)
	}
	actor := func(name string, role auth.Role) collection.Access {
		u, _, err := users.Invite(t.Context(), auth.System, auth.NewUser{Nickname: name, Email: name + "@example.test", Role: role}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := users.ActorOf(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		return collection.Access{Actor: a}
	}
	d.ann, d.bob, d.carl = actor("Ann", auth.Admin), actor("Bob", "clerk"), actor("Carl", "clerk")
	var def collection.Definition
	if err := json.Unmarshal([]byte(claims), &def); err != nil {
		t.Fatal(err)
	}
	if _, err := records.CreateCollection(t.Context(), d.ann.Actor, def); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) tryAdd(a collection.Access, name, content string) (collection.Record, error) {
	return d.Add(d.t.Context(), a, attachment.Upload{Name: name, Bytes: strings.NewReader(content)})
}

func (d *desk) add(a collection.Access, name, content string) collection.Record {
	d.t.Helper()
	rec, err := d.tryAdd(a, name, content)
	if err != nil {
		d.t.Fatalf("add %s: %v", name, err)
	}
	return rec
}

// sees reports whether a can read the file, by its name and by the API's ways.
func (d *desk) sees(a collection.Access, file collection.Record) bool {
	d.t.Helper()
	f, err := d.Open(d.t.Context(), a, collection.Format(file["filename"]))
	if err == nil {
		f.Close()
	} else if !fault.Is(err, fault.NotFound) {
		d.t.Fatalf("Open: %v", err)
	}
	page, listErr := d.Records.List(d.t.Context(), d.DB, a, "attachments", collection.Query{Filter: file["id"]})
	if listErr != nil {
		d.t.Fatal(listErr)
	}
	if (err == nil) != (len(page.Records) == 1) {
		d.t.Errorf("opened: %v, but listed: %v", err, page.Records)
	}
	return err == nil
}

func (d *desk) create(a collection.Access, values collection.Record) (rec collection.Record, err error) {
	err = d.Records.Write(d.t.Context(), "claims", func(tx *pg.Tx) error {
		rec, err = d.Records.Create(d.t.Context(), tx, a, "claims", values, nil)
		return err
	})
	return rec, err
}

func (d *desk) mustCreate(a collection.Access, values collection.Record) collection.Record {
	d.t.Helper()
	rec, err := d.create(a, values)
	if err != nil {
		d.t.Fatalf("create: %v", err)
	}
	return rec
}

func (d *desk) update(a collection.Access, rec, values collection.Record) error {
	return d.Records.Write(d.t.Context(), "claims", func(tx *pg.Tx) error {
		_, err := d.Records.Update(d.t.Context(), tx, a, "claims", rec["id"], values)
		return err
	})
}

func (d *desk) destroy(a collection.Access, rec collection.Record) {
	d.t.Helper()
	err := d.Records.Write(d.t.Context(), "claims", func(tx *pg.Tx) error {
		_, err := d.Records.Destroy(d.t.Context(), tx, a, "claims", rec["id"])
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// holds lists what a claim holds, by names.
func (d *desk) holds(a collection.Access, rec collection.Record) string {
	d.t.Helper()
	got, err := d.Records.First(d.t.Context(), d.DB, a, "claims", collection.Query{Filter: rec["id"], Appends: []string{"receipts", "photo"}})
	if err != nil || got == nil {
		d.t.Fatalf("read the claim: %v %v", got, err)
	}
	var names []string
	for _, f := range got["receipts"].([]any) {
		names = append(names, collection.Format(f.(collection.Record)["name"]))
	}
	photo, _ := got["photo"].(collection.Record)
	return strings.Join(names, " ") + "|" + collection.Format(photo["name"])
}

// sweepAll goes once through all that is stored.
func (d *desk) sweepAll() {
	d.t.Helper()
	for range 256 {
		if _, err := d.SweepOnce(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
	}
}

// onDisk counts the files in the directory.
func (d *desk) onDisk() (n int) {
	err := filepath.WalkDir(d.dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func fields(err error) map[string]string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Fields
	}
	return nil
}

func TestAdd(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := d.add(d.bob, "../../My scan.pdf", png)
	for name, want := range map[string]any{
		"title": "My scan", "extname": ".png", "name": "My scan.png", "mimetype": "image/png", "size": float64(len(png)), "storage": "disk",
		"url": "/files/" + collection.Format(file["filename"]), "createdById": float64(d.bob.Actor.UserID),
	} {
		if file[name] != want {
			t.Errorf("%s is %v, want %v", name, file[name], want)
		}
	}
	stored := strings.TrimSuffix(collection.Format(file["filename"]), ".png")
	if len(stored) != 32 {
		t.Errorf("it is stored as %q, want 32 digits", stored)
	}
	info, err := os.Stat(filepath.Join(d.dir, stored[:2], stored))
	if err != nil || info.Mode().Perm() != 0o600 || d.onDisk() != 1 {
		t.Errorf("on the disk: %v %v, %d files; want one that only its owner reads", info, err, d.onDisk())
	}
	if other := d.add(d.bob, "My scan.pdf", png); other["filename"] == file["filename"] {
		t.Error("two files have one name")
	}
	if rec := d.add(d.bob, "empty", ""); rec["size"] != 0.0 {
		t.Errorf("an empty file has %v bytes", rec["size"])
	}
}

func TestAddLimits(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.Most = 1000
	d.add(d.bob, "full.txt", strings.Repeat("a", 1000))
	before := d.onDisk()
	_, err := d.tryAdd(d.bob, "full.txt", strings.Repeat("a", 1001))
	if !fault.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), "larger than 1000 bytes") {
		t.Errorf("a byte too much: %v, want TooLarge", err)
	}
	if d.onDisk() != before {
		t.Error("the refused file is on the disk")
	}
	d.Most = 20 << 20
	for _, tc := range []struct{ field, want string }{
		{"claims.photo", `“x.pdf” is no file of these types: pictures. Choose another one.`},
		{"claims.title", ""}, {"claims.nothing", ""}, {"users.photo", ""}, {"claims", ""},
	} {
		_, err := d.Add(t.Context(), d.bob, attachment.Upload{Name: "x.pdf", Bytes: strings.NewReader(pdf), Field: tc.field})
		if !fault.Is(err, fault.Invalid) || fields(err)["file"] != tc.want {
			t.Errorf("for %s: %v, want %q", tc.field, err, tc.want)
		}
	}
	// The name in the message is that of the file, not of what it turned out to be.
	_, err = d.Add(t.Context(), d.bob, attachment.Upload{Name: "x.png", Bytes: strings.NewReader("no picture"), Field: "claims.photo"})
	if want := `“x.png” is no file of these types: pictures. Choose another one.`; fields(err)["file"] != want {
		t.Errorf("text called a picture: %v, want %q", err, want)
	}
	member := collection.Access{Actor: auth.Actor{UserID: d.carl.Actor.UserID, Role: auth.Member}}
	if _, err := d.tryAdd(member, "x.pdf", pdf); !fault.Is(err, fault.Forbidden) {
		t.Errorf("who may write no field: %v, want Forbidden", err)
	}
	if _, err := d.tryAdd(collection.Access{}, "x.pdf", pdf); !fault.Is(err, fault.Unsigned) {
		t.Errorf("nobody: %v, want Unsigned", err)
	}
	const many = `INSERT INTO alur.attachments (id, title, extname, filename, size, mimetype, storage, created_by_id, created_at, updated_at, checked_at)
		SELECT n, 'x', '', md5(n::text), 0, 'text/plain', 'disk', $1, $2, $2, $2 FROM generate_series(1, 1000) n`
	if _, err := d.DB.ExecContext(t.Context(), many, d.carl.Actor.UserID, d.now); err != nil {
		t.Fatal(err)
	}
	if _, err := d.tryAdd(d.carl, "x.pdf", pdf); !fault.Is(err, fault.Conflict) {
		t.Errorf("the 1,001st file of a day: %v, want Conflict", err)
	}
	d.now = d.now.Add(25 * time.Hour)
	d.add(d.carl, "x.pdf", pdf)
}

func TestWhoSeesFiles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	receipt, photo := d.add(d.bob, "receipt.pdf", pdf), d.add(d.bob, "photo.png", png)
	see := func(what string, ann, bob, carl bool) {
		t.Helper()
		for _, f := range []collection.Record{receipt, photo} {
			for _, who := range []struct {
				name string
				a    collection.Access
				want bool
			}{{"Ann", d.ann, ann}, {"Bob", d.bob, bob}, {"Carl", d.carl, carl}, {"the engine", collection.Access{Actor: auth.System}, true}} {
				if got := d.sees(who.a, f); got != who.want {
					t.Errorf("%s: %s sees %s: %v, want %v", what, who.name, f["name"], got, who.want)
				}
			}
		}
	}
	see("before a record holds them", false, true, false)
	if _, err := d.create(d.carl, collection.Record{"title": "theft", "photo": photo["id"]}); fields(err)["photo"] != "Choose a record that exists." {
		t.Errorf("Carl takes Bob's photo: %v", err)
	}
	if _, err := d.create(d.carl, collection.Record{"title": "theft", "photoId": photo["id"]}); fields(err)["photo"] != "Choose a record that exists." {
		t.Errorf("Carl takes Bob's photo by its key: %v", err)
	}
	if _, err := d.create(d.carl, collection.Record{"title": "theft", "receipts": []any{receipt["id"]}}); fields(err)["receipts"] == "" {
		t.Errorf("Carl takes Bob's receipt: %v", err)
	}
	mine := d.mustCreate(d.carl, collection.Record{"title": "mine"})
	if err := d.update(d.carl, mine, collection.Record{"photo": photo["id"]}); fields(err)["photo"] == "" {
		t.Errorf("Carl takes Bob's photo into a record that is there: %v", err)
	}
	claim := d.mustCreate(d.bob, collection.Record{"title": "trip", "receipts": []any{receipt["id"]}, "photo": map[string]any{"id": photo["id"]}})
	see("in Bob's claim", true, true, false)
	if got := d.holds(d.bob, claim); got != "receipt.pdf|photo.png" {
		t.Errorf("the claim holds %s", got)
	}
	if _, err := d.Records.UpdateCollection(t.Context(), d.ann.Actor, "claims", map[string]any{"title": "Claims"}); err != nil {
		t.Fatal(err)
	}
	d.destroy(d.ann, mine)
	byAnn := d.mustCreate(d.ann, collection.Record{"title": "Ann's"})
	if err := d.update(d.ann, byAnn, collection.Record{"receipts": []any{receipt["id"]}, "photo": photo["id"]}); err != nil {
		t.Fatalf("Ann uses files that she sees: %v", err)
	}
	if err := d.update(d.bob, claim, collection.Record{"receipts": []any{}, "photo": nil}); err != nil {
		t.Fatal(err)
	}
	see("only in Ann's record, though Bob had added them", true, false, false)
}

// TestWhoSeesLinks: the links of a relation are records of a collection of their
// own; a right on it is none on the files.
func TestWhoSeesLinks(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	receipt := d.add(d.bob, "receipt.pdf", pdf)
	d.mustCreate(d.bob, collection.Record{"receipts": []any{receipt["id"]}})
	users := &auth.Store{DB: d.DB, IDs: d.IDs, Now: d.Now}
	if _, err := users.CreateRole(t.Context(), auth.System, auth.RoleDefinition{Name: "rest", Title: "All but claims", Actions: []string{"view", "create", "update"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := users.PutResource(t.Context(), auth.System, "rest", auth.Resource{Collection: "claims", OwnRules: true,
		Actions: []auth.ResourceAction{{Name: auth.View, Fields: []string{"title"}}}}); err != nil {
		t.Fatal(err)
	}
	role := auth.Role("rest")
	u, err := users.Update(t.Context(), auth.System, d.carl.Actor.UserID, auth.Change{Role: &role})
	if err != nil {
		t.Fatal(err)
	}
	carl, err := users.ActorOf(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if d.sees(collection.Access{Actor: carl}, receipt) {
		t.Error("who sees claims without their receipts, and their links, sees the file")
	}
}

func TestFieldRules(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var four []any
	for i := range 4 {
		four = append(four, d.add(d.bob, fmt.Sprintf("r%d.pdf", i), pdf)["id"])
	}
	_, err := d.create(d.bob, collection.Record{"receipts": four})
	if want := "This field holds 3 files at most. Take some out first."; fields(err)["receipts"] != want {
		t.Errorf("four files: %v, want %q", err, want)
	}
	claim := d.mustCreate(d.bob, collection.Record{"receipts": four[:3]})
	if err := d.update(d.bob, claim, collection.Record{"receipts": four}); fields(err)["receipts"] == "" {
		t.Errorf("a fourth file: %v", err)
	}
	if err := d.update(d.bob, claim, collection.Record{"receipts": four[1:]}); err != nil {
		t.Errorf("another file instead: %v", err)
	}
	for _, a := range []collection.Access{d.bob, {Actor: auth.System}} {
		if err := d.update(a, claim, collection.Record{"photo": four[0]}); !strings.Contains(fields(err)["photo"], "no file of these types") {
			t.Errorf("a PDF as photo: %v", err)
		}
	}
	if err := d.update(d.bob, claim, collection.Record{"receipts": []any{four[1], 404}}); !strings.Contains(fields(err)["receipts"], "Add it again") {
		t.Errorf("a file that is gone: %v", err)
	}
	size := collection.Field{Name: "small", Type: "attachment", Options: map[string]any{"maxSize": float64(5)}}
	if _, err := d.Records.AddField(t.Context(), d.ann.Actor, "claims", size); err != nil {
		t.Fatal(err)
	}
	if err := d.update(d.bob, claim, collection.Record{"small": []any{four[1]}}); !strings.Contains(fields(err)["small"], "larger than 5 bytes") {
		t.Errorf("a large file: %v", err)
	}
	for name, options := range map[string]map[string]any{
		"accept": {"accept": []any{"pictures"}}, "maxFiles": {"maxFiles": float64(101)}, "maxSize": {"maxSize": float64(-1)},
	} {
		_, err := d.Records.AddField(t.Context(), d.ann.Actor, "claims", collection.Field{Name: "bad", Type: "attachment", Options: options})
		if fields(err)[name] == "" {
			t.Errorf("%v: %v, want a problem beside %s", options, err, name)
		}
	}
}

func TestHistoryOfFiles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a, b, photo := d.add(d.bob, "a.pdf", pdf), d.add(d.bob, "b.pdf", pdf), d.add(d.bob, "p.png", png)
	claim := d.mustCreate(d.bob, collection.Record{"receipts": []any{a["id"]}, "photo": photo["id"]})
	if err := d.update(d.bob, claim, collection.Record{"receipts": []any{a["id"], b["id"]}, "photo": nil}); err != nil {
		t.Fatal(err)
	}
	list, _, err := d.Records.History(t.Context(), d.DB, d.bob, "claims", claim["id"], 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, f := range list[0].Fields {
		got += fmt.Sprintf("%s %v → %v; ", f.Field.Name, f.Before, f.After)
	}
	file := func(r collection.Record) string { return fmt.Sprintf("map[id:%v name:%v]", r["id"], r["name"]) }
	want := fmt.Sprintf("receipts [%s] → [%s %s]; photo [%s] → []; ", file(a), file(a), file(b), file(photo))
	if got != want {
		t.Errorf("history says\n%s\nwant\n%s", got, want)
	}
	if err := d.update(d.bob, claim, collection.Record{"photo": photo["id"]}); err != nil {
		t.Fatal(err)
	}
	d.destroy(d.bob, claim)
	d.now = d.now.Add(72 * time.Hour)
	d.sweepAll()
	d.now = d.now.Add(72 * time.Hour)
	d.sweepAll()
	if n := d.onDisk(); n != 3 {
		t.Fatalf("%d files are left of a deleted record that can be restored, want 3", n)
	}
	gone, _, err := d.Records.DeletedRecords(t.Context(), d.DB, d.ann, "claims", 0, 10)
	if err != nil || len(gone) != 1 {
		t.Fatalf("deleted records: %v %v", gone, err)
	}
	restore := func(a collection.Access) error {
		return d.Records.Write(t.Context(), "claims", func(tx *pg.Tx) error {
			_, err := d.Records.Restore(t.Context(), tx, a, "claims", gone[0].ID)
			return err
		})
	}
	if err := restore(d.ann); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if got := d.holds(d.ann, claim); got != "a.pdf b.pdf|p.png" {
		t.Errorf("the restored claim holds %s", got)
	}
	d.destroy(d.ann, claim)
	if _, err := d.DB.ExecContext(t.Context(), "DELETE FROM alur.record_changes"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d.now = d.now.Add(25 * time.Hour)
		d.sweepAll()
	}
	if n := d.onDisk(); n != 0 {
		t.Errorf("%d files are left when the history has forgotten the record, want 0", n)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	for _, into := range []string{attachment.OnDisk, attachment.InDatabase} {
		t.Run(into, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.Into = into
			loose, kept, replaced := d.add(d.bob, "loose.pdf", pdf), d.add(d.bob, "kept.pdf", pdf), d.add(d.bob, "photo.png", png)
			claim := d.mustCreate(d.bob, collection.Record{"receipts": []any{kept["id"]}, "photo": replaced["id"]})
			orphan := strings.Repeat("0", 31) + "1"
			if err := d.Places[into].Put(t.Context(), orphan, strings.NewReader("left by a crash")); err != nil {
				t.Fatal(err)
			}
			old := d.now.Add(time.Hour) // as old as the others by the clock of the test
			_ = filepath.WalkDir(d.dir, func(path string, _ fs.DirEntry, _ error) error { return os.Chtimes(path, old, old) })
			there := func(name string) bool {
				f, err := d.Places[into].Open(t.Context(), strings.TrimSuffix(strings.TrimSuffix(name, ".pdf"), ".png"))
				if err == nil {
					f.Close()
				} else if !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
				return err == nil
			}
			state := func(want string) {
				t.Helper()
				got := ""
				for _, f := range []collection.Record{loose, kept, replaced} {
					got += fmt.Sprint(there(collection.Format(f["filename"])), " ")
				}
				if got += fmt.Sprint(there(orphan)); got != want {
					t.Errorf("loose, kept, replaced, orphan are there: %s; want %s", got, want)
				}
			}
			d.now = d.now.Add(23 * time.Hour)
			d.sweepAll()
			state("true true true true")
			d.now = d.now.Add(3 * time.Hour)
			d.sweepAll()
			state("false true true false")
			if d.sees(d.bob, loose) || !d.sees(d.bob, kept) {
				t.Error("rows and bytes do not agree")
			}
			if err := d.update(d.bob, claim, collection.Record{"photo": nil}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				d.now = d.now.Add(25 * time.Hour)
				d.sweepAll()
			}
			state("false true false false")
		})
	}
}

// TestSweepAndHold lets a record take a file just while housekeeping looks at it:
// the file stays, or the record is refused.
func TestSweepAndHold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var files []collection.Record
	for i := range 16 {
		files = append(files, d.add(d.bob, fmt.Sprintf("%d.pdf", i), pdf))
	}
	d.now = d.now.Add(25 * time.Hour)
	errs := make(chan error, len(files))
	for _, f := range files {
		go func() {
			_, err := d.create(d.bob, collection.Record{"receipts": []any{f["id"]}})
			errs <- err
		}()
	}
	d.sweepAll()
	held := 0
	for range files {
		if err := <-errs; err == nil {
			held++
		} else if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			t.Errorf("hold a file that is swept: %v", err)
		}
	}
	if n := d.onDisk(); n != held {
		t.Errorf("%d records hold files, but %d files are there", held, n)
	}
	var links int
	if err := d.DB.GetContext(t.Context(), &links, "SELECT count(*) FROM alur.attachments"); err != nil || links != held {
		t.Errorf("%d rows of files, %v; want %d", links, err, held)
	}
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	loose, held := d.add(d.bob, "loose.pdf", pdf), d.add(d.bob, "held.pdf", pdf)
	d.mustCreate(d.bob, collection.Record{"receipts": []any{held["id"]}})
	if n, err := d.Destroy(t.Context(), d.carl, loose["id"]); n != 0 || err != nil {
		t.Errorf("Carl deletes Bob's file: %d, %v", n, err)
	}
	if _, err := d.Destroy(t.Context(), d.bob, held["id"]); !fault.Is(err, fault.Conflict) {
		t.Errorf("a file that a record holds: %v, want Conflict", err)
	}
	if n, err := d.Destroy(t.Context(), d.bob, loose["id"]); n != 1 || err != nil || d.onDisk() != 1 {
		t.Errorf("a loose file: %d, %v; %d on the disk, want 1", n, err, d.onDisk())
	}
}
