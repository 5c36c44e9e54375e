package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/collection"
	"alur/engine/pg"
)

// shelf has books by authors, made through the pages' store.
func (s *site) shelf() {
	s.t.Helper()
	a := s.users[root].Actor()
	for _, d := range []collection.Definition{
		{Name: "authors", Title: "Authors", Fields: []collection.Field{{Name: "name", Type: "string", Title: "Name", Required: true}}},
		{Name: "books", Title: "Books", Fields: []collection.Field{
			{Name: "title", Type: "string", Title: "Title", Required: true}, {Name: "author", Type: "belongsTo", Title: "Author", Target: "authors"},
			{Name: "pages", Type: "integer", Title: "Pages"}, {Name: "price", Type: "decimal", Title: "Price", Precision: 8, Scale: 2},
			{Name: "state", Type: "string", Title: "State", Default: "in", Enum: []collection.Choice{{Value: "in", Label: "In"}, {Value: "out", Label: "Lent out", Color: "orange"}}},
			{Name: "bought", Type: "dateOnly", Title: "Bought"}, {Name: "seen", Type: "datetimeTz", Title: "Seen"},
			{Name: "good", Type: "boolean", Title: "Good"}, {Name: "extra", Type: "json", Title: "Extra"}}},
	} {
		if _, err := s.Records.CreateCollection(s.t.Context(), a, d); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.Records.AddField(s.t.Context(), a, "authors", collection.Field{Name: "books", Type: "hasMany", Title: "Books", Target: "books"}); err != nil {
		s.t.Fatal(err)
	}
}

// put creates a record and returns its id.
func (s *site) put(coll string, values collection.Record) string {
	s.t.Helper()
	var rec collection.Record
	err := s.Records.Write(s.t.Context(), coll, func(tx *pg.Tx) (err error) {
		rec, err = s.Records.Create(s.t.Context(), tx, collection.Access{Actor: s.users[root].Actor()}, coll, values, nil)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return collection.Format(rec["id"])
}

// stored reads a record.
func (s *site) stored(coll, id string) collection.Record {
	s.t.Helper()
	rec, err := s.Records.First(s.t.Context(), s.DB, collection.Access{Actor: s.users[root].Actor()}, coll, collection.Query{Filter: id})
	if err != nil {
		s.t.Fatal(err)
	}
	return rec
}

// titles are the main cells of a table.
func titles(a answer) string {
	return strings.Join(a.doc().Find("tbody td.c-main").Map(func(_ int, e *goquery.Selection) string { return strings.TrimSpace(e.Text()) }), " ")
}

func TestRecordList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	if got := s.get(member, "/data/books").want(200).find(".empty h3"); got != "No records yet" {
		t.Errorf("an empty list says %q", got)
	}
	ann, bob := s.put("authors", collection.Record{"name": "Ann"}), s.put("authors", collection.Record{"name": "Bob"})
	s.put("books", collection.Record{"title": "A", "author": ann, "pages": 100.0, "price": "12.5", "state": "out", "bought": "2020-01-02", "good": true})
	s.put("books", collection.Record{"title": "B", "author": bob, "pages": 200.0})
	s.put("books", collection.Record{"title": "C", "pages": 300.0, "seen": "2020-05-07T10:00:00Z"})
	where := func(list ...string) string { return "/data/books?" + url.Values{"w": list}.Encode() }
	for path, want := range map[string]string{
		"/data/books":                                    "C B A",
		"/data/books?sort=pages":                         "A B C",
		"/data/books?sort=-author.name":                  "B A C",
		"/data/books?sort=nope":                          "C B A",
		"/data/books?q=bo":                               "B", // the author's name
		"/data/books?q=nothing":                          "",
		where("pages.min.200"):                           "C B",
		where("pages.min.200", "author.is."+bob):         "B",
		where("pages.over.200"):                          "C",
		where("state.in.out"):                            "A",
		where("state.notIn.out"):                         "C B",
		where("author.empty"):                            "C",
		where("title.has.a"):                             "A",
		where("good.yes"):                                "A",
		where("good.no"):                                 "C B",
		where("bought.on.2020-01-02"):                    "A",
		where("bought.before.2020-01-03"):                "A",
		where("seen.on.2020-05-07"):                      "C",
		where("seen.today"):                              "",
		where("createdAt.today"):                         "C B A",
		where("extra.empty"):                             "C B A",
		where("nope.is.1", "pages.nope.1", "pages.is.x"): "C B A", // what does not fit is left out
		where("bought.on.someday"):                       "C B A",
		"/data/books?page=7":                             "",
	} {
		if got := titles(s.get(member, path).want(200)); got != want {
			t.Errorf("%s shows %q, want %q", path, got, want)
		}
	}
	page := s.get(member, where("state.in.out,in", "pages.max.100")).want(200)
	if got := page.find(".filterbar .chip"); got != "State is any of Lent out, In" {
		t.Errorf("chip is %q", got)
	}
	if href, _ := page.doc().Find(".chip a").Attr("href"); href != "/data/books?w=pages.max.100" {
		t.Errorf("the chip's cross leads to %q", href)
	}
	if got := page.find("tbody tr"); !strings.HasPrefix(got, "AAnn10012.50Lent out2 Jan 2020–Yes") {
		t.Errorf("row is %q", got)
	}
	if got := page.find("td [data-state=waiting]"); got != "Lent out" {
		t.Errorf("a choice with a color is %q", got)
	}
	if s.get(member, "/data/users").StatusCode != 404 || s.get(member, "/data/workflows").StatusCode != 404 || s.get(member, "/data/nope").StatusCode != 404 {
		t.Error("system collections are shown as records")
	}
}

func TestRecordFilterForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	for _, a := range []answer{s.get(member, "/data/books/filter?field=state&q=x&w=good.yes").want(200), s.part(member, "/data/books/filter?field=state&q=x&w=good.yes").want(200)} {
		if got := a.doc().Find("select[name=op] option").Length(); got != 4 {
			t.Errorf("%d conditions for a choice, want 4", got)
		}
		if v, _ := a.doc().Find("input[name=w]").Attr("value"); v != "good.yes" {
			t.Errorf("the form forgets the other condition: %q", v)
		}
	}
	for query, want := range map[string]string{
		"field=state&op=in&value=in&value=out&w=good.yes": "/data/books?w=good.yes&w=state.in.in%2Cout",
		"field=pages&op=min&value=3&q=x":                  "/data/books?q=x&w=pages.min.3",
		"field=pages&op=empty&value=":                     "/data/books?w=pages.empty",
		"field=pages&op=min&value=x":                      "/data/books", // nothing to compare with
		"field=nope&op=min&value=x":                       "/data/books",
	} {
		a := s.get(member, "/data/books?"+query).want(http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", query, got, want)
		}
	}
	for _, f := range []string{"title", "author", "pages", "price", "bought", "seen", "good", "extra", "createdAt", "createdBy", "id"} {
		s.get(member, "/data/books/filter?field="+f).want(200).find("select[name=op]")
	}
	s.get(member, "/data/books/filter?field=nope").want(404)
}

func TestRecordForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	ann := s.put("authors", collection.Record{"name": "Ann"})
	blank := s.get(member, "/data/books/new?authorId="+ann).want(200)
	if v, _ := blank.doc().Find("[name=author] option[selected]").Attr("value"); v != ann {
		t.Errorf("the form starts with author %q, want %s", v, ann)
	}
	if v, _ := blank.doc().Find("[name=state] option[selected]").Attr("value"); v != "in" {
		t.Errorf("the form starts with state %q, want the default", v)
	}
	bad := s.post(member, "/data/books", url.Values{"title": {""}, "pages": {"1.5"}, "extra": {"{"}, "price": {"12"}, "author": {ann}}).want(422)
	if got := bad.find("#f-extra-error"); got != `Write JSON, such as {"size": 3} or ["a", "b"].` {
		t.Errorf("problem of extra: %q", got)
	}
	bad = s.post(member, "/data/books", url.Values{"title": {""}, "pages": {"1.5"}, "price": {"12"}}).want(422)
	for id, want := range map[string]string{"#f-title-error": "Fill this in.", "#f-pages-error": "Write a whole number.", ".form-foot .help": "2 fields need your attention"} {
		if got := bad.find(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	if v, _ := bad.doc().Find("[name=price]").Attr("value"); v != "12" {
		t.Errorf("the typed price became %q", v)
	}
	ok := s.post(member, "/data/books", url.Values{"title": {"A"}, "pages": {"10"}, "price": {"12.5"}, "author": {ann}, "state": {"out"},
		"bought": {"2020-01-02"}, "seen": {"2020-05-07T10:00"}, "good": {"true"}, "extra": {`{"a":[1]}`}}).want(http.StatusSeeOther)
	if got := s.toast(member, ok); got != "Saved “A”." {
		t.Errorf("toast is %q", got)
	}
	rec, err := s.Records.First(t.Context(), s.DB, collection.Access{Actor: s.users[root].Actor()}, "books", collection.Query{})
	if err != nil {
		t.Fatal(err)
	}
	id := collection.Format(rec["id"])
	if got := fmt.Sprintln(rec["title"], rec["pages"], rec["price"], collection.Format(rec["authorId"]) == ann, rec["state"], rec["bought"], rec["seen"], rec["good"], rec["extra"], rec["createdById"] == float64(s.users[member].ID)); got !=
		"A 10 12.5 true out 2020-01-02 2020-05-07T10:00:00.000Z true map[a:[1]] true\n" {
		t.Errorf("stored is %s", got)
	}
	form := s.get(admin, "/data/books/"+id).want(200)
	if v, _ := form.doc().Find("[name=seen]").Attr("value"); v != "2020-05-07T10:00:00" {
		t.Errorf("the time is shown as %q", v)
	}
	if got := form.find(".facts"); !strings.Contains(got, "by Mia Member") {
		t.Errorf("the history is %q", got)
	}
	if got := s.get(admin, "/data/authors/"+ann).want(200).find("td.c-main"); got != "A" {
		t.Errorf("the author's books show %q", got)
	}
	s.get(member, "/data/books/4711").want(404)
	s.get(member, "/data/books/x").want(404)
	s.post(member, "/data/books/4711", url.Values{"title": {"x"}}).want(404)

	s.get(member, "/data/books/"+id+"/delete").want(200).find("form[method=post]")
	s.part(member, "/data/books/"+id+"/delete").want(200).find("dialog")
	s.post(member, "/data/books/"+id+"/delete", nil).want(http.StatusSeeOther)
	if s.stored("books", id) != nil {
		t.Error("the record is still there")
	}
}

// TestTwoEditors lets two people open a form and save it one after the other.
func TestTwoEditors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	id := s.put("books", collection.Record{"title": "A", "pages": 1.0, "price": 3.0})
	seen := func(a answer) string {
		v, _ := a.doc().Find("input[name=_seen]").Attr("value")
		return v
	}
	old := seen(s.get(member, "/data/books/"+id).want(200))
	s.post(admin, "/data/books/"+id, url.Values{"_seen": {old}, "title": {"A"}, "pages": {"2"}}).want(http.StatusSeeOther)
	lost := s.post(member, "/data/books/"+id, url.Values{"_seen": {old}, "title": {"A"}, "pages": {"3"}}).want(http.StatusConflict)
	if got := lost.find("#versions tbody"); got != "Pages23" {
		t.Errorf("both versions: %q", got)
	}
	if v, _ := lost.doc().Find("[name=pages]").Attr("value"); v != "3" {
		t.Errorf("the form holds %q, want what was typed", v)
	}
	if got := s.stored("books", id)["pages"]; got != 2.0 {
		t.Errorf("stored are %v pages, want those of the first editor", got)
	}
	s.post(member, "/data/books/"+id, url.Values{"_seen": {seen(lost)}, "title": {"A"}, "pages": {"3"}}).want(http.StatusSeeOther)
	if got := s.stored("books", id); got["pages"] != 3.0 || got["price"] != 3.0 {
		t.Errorf("stored is %v, want the second editor's pages and the old price", got)
	}
}

func TestRecordPicker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	for i := range selectShown + 5 {
		s.put("authors", collection.Record{"name": fmt.Sprintf("Author %03d", i)})
	}
	zoe := s.put("authors", collection.Record{"name": "Zoe"})
	form := s.get(member, "/data/books/new").want(200)
	if n := form.doc().Find("[name=author] option").Length(); n != selectShown+1 {
		t.Errorf("%d options, want %d and none", n, selectShown)
	}
	found := s.post(member, "/data/books", url.Values{"title": {"kept"}, "_search.author": {"zo"}, "_find": {"author"}}).want(200)
	if v, _ := found.doc().Find("[name=author] option:last-child").Attr("value"); v != zoe {
		t.Errorf("the search without JavaScript offers %q, want %s", v, zoe)
	}
	if v, _ := found.doc().Find("[name=title]").Attr("value"); v != "kept" {
		t.Errorf("the search loses the title: %q", v)
	}
	if got := s.part(member, "/data/authors/pick?q=zo").want(200).find("[role=option]"); got != "Zoe" {
		t.Errorf("the picker finds %q", got)
	}
	if n := s.part(member, "/data/authors/pick").want(200).doc().Find("[role=option]:not([aria-disabled])").Length(); n != pickShown {
		t.Errorf("the picker offers %d, want %d", n, pickShown)
	}
	people := s.part(member, "/data/users/pick").want(200)
	if text := people.doc().Text(); !strings.Contains(text, "Mia Member") || strings.Contains(text, "Dan Gone") || strings.Contains(text, "@") {
		t.Errorf("people to pick: %s", text)
	}
	s.part(member, "/data/workflows/pick").want(404)
	s.get(member, "/data/authors/pick?q=zo").want(http.StatusSeeOther)
}
