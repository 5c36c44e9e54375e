package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/sheet"
	"alur/engine/snowflake"
	"alur/engine/transfer"
)

// depot has products, which belong to makers, and a person who imports them.
type depot struct {
	*transfer.Store
	t     *testing.T
	users *auth.Store
	actor auth.Actor
	now   time.Time
	heard *listener
}

// listener counts what it hears of, and can break in.
type listener struct {
	created, updated int
	hook             func(collection.Change) error
}

func (l *listener) Changed(_ context.Context, _ *pg.Tx, _ collection.Access, changes []collection.Change) error {
	for _, c := range changes {
		switch c.Kind {
		case collection.Created:
			l.created++
		case collection.Updated:
			l.updated++
		}
		if l.hook != nil {
			if err := l.hook(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *listener) Long(context.Context, string) (bool, error) { return false, nil }

// Starts implements collection.Listener.
func (l *listener) Starts(context.Context) (each, bulk map[string]bool, err error) {
	return nil, nil, nil
}

func newDepot(t *testing.T) *depot {
	t.Helper()
	d := &depot{t: t, now: time.Date(2026, 5, 7, 12, 0, 0, 0, time.UTC), heard: &listener{}}
	clock := func() time.Time { return d.now }
	db := pgtest.New(t)
	ids := snowflake.New(0, time.Now)
	users := &auth.Store{DB: db, IDs: ids, Now: clock}
	u, _, err := users.Invite(t.Context(), auth.System, auth.NewUser{Nickname: "Ann", Email: "ann@example.test", Role: auth.Admin}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.users = users
	d.actor = auth.Actor{UserID: u.ID, Role: auth.Admin, Name: "Ann", Zone: "Asia/Jakarta"}
	records := collection.NewStore(db, ids, clock)
	records.Listen(d.heard)
	d.Store = &transfer.Store{
		DB: db, IDs: ids, Now: clock, Records: records, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Actor: func(context.Context, int64, auth.Role) (auth.Actor, error) { return d.actor, nil },
		Zone:  func(context.Context) (*time.Location, error) { return time.UTC, nil },
	}
	for _, def := range []collection.Definition{
		{Name: "makers", Fields: []collection.Field{{Name: "name", Type: collection.String, Title: "Name", Unique: true}}},
		{Name: "products", Title: "Products", Fields: []collection.Field{
			{Name: "name", Type: collection.String, Title: "Name", Required: true},
			{Name: "sku", Type: collection.String, Title: "SKU", Unique: true},
			{Name: "price", Type: collection.Decimal, Title: "Unit price", Precision: 12, Scale: 2},
			{Name: "stock", Type: collection.Integer, Title: "Stock"},
			{Name: "kind", Type: collection.String, Title: "Kind", Enum: []collection.Choice{{Value: "a", Label: "Apple"}, {Value: "b", Label: "Banana"}}},
			{Name: "active", Type: collection.Boolean, Title: "Active", Default: true},
			{Name: "since", Type: collection.DateOnly, Title: "Since"},
			{Name: "checked", Type: collection.Datetime, Title: "Checked"},
			{Name: "maker", Type: collection.BelongsTo, Title: "Maker", Target: "makers"},
		}},
	} {
		if _, err := records.CreateCollection(t.Context(), d.actor, def); err != nil {
			t.Fatal(err)
		}
	}
	d.create("makers", collection.Record{"name": "Acme"})
	d.create("makers", collection.Record{"name": "Globex"})
	d.heard.created = 0
	return d
}

func (d *depot) access() collection.Access {
	return collection.Access{Actor: d.actor, Zone: d.actor.Location(time.UTC)}
}

func (d *depot) create(name string, values collection.Record) collection.Record {
	d.t.Helper()
	var rec collection.Record
	err := d.Records.Write(d.t.Context(), name, func(tx *pg.Tx) (err error) {
		rec, err = d.Records.Create(d.t.Context(), tx, d.access(), name, values, nil)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return rec
}

func (d *depot) upload(content string) transfer.Import {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	im, err := d.Upload(d.t.Context(), d.actor, "products", "Products of May.csv", path)
	if err != nil {
		d.t.Fatal(err)
	}
	return im
}

// run works an import off with the settings that change made of the suggested.
func (d *depot) run(im transfer.Import, dry bool, change func(*transfer.Settings)) transfer.Import {
	d.t.Helper()
	set := im.Settings
	if change != nil {
		change(&set)
	}
	if _, err := d.Begin(d.t.Context(), d.actor, im.ID, set, dry); err != nil {
		d.t.Fatal(err)
	}
	if worked, err := d.WorkOnce(d.t.Context()); err != nil || !worked {
		d.t.Fatalf("worked: %v, %v", worked, err)
	}
	return d.get(im.ID)
}

func (d *depot) get(id int64) transfer.Import {
	d.t.Helper()
	im, err := d.Get(d.t.Context(), d.actor, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return im
}

// problems are the rows that were refused: "3: why".
func (d *depot) problems(im transfer.Import) []string {
	d.t.Helper()
	rows, err := d.Problems(d.t.Context(), im, 100)
	if err != nil {
		d.t.Fatal(err)
	}
	list := []string{}
	for _, r := range rows {
		list = append(list, fmt.Sprintf("%d: %s", r.Number, *r.Problem))
	}
	return list
}

// products are all products, worded by these fields.
func (d *depot) products(fields ...string) []string {
	d.t.Helper()
	page, err := d.Records.List(d.t.Context(), d.DB, d.access(), "products", collection.Query{All: true, Sort: []string{"id"}, Appends: []string{"maker"}})
	if err != nil {
		d.t.Fatal(err)
	}
	list := []string{}
	for _, r := range page.Records {
		var parts []string
		for _, f := range fields {
			v := r[f]
			if m, ok := v.(collection.Record); ok {
				v = m["name"]
			}
			parts = append(parts, collection.Format(v))
		}
		list = append(list, strings.Join(parts, "|"))
	}
	return list
}

func (d *depot) count(im transfer.Import, status transfer.Status, created, updated, skipped, refused int) {
	d.t.Helper()
	got := []any{im.Status, im.Created, im.Updated, im.Skipped, im.Refused}
	if want := []any{status, created, updated, skipped, refused}; !slices.Equal(got, want) {
		d.t.Errorf("%v, want %v; reason %q, problems %q", got, want, im.Reason, d.problems(im))
	}
}

const everything = "Name;sku;UNIT PRICE;Stock;Kind;Active;Since;Checked;Maker\r\n" +
	"Chair;C-1;1.234,50;7;Apple;no;7.5.2026;2026-05-07 14:30;Acme\r\n" +
	"Table;T-1;;;b;;;;\r\n"

func TestCreate(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	im := d.upload(everything)
	want := []string{"name", "sku", "price", "stock", "kind", "active", "since", "checked", "maker.name"}
	if !slices.Equal(im.Settings.Columns, want) || im.Rows != 2 || im.Settings.Decimal != "," {
		t.Fatalf("columns %q of %d rows, decimal sign %q", im.Settings.Columns, im.Rows, im.Settings.Decimal)
	}
	d.count(d.run(im, false, nil), transfer.Done, 2, 0, 0, 0)
	got := d.products("name", "sku", "price", "stock", "kind", "active", "since", "checked", "maker")
	if want := []string{"Chair|C-1|1234.5|7|a|false|2026-05-07|2026-05-07T07:30:00.000Z|Acme", "Table|T-1|||b|true|||"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if d.heard.created != 2 {
		t.Errorf("listeners heard of %d records, want 2", d.heard.created)
	}
	if _, err := d.Begin(t.Context(), d.actor, im.ID, im.Settings, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("importing it twice: %v, want Conflict", err)
	}
}

// TestProblems: bad rows are reported in words and hold up no others, whatever
// finds them: the file, the collection, the database or a workflow.
func TestProblems(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	d.create("products", collection.Record{"name": "Old", "sku": "C-2"})
	d.create("makers", collection.Record{"name": "Twin"})
	d.heard.hook = func(c collection.Change) error {
		if c.After["name"] == "Forbidden" {
			return fault.New(fault.Invalid, "A workflow said no.")
		}
		return nil
	}
	im := d.upload("Name,SKU,Stock,Kind,Maker\n" +
		"Good,C-1,1,a,Acme\n" +
		"Same,C-2,1,a,Acme\n" + // there already
		",C-3,1,a,\n" +
		"Words,C-4,many,a,\n" +
		"Choice,C-5,1,zebra,\n" +
		"Nobody,C-6,1,a,Initech\n" +
		"Forbidden,C-7,1,a,\n" +
		"Also good,C-8,1,a,\n")
	im = d.run(im, false, nil)
	d.count(im, transfer.Done, 2, 0, 0, 6)
	want := []string{
		"3: SKU: ", "4: Name: Fill this in.", "5: Stock: Write a whole number.", "6: Kind: Choose one of the offered values.",
		"7: Maker: There is no record whose Name is “Initech”.", "8: A workflow said no.",
	}
	got := d.problems(im)
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	if got := d.products("name"); !slices.Equal(got, []string{"Old", "Good", "Also good"}) {
		t.Errorf("%q", got)
	}

	var out bytes.Buffer
	w, err := sheet.NewWriter(&out, sheet.CSV, "", transfer.ReportHeads(im))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Report(t.Context(), im, w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again := d.upload(strings.NewReplacer("C-2", "C-22", "many", "12", "zebra", "Banana", "Initech", "Globex", "Forbidden", "Allowed").Replace(out.String()))
	if slices.Contains(again.Settings.Columns, "Problem") || again.Settings.Columns[5] != "" || again.Settings.Columns[6] != "" {
		t.Errorf("columns of a report go to %q", again.Settings.Columns)
	}
	d.count(d.run(again, false, nil), transfer.Done, 5, 0, 0, 1)
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	im := d.run(d.upload("Name,SKU\nA,1\nB,2\nC,1\n,3\n"), true, nil)
	d.count(im, transfer.Checked, 2, 0, 0, 2)
	if got := d.products("name"); len(got) != 0 || d.heard.created != 0 {
		t.Errorf("a dry run left %q, and told of %d", got, d.heard.created)
	}
	if got, want := d.problems(im), []string{"4: SKU is the same as in row 2. It must differ.", "5: Name: Fill this in."}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	d.count(d.run(im, false, nil), transfer.Done, 2, 0, 0, 2)
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                               string
		existing, missing                  string
		created, updated, skipped, refused int
		want                               []string
	}{
		{"change and create", transfer.Update, transfer.Create, 1, 2, 0, 0, []string{"Chair 2|C-1|", "Table|T-1|5", "Lamp|L-1|9"}},
		{"only create", transfer.Skip, transfer.Create, 1, 0, 2, 0, []string{"Chair|C-1|1", "Table|T-1|2", "Lamp|L-1|9"}},
		{"only change", transfer.Update, transfer.Skip, 0, 2, 1, 0, []string{"Chair 2|C-1|", "Table|T-1|5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDepot(t)
			d.create("products", collection.Record{"name": "Chair", "sku": "C-1", "stock": 1.0})
			d.create("products", collection.Record{"name": "Table", "sku": "T-1", "stock": 2.0})
			im := d.run(d.upload("Name,SKU,Stock\nChair 2,C-1,\nTable,T-1,5\nLamp,L-1,9\n"), false, func(s *transfer.Settings) {
				s.Match, s.Existing, s.Missing = "sku", c.existing, c.missing
			})
			d.count(im, transfer.Done, c.created, c.updated, c.skipped, c.refused)
			if got := d.products("name", "sku", "stock"); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestWhole: as long as one row has a problem, nothing is imported.
func TestWhole(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	whole := func(s *transfer.Settings) { s.Whole = true }
	im := d.run(d.upload("Name,SKU\nA,1\n,2\n"), false, whole)
	d.count(im, transfer.Failed, 1, 0, 0, 1)
	if got := d.products("name"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	d.count(d.run(d.upload("Name,SKU\nA,1\nB,2\n"), false, whole), transfer.Done, 2, 0, 0, 0)
	if got := d.products("name"); len(got) != 2 || d.heard.created != 2 {
		t.Errorf("%q, %d heard of", got, d.heard.created)
	}
}

// TestStopped: an import whose worker goes away in the middle goes on where it
// stopped; no row is lost, none is there twice.
func TestStopped(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	var b strings.Builder
	b.WriteString("Name,SKU\n")
	for i := range 450 {
		fmt.Fprintf(&b, "P%d,%d\n", i, i)
	}
	im := d.upload(b.String())
	if _, err := d.Begin(t.Context(), d.actor, im.ID, im.Settings, false); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	d.heard.hook = func(c collection.Change) error {
		if c.After["name"] == "P250" {
			stop()
		}
		return nil
	}
	if _, err := d.WorkOnce(ctx); err != nil {
		t.Fatal(err)
	}
	if im = d.get(im.ID); im.Position != 200 || im.Status != transfer.Running {
		t.Fatalf("%s at %d, want running at 200", im.Status, im.Position)
	}
	d.heard.hook = nil
	if worked, err := d.WorkOnce(t.Context()); !worked || err != nil {
		t.Fatal(worked, err)
	}
	d.count(d.get(im.ID), transfer.Done, 450, 0, 0, 0)
	if got := d.products("sku"); len(got) != 450 {
		t.Errorf("%d records", len(got))
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	im := d.upload("Name\nA\n")
	if _, err := d.Begin(t.Context(), d.actor, im.ID, im.Settings, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Cancel(t.Context(), d.actor, im.ID); err != nil {
		t.Fatal(err)
	}
	if worked, err := d.WorkOnce(t.Context()); worked || err != nil {
		t.Errorf("worked on a canceled import: %v, %v", worked, err)
	}
	if err := d.Cancel(t.Context(), d.actor, im.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("canceled twice: %v", err)
	}
	if im = d.get(im.ID); im.Status != transfer.Canceled || len(d.products("name")) != 0 {
		t.Errorf("%s", im.Status)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	im := d.upload("Name,SKU,Other\nA,1,x\n")
	for _, c := range []struct {
		name string
		set  transfer.Settings
		at   string
	}{
		{"no column", transfer.Settings{}, "columns"},
		{"required", transfer.Settings{Columns: []string{"", "sku"}}, "columns"},
		{"unknown field", transfer.Settings{Columns: []string{"name", "password"}}, "columns.1"},
		{"twice", transfer.Settings{Columns: []string{"name", "sku", "name"}}, "columns.2"},
		{"match without column", transfer.Settings{Columns: []string{"name"}, Match: "sku"}, "match"},
		{"match by relation", transfer.Settings{Columns: []string{"name", "maker.name"}, Match: "maker"}, "match"},
		{"nothing to do", transfer.Settings{Columns: []string{"name", "sku"}, Match: "sku", Existing: transfer.Skip, Missing: transfer.Skip}, "missing"},
		{"ids of new records", transfer.Settings{Columns: []string{"name", "id"}}, "match"},
	} {
		_, err := d.Begin(t.Context(), d.actor, im.ID, c.set, false)
		f, ok := err.(*fault.Error)
		if !ok || f.Fields[c.at] == "" {
			t.Errorf("%s: %v, want a problem at %s", c.name, err, c.at)
		}
	}
}

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	im := d.upload("Name\nA\n")
	bob := auth.Actor{UserID: 99, Role: auth.Member}
	if _, err := d.Get(t.Context(), bob, im.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, err := d.Begin(t.Context(), bob, im.ID, im.Settings, false); !fault.Is(err, fault.NotFound) {
		t.Errorf("Begin: %v", err)
	}
	if err := d.Cancel(t.Context(), bob, im.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("Cancel: %v", err)
	}
	if list, err := d.Recent(t.Context(), bob, "products"); err != nil || len(list) != 0 {
		t.Errorf("Recent: %v, %v", list, err)
	}
}

// TestExport: what is exported says the same when it is imported again.
func TestExport(t *testing.T) {
	t.Parallel()
	for _, format := range []sheet.Format{sheet.CSV, sheet.XLSX} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			d := newDepot(t)
			d.run(d.upload(everything), false, nil)
			for i := range 1100 { // more than one part
				d.create("products", collection.Record{"name": fmt.Sprintf("=P%d", i), "sku": fmt.Sprint(i)})
			}
			fields := []string{"name", "sku", "price", "stock", "kind", "active", "since", "checked", "maker"}
			before := d.products(fields...)
			c, err := d.Records.Collection(t.Context(), "products")
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			n, err := d.Export(t.Context(), d.access(), c, collection.Query{Sort: []string{"id"}}, nil, format, &out)
			if err != nil || n != len(before) {
				t.Fatalf("%d records, %v, want %d", n, err, len(before))
			}
			err = d.Records.Write(t.Context(), "products", func(tx *pg.Tx) error {
				_, err := d.Records.Destroy(t.Context(), tx, d.access(), "products", map[string]any{"id": map[string]any{"$gt": 0.0}})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			im := d.run(d.upload(out.String()), false, func(s *transfer.Settings) {
				for i, path := range s.Columns {
					if path == "id" || path == "createdAt" {
						s.Columns[i] = ""
					}
				}
				s.Match = ""
			})
			d.count(im, transfer.Done, n, 0, 0, 0)
			if after := d.products(fields...); !slices.Equal(before, after) {
				t.Errorf("%q…, want %q…", after[:3], before[:3])
			}
		})
	}
}

// TestRights: an import needs the right to it and goes on with the rights that its
// author has then; an export reaches the records and fields of its own right.
func TestRights(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	d.create("products", collection.Record{"name": "Ann's", "sku": "1"})
	role, err := d.users.CreateRole(t.Context(), auth.System, auth.RoleDefinition{
		Name: "clerk", Title: "Clerk", Actions: []string{"view", "create", "update:own", "importXlsx", "export:own"},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := d.users.Invite(t.Context(), auth.System, auth.NewUser{Nickname: "Bob", Email: "bob@example.test", Role: role.Name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Actor = d.users.Actor
	if d.actor, err = d.users.Actor(t.Context(), u.ID, role.Name); err != nil {
		t.Fatal(err)
	}
	d.run(d.upload("Name,SKU\nBob's,2\n"), false, nil)
	c, err := d.Records.Collection(t.Context(), "products")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := d.Export(t.Context(), d.access(), c, collection.Query{}, []string{"name"}, sheet.CSV, &out); err != nil || n != 1 || !strings.Contains(out.String(), "Bob's") {
		t.Errorf("%d records in %q, %v", n, out.String(), err)
	}

	match := func(s *transfer.Settings) { s.Match = "sku" }
	for _, dry := range []bool{true, false} {
		im := d.run(d.upload("Name,SKU\nBob's own,2\nNot Bob's,1\n"), dry, match)
		if got := d.problems(im); im.Updated != 1 || len(got) != 1 || got[0] != "3: You may see this record, but not change it." {
			t.Errorf("dry %v: %d changed, problems %q", dry, im.Updated, got)
		}
	}

	im := d.upload("Name,SKU\nBob's,2\n")
	set := im.Settings
	set.Match = "sku"
	if _, err := d.Begin(t.Context(), d.actor, im.ID, set, false); err != nil {
		t.Fatal(err)
	}
	none := []string{"view"}
	if _, err := d.users.UpdateRole(t.Context(), auth.System, role.Name, auth.RoleChange{Actions: &none}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WorkOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if im = d.get(im.ID); im.Status != transfer.Failed || !strings.Contains(im.Reason, "right to import") {
		t.Errorf("without the right: %s, %q", im.Status, im.Reason)
	}
	if d.actor, err = d.users.Actor(t.Context(), u.ID, role.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Export(t.Context(), d.access(), c, collection.Query{}, nil, sheet.CSV, &out); !fault.Is(err, fault.Forbidden) {
		t.Errorf("exported without the right: %v", err)
	}
}

// TestRole: an import has the rights of the role that it was begun in, not of the
// others that its author has.
func TestRole(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	role, err := d.users.CreateRole(t.Context(), auth.System, auth.RoleDefinition{Name: "clerk", Title: "Clerk", Actions: []string{"view", "create", "importXlsx"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.users.Update(t.Context(), auth.System, d.actor.UserID, auth.Change{More: &[]auth.Role{role.Name}}); err != nil {
		t.Fatal(err)
	}
	d.Actor = d.users.Actor
	if d.actor, err = d.users.Actor(t.Context(), d.actor.UserID, role.Name); err != nil {
		t.Fatal(err)
	}
	im := d.upload("Name\nA\n")
	if _, err := d.Begin(t.Context(), d.actor, im.ID, im.Settings, false); err != nil {
		t.Fatal(err)
	}
	less := []string{"view", "importXlsx"}
	if _, err := d.users.UpdateRole(t.Context(), auth.System, role.Name, auth.RoleChange{Actions: &less}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WorkOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.products("name"); len(got) != 0 {
		t.Errorf("a clerk, who may not create any more, made %q", got)
	}
}
