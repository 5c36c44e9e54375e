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

// TestSearchRelated: a search finds what leads to records of that name, few of them
// or more than it names by their keys.
func TestSearchRelated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	s.put("books", collection.Record{"title": "A", "author": collection.Record{"name": "Bo"}})
	s.put("books", collection.Record{"title": "B"})
	found := func() string {
		t.Helper()
		return strings.Join(s.get(root, "/data/books?q=bo").want(http.StatusOK).doc().Find("tbody tr").Map(func(_ int, row *goquery.Selection) string {
			return strings.TrimSpace(row.Find("a").First().Text())
		}), " ")
	}
	if got := found(); got != "A" {
		t.Errorf("of one author: %q", got)
	}
	if _, err := s.DB.ExecContext(t.Context(), `INSERT INTO public.authors (id, name) SELECT i, 'Bo ' || i FROM generate_series(1, 201) i`); err != nil {
		t.Fatal(err)
	}
	if got := found(); got != "A" {
		t.Errorf("of many authors: %q", got)
	}
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
	if got := s.get(member, "/data/books").want(200).find(".empty h2"); got != "No records yet" {
		t.Errorf("an empty list says %q", got)
	}
	ann, bob := s.put("authors", collection.Record{"name": "Ann"}), s.put("authors", collection.Record{"name": "Bob"})
	s.put("books", collection.Record{"title": "A", "author": ann, "pages": 100.0, "price": "12.5", "state": "out", "bought": "2020-01-02", "good": true})
	s.put("books", collection.Record{"title": "B", "author": bob, "pages": 200.0})
	s.put("books", collection.Record{"title": "C", "pages": 300.0, "seen": "2020-05-07T10:00:00Z"})
	where := func(filter string) string { return "/data/books?" + url.Values{"filter": {filter}}.Encode() }
	for path, want := range map[string]string{
		"/data/books":                         "C B A",
		"/data/books?sort=pages":              "A B C",
		"/data/books?sort=-author.name,pages": "B A C",
		"/data/books?sort=good,-pages":        "A C B",
		"/data/books?sort=nope":               "C B A",
		"/data/books?q=bo":                    "B", // the author's name
		"/data/books?q=lent":                  "A", // the words of a choice
		"/data/books?q=nothing":               "",
		where(`{"pages":{"$gte":200}}`):       "C B",
		where(`{"$and":[{"pages":{"$gte":200}},{"author":{"$eq":` + bob + `}}]}`):               "B",
		where(`{"pages":{"$gt":200}}`):                                                          "C",
		where(`{"pages":{"$between":[100,200]}}`):                                               "B A",
		where(`{"state":{"$in":["out"]}}`):                                                      "A",
		where(`{"state":"out"}`):                                                                "A",
		where(`{"state":{"$notIn":["out"]}}`):                                                   "C B",
		where(`{"author":{"$empty":true}}`):                                                     "C",
		where(`{"title":{"$includes":"a"}}`):                                                    "A",
		where(`{"title":{"$endWith":"b"}}`):                                                     "B",
		where(`{"good":{"$isTruly":true}}`):                                                     "A",
		where(`{"good":{"$isFalsy":true}}`):                                                     "C B",
		where(`{"bought":{"$dateOn":"2020-01-02"}}`):                                            "A",
		where(`{"bought":{"$dateBefore":"2020-01-03"}}`):                                        "A",
		where(`{"bought":{"$dateBetween":["2020-01-01","2020-01-02"]}}`):                        "A",
		where(`{"seen":{"$dateOn":"2020-05-07"}}`):                                              "C",
		where(`{"seen":{"$dateOn":{"type":"today"}}}`):                                          "",
		where(`{"createdAt":{"$dateOn":{"type":"today"}}}`):                                     "C B A",
		where(`{"createdAt":{"$dateOn":{"type":"past","unit":"day","number":3}}}`):              "", // before today
		where(`{"extra":{"$empty":true}}`):                                                      "C B A",
		where(`{"author.name":{"$includes":"nn"}}`):                                             "A", // through a relation
		where(`{"author":{"name":{"$startsWith":"b"}}}`):                                        "B",
		where(`{"author.books.title":{"$eq":"B"}}`):                                             "B", // there and back
		where(`{"createdBy":{"$eq":"{{$user.id}}"}}`):                                           "",  // root made them
		where(`{"$or":[{"title":"A"},{"$and":[{"pages":{"$gt":100}},{"pages":{"$lt":300}}]}]}`): "B A",
		where(`{"nope":1}`):                                                                     "C B A", // what does not fit is left out, and said
		where(`{"pages":{"$gt":"x"}}`):                                                          "C B A",
		where(`{"bought":{"$dateOn":"someday"}}`):                                               "C B A",
		where(`{"$nope":[]}`):                                                                   "C B A",
		where(`[`):                                                                              "C B A",
		"/data/books?page=7":                                                                    "",
	} {
		if got := titles(s.get(member, path).want(200)); got != want {
			t.Errorf("%s shows %q, want %q", path, got, want)
		}
	}
	if got := s.get(member, where(`{"nope":1,"pages":{"$gt":"x"}}`)).find(".alert strong"); got != "2 conditions could not be used here and were left out." {
		t.Errorf("the list says %q of conditions that do not fit", got)
	}
	page := s.get(member, where(`{"$and":[{"state":{"$in":["out","in"]}},{"pages":{"$lte":100}},{"$or":[{"title":"A"},{"title":"B"}]}]}`)).want(200)
	if got := strings.Join(strings.Fields(page.doc().Find(".filterbar .chip").Text()), " "); got != "State is any of Lent out, In Pages is at most 100 Title is A or Title is B" {
		t.Errorf("chips are %q", got)
	}
	if href, _ := page.doc().Find(".chip a").Attr("href"); href != where(`{"$and":[{"pages":{"$lte":"100"}},{"$or":[{"title":{"$eq":"A"}},{"title":{"$eq":"B"}}]}]}`) {
		t.Errorf("the chip's cross leads to %q", href)
	}
	if got := page.find("tbody tr"); !strings.HasPrefix(got, "AAnn10012.50Lent out2 Jan 2020–Yes") {
		t.Errorf("row is %q", got)
	}
	if got := page.find("td [data-state=waiting]"); got != "Lent out" {
		t.Errorf("a choice with a color is %q", got)
	}
	if got := page.find(".table-foot"); got != "1–1 of 1" {
		t.Errorf("the foot is %q", got)
	}
	if s.get(member, "/data/users").StatusCode != 404 || s.get(member, "/data/workflows").StatusCode != 404 || s.get(member, "/data/nope").StatusCode != 404 {
		t.Error("system collections are shown as records")
	}
}

// TestFilterForm builds filters with the form, as it works without JavaScript.
func TestFilterForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	for _, a := range []answer{s.get(member, "/data/books/filter?q=x&filter={%22good%22:{%22$isTruly%22:true}}").want(200), s.part(member, "/data/books/filter?q=x").want(200)} {
		if v, _ := a.doc().Find("#filter-form [name=q]").Attr("value"); v != "x" {
			t.Errorf("the form forgets the search: %q", v)
		}
	}
	if got := s.get(member, "/data/books/filter?filter={%22good%22:{%22$isTruly%22:true}}").find(`[name="o.0"] [selected]`); got != "is yes" {
		t.Errorf("the form begins with %q", got)
	}
	// A field of a related record, with the comparisons that fit it.
	form := s.get(member, "/data/books/filter?m=all&f.0=author.name&o.0=starts&v.0=A&m.1=any&f.1.0=state&o.1.0=in&v.1.0=in&v.1.0=out&do=add:.1").want(200)
	if got := form.doc().Find(`[name^="f."]`).Length(); got != 3 {
		t.Errorf("%d conditions after one was added, want 3", got)
	}
	if v, _ := form.doc().Find(`[name="v.0"]`).Attr("value"); v != "A" {
		t.Errorf("the value became %q", v)
	}
	if n := form.doc().Find(`[name="v.1.0"][checked]`).Length(); n != 2 {
		t.Errorf("%d of the choices are checked, want 2", n)
	}
	for query, want := range map[string]string{
		"m=all&f.0=author.name&o.0=starts&v.0=A&m.1=any&f.1.0=state&o.1.0=in&v.1.0=in&v.1.0=out&do=apply": `{"$and":[{"author.name":{"$startsWith":"A"}},{"$or":[{"state":{"$in":["in","out"]}}]}]}`,
		"m=any&f.0=pages&o.0=min&v.0=3&f.1=title&o.1=has&v.1=&do=apply":                                   `{"$or":[{"pages":{"$gte":"3"}}]}`, // nothing to compare with asks nothing
		"m=all&f.0=bought&o.0=past&v.0=30&do=apply":                                                       `{"$and":[{"bought":{"$dateOn":{"number":30,"type":"past","unit":"day"}}}]}`,
		"m=all&f.0=pages&o.0=empty&do=apply":                                                              `{"$and":[{"pages":{"$empty":true}}]}`,
		"m=all&f.0=createdBy&o.0=me&do=apply":                                                             `{"$and":[{"createdBy":{"$eq":"{{$user.id}}"}}]}`,
		"m=all&f.0=nope&o.0=min&v.0=3&do=apply":                                                           ``,
		"m=all&f.0=pages&o.0=min&v.0=3&do=clear":                                                          ``,
	} {
		a := s.get(member, "/data/books/filter?"+query).want(http.StatusSeeOther)
		to, err := url.Parse(a.Header.Get("Location"))
		if err != nil || to.Query().Get("filter") != want {
			t.Errorf("%s leads to %v, want %s", query, to, want)
		}
	}
	if got := s.get(member, "/data/books/filter?m=all&f.0=pages&o.0=min&v.0=x&do=apply").want(422).find(".filter-error"); got != "Write a value that “Pages” can be compared with." {
		t.Errorf("problem is %q", got)
	}
	for _, f := range []string{"title", "author", "pages", "price", "bought", "seen", "good", "extra", "createdAt", "createdBy", "id", "author.books"} {
		form := s.get(member, "/data/books/filter?m=all&do=&f.0="+f).want(200)
		if got, _ := form.doc().Find(`[name="f.0"] [selected]`).Attr("value"); got != f {
			t.Errorf("the form for %s shows %s", f, got)
		}
	}
	if got := s.get(member, "/data/books/filter").doc().Find(`[value="createdBy.email"], [value="author.secret"]`).Length(); got != 0 {
		t.Error("fields are offered that the reader may not see")
	}
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
