package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
)

// kept turns the history of collections on.
func (s *site) kept(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if _, err := s.Records.UpdateCollection(s.t.Context(), s.users[root].Actor(), name, map[string]any{"recordHistory": true}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// seenAt is the state that a form says it started from.
func seenAt(a answer) string {
	v, _ := a.doc().Find("input[name=_seen]").Attr("value")
	return v
}

func TestCells(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	ann := s.put("authors", collection.Record{"name": "Ann"})
	id := s.put("books", collection.Record{"title": "A", "author": ann, "pages": 100.0, "state": "in", "good": true})
	list := s.get(member, "/data/books").want(200)
	cell := func(field string) string { return "/data/books/" + id + "/cells/" + field }
	if got := list.doc().Find(`td[data-edit="` + cell("pages") + `"]`).Length(); got != 1 {
		t.Errorf("%d cells to edit the pages in, want 1", got)
	}
	if list.doc().Find(`td[data-edit$="createdAt"]`).Length() != 0 {
		t.Error("the time of creation can be edited")
	}
	s.get(member, cell("pages")).want(http.StatusSeeOther) // without JavaScript: the form
	for _, field := range []string{"createdAt", "id", "authorId", "nope"} {
		s.part(member, cell(field)).want(404)
	}
	open := s.part(member, cell("pages")).want(200)
	if v, _ := open.doc().Find("form [name=_value]").Attr("value"); v != "100" {
		t.Errorf("the cell begins with %q", v)
	}
	post := func(who role, field, seen string, values ...string) answer {
		return s.postPart(who, cell(field), url.Values{"_seen": {seen}, "_value": values})
	}
	if got := post(member, "pages", seenAt(open), "1.5").want(422).find(".error"); got != "Write a whole number." {
		t.Errorf("the problem in the cell is %q", got)
	}
	if got := post(member, "title", seenAt(open), "").want(422).find(".error"); got != "Fill this in." {
		t.Errorf("the problem in the cell is %q", got)
	}
	if got := post(member, "pages", seenAt(open), "120").want(200).Text; !strings.HasPrefix(got, `<tr id="record-`+id+`">`) || !strings.Contains(got, ">120</td>") {
		t.Errorf("the row is %s", got)
	}
	lost := post(admin, "pages", seenAt(open), "130").want(http.StatusConflict)
	if got := lost.find(".error"); !strings.Contains(got, "Here it says “120” now.") {
		t.Errorf("the conflict says %q", got)
	}
	if v, _ := lost.doc().Find("[name=_value]").Attr("value"); v != "130" {
		t.Errorf("the cell lost what was typed: %q", v)
	}
	if got := post(admin, "pages", seenAt(lost), "130").want(200).Text; !strings.Contains(got, ">130</td>") {
		t.Errorf("the row is %s", got)
	}
	for field, value := range map[string]string{"author": "", "state": "out", "bought": "2020-01-02", "seen": "2020-05-07T10:00"} {
		post(member, field, seenAt(s.part(member, cell(field)).want(200)), value).want(200)
	}
	post(member, "good", seenAt(s.part(member, cell("good")).want(200))).want(200) // an empty box is no
	rec := s.stored("books", id)
	if got := fmt.Sprintln(rec["pages"], rec["authorId"], rec["state"], rec["bought"], rec["seen"], rec["good"], rec["title"]); got != "130 <nil> out 2020-01-02 2020-05-07T10:00:00.000Z false A\n" {
		t.Errorf("stored is %s", got)
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	ann := s.put("authors", collection.Record{"name": "Ann"})
	var ids []string
	for i := range 30 {
		ids = append(ids, s.put("books", collection.Record{"title": fmt.Sprintf("Book %02d", i), "pages": float64(i), "author": ann}))
	}
	few := `{"pages":{"$lt":10}}`
	if got := s.get(member, "/data/books?filter="+url.QueryEscape(`{"pages":{"$lt":28}}`)).find("#bulk .check"); got != "All 28 records that match" {
		t.Errorf("the bar offers %q", got)
	}
	ask := s.part(member, "/data/books/bulk?do=edit&field=state&all=true&filter="+url.QueryEscape(few)).want(200)
	if got := ask.find("button.btn-primary"); got != "Change 10 records" {
		t.Errorf("the button says %q", got)
	}
	form := func(more ...string) url.Values {
		v := url.Values{"all": {"true"}, "filter": {few}, "n": {"10"}}
		for i := 0; i < len(more); i += 2 {
			v[more[i]] = []string{more[i+1]}
		}
		return v
	}
	if got := s.post(member, "/data/books/bulk", form("field", "pages", "_value", "many")).want(422).find(".error"); got != "Write a whole number." {
		t.Errorf("problem is %q", got)
	}
	again := s.post(member, "/data/books/bulk", form("field", "state", "_value", "out", "n", "9")).want(http.StatusConflict)
	if got := again.find("h1"); got != "Change 10 records" {
		t.Errorf("with one record more than asked about the page says %q", got)
	}
	a := s.post(member, "/data/books/bulk", form("field", "state", "_value", "out")).want(http.StatusSeeOther)
	if got := s.toast(member, a); got != "Changed “State” of 10 records." {
		t.Errorf("toast is %q", got)
	}
	if n, _ := s.Records.Count(t.Context(), s.DB, collection.Access{Actor: s.users[root].Actor()}, "books", map[string]any{"state": "out"}); n != 10 {
		t.Errorf("%d books are out, want 10", n)
	}
	for _, bad := range []url.Values{{}, {"id": {"x"}}, {"all": {"true"}, "filter": {`{"nope":1}`}}} {
		s.get(member, "/data/books/bulk?do=delete&"+bad.Encode()).want(422)
		bad.Set("do", "delete")
		s.post(member, "/data/books/bulk", bad).want(422)
	}
	s.get(member, "/data/books/bulk?do=delete&id=4711").want(http.StatusConflict)
	s.post(member, "/data/books/bulk", form("field", "createdAt", "_value", "2020-01-01")).want(422)

	confirm := s.part(member, "/data/books/bulk?do=delete&id="+ids[0]+","+ids[1]).want(200)
	if got := confirm.find("dialog h2"); got != "Delete 2 records" {
		t.Errorf("the question is %q", got)
	}
	if got := s.part(member, "/data/authors/bulk?do=delete&id="+ann).want(200).find(".dialog-body li"); got != "“Author” becomes empty in 30 records of “Books”." {
		t.Errorf("the consequence is %q", got)
	}
	a = s.post(member, "/data/books/bulk", url.Values{"do": {"delete"}, "id": {ids[0] + "," + ids[1]}, "n": {"2"}}).want(http.StatusSeeOther)
	if got := s.toast(member, a); got != "Deleted 2 records." {
		t.Errorf("toast is %q", got)
	}
	if s.stored("books", ids[0]) != nil || s.stored("books", ids[2]) == nil {
		t.Error("the wrong records are gone")
	}
	// More than can be done at once.
	const many = `INSERT INTO public.books (id, title) SELECT i, 'many' FROM generate_series(1, 5001) i`
	if _, err := s.DB.ExecContext(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if got := s.get(member, "/data/books/bulk?do=delete&all=true").want(422).find("main"); !strings.Contains(got, "more than 5,000 records") {
		t.Errorf("too many: %q", got)
	}
	if got := s.get(member, "/data/books").find(".table-foot"); got != "1–25 of 5,029" {
		t.Errorf("the foot is %q", got)
	}
	if got := s.get(member, "/data/books?page=9999").want(200).find(".empty h2"); got != "Nothing on this page" {
		t.Errorf("behind the last page: %q", got)
	}
	if _, err := s.DB.ExecContext(t.Context(), `INSERT INTO public.books (id, title) SELECT i, 'many' FROM generate_series(5002, 11000) i`); err != nil {
		t.Fatal(err)
	}
	far := s.get(member, "/data/books?page=400").want(200)
	if got := far.find(".table-foot"); got != "The first 10,000 are shown. Filter to see others." || far.doc().Find(".table-foot [aria-label='Next page']").Length() != 0 {
		t.Errorf("the foot of the last page that one can reach is %q", got)
	}
	if got := s.get(member, "/data/books").find(".table-foot"); got != "1–25 of more than 10,000" {
		t.Errorf("the foot is %q", got)
	}
}

// TestConflict lets two people change different fields and the same one.
func TestConflict(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	id := s.put("books", collection.Record{"title": "A", "pages": 1.0, "price": 3.0, "state": "in"})
	open := s.get(member, "/data/books/"+id).want(200)
	base, _ := open.doc().Find("[name=_base]").Attr("value")
	s.post(admin, "/data/books/"+id, url.Values{"_seen": {seenAt(open)}, "_base": {base}, "title": {"A"}, "pages": {"2"}, "price": {"4"}, "state": {"in"}}).want(http.StatusSeeOther)
	mine := url.Values{"_seen": {seenAt(open)}, "_base": {base}, "title": {"Mine"}, "pages": {"3"}, "price": {"3"}, "state": {"in"}}
	lost := s.post(member, "/data/books/"+id, mine).want(http.StatusConflict)
	if got := lost.find("#versions tbody"); got != "TitleA MinePages2 3Price4.00You did not change it" && got != "TitleAMinePages23Price4.00You did not change it" {
		t.Errorf("both versions: %q", got)
	}
	if n := lost.doc().Find("#versions [value=mine][checked]").Length(); n != 2 {
		t.Errorf("%d fields to choose for, want 2", n)
	}
	for name, want := range map[string]string{"title": "Mine", "pages": "3", "price": "4"} {
		if v, _ := lost.doc().Find("[name=" + name + "]").Attr("value"); v != want {
			t.Errorf("the form holds %s %q, want %q", name, v, want)
		}
	}
	base, _ = lost.doc().Find("[name=_base]").Attr("value")
	chosen := url.Values{"_seen": {seenAt(lost)}, "_base": {base}, "title": {"Mine"}, "pages": {"3"}, "price": {"4"}, "state": {"in"}, "_keep.title": {"mine"}, "_keep.pages": {"theirs"}}
	s.post(member, "/data/books/"+id, chosen).want(http.StatusSeeOther)
	if got := s.stored("books", id); got["title"] != "Mine" || got["pages"] != 2.0 || got["price"] != 4.0 {
		t.Errorf("stored is %v", got)
	}
	// Who changed nothing loses nothing and undoes nothing.
	open = s.get(member, "/data/books/"+id).want(200)
	base, _ = open.doc().Find("[name=_base]").Attr("value")
	s.post(admin, "/data/books/"+id, url.Values{"pages": {"9"}}).want(http.StatusSeeOther)
	lost = s.post(member, "/data/books/"+id, url.Values{"_seen": {seenAt(open)}, "_base": {base}, "title": {"Mine"}, "pages": {"2"}}).want(http.StatusConflict)
	if v, _ := lost.doc().Find("[name=pages]").Attr("value"); v != "9" {
		t.Errorf("the form holds pages %q, want those of the other", v)
	}
}

func TestRecordHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	ann, bob := s.put("authors", collection.Record{"name": "Ann"}), s.put("authors", collection.Record{"name": "Bob"})
	id := s.put("books", collection.Record{"title": "A", "author": ann, "state": "in"})
	if got := s.get(member, "/data/books/"+id+"/history").want(200).find(".empty h2"); got != "No history is kept" {
		t.Errorf("without a history the page says %q", got)
	}
	s.kept("books")
	s.post(member, "/data/books/"+id, url.Values{"author": {bob}, "state": {"out"}, "seen": {"2020-05-07T10:00"}}).want(http.StatusSeeOther)
	code, _ := s.api(admin, "POST", "/api/books:update?filterByTk="+id, `{"title": "B"}`)
	if code != 200 {
		t.Fatal(code)
	}
	page := s.get(member, "/data/books/"+id+"/history").want(200)
	got := strings.Join(strings.Fields(page.doc().Find(".timeline").Text()), "")
	for _, want := range []string{"Ann Admin changed 1 field", "by the API", "Title A became B", "Mia Member changed 3 fields", "in the browser", "Author Ann became Bob", "State In became Lent out", "Seen – became 7 May 2020, 10:00:00"} {
		if !strings.Contains(got, strings.ReplaceAll(want, " ", "")) {
			t.Errorf("the history lacks %q: %s", want, got)
		}
	}
	if got := s.get(member, "/data/books/"+id).find(".timeline li"); !strings.HasPrefix(got, "Ann Admin changed 1 field") {
		t.Errorf("under the form stands %q", got)
	}
	s.get(member, "/data/books/4711/history").want(404)

	s.post(member, "/data/books/"+id+"/delete", nil).want(http.StatusSeeOther)
	s.get(member, "/data/books/deleted").want(http.StatusForbidden)
	row := s.get(admin, "/data/books/deleted").want(200)
	if got := row.find("tbody tr"); !strings.HasPrefix(got, "B") || !strings.HasSuffix(got, "Mia Member") {
		t.Errorf("deleted is %q", got)
	}
	link, _ := row.doc().Find("tbody a").Attr("href")
	if got := s.get(admin, link).want(200).find(".facts"); !strings.Contains(got, "AuthorBob") || !strings.Contains(got, "StateLent out") {
		t.Errorf("the last values are %q", got)
	}
	s.post(member, link, nil).want(http.StatusForbidden)
	a := s.post(admin, link, nil).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/data/books/"+id {
		t.Errorf("restored, the browser goes to %s", got)
	}
	if rec := s.stored("books", id); rec["title"] != "B" || collection.Format(rec["authorId"]) != bob || rec["state"] != "out" {
		t.Errorf("restored is %v", rec)
	}
	s.post(admin, link, nil).want(http.StatusConflict)
	if got := s.get(admin, "/data/books/deleted").want(200).find(".empty h2"); got != "Nothing was deleted" {
		t.Errorf("after the restore the list says %q", got)
	}
	s.get(admin, "/data/books/deleted/4711").want(404)
}

func TestViewsAndColumns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	ann := s.put("authors", collection.Record{"name": "Ann"})
	s.put("books", collection.Record{"title": "A", "author": ann, "pages": 1.0})
	s.put("books", collection.Record{"title": "B", "pages": 2.0})
	heads := func(a answer) string {
		return strings.Join(strings.Fields(a.doc().Find("thead th").Text()), " ")
	}
	if got := s.get(member, "/data/books/columns").want(200).doc().Find("[name=column][checked]").Length(); got != 10 {
		t.Errorf("%d columns are chosen at first, want 10", got)
	}
	order := url.Values{"order": {"title", "pages", "author.name", "author", "nope"}, "column": {"pages", "title", "author", "nope"}}
	moved := url.Values{"order": order["order"], "column": order["column"], "do": {"up:pages"}}
	if v, _ := s.postPart(member, "/data/books/columns", moved).want(200).doc().Find("[name=order]").First().Attr("value"); v != "pages" {
		t.Errorf("first after the move is %q", v)
	}
	s.post(member, "/data/books/columns", order).want(http.StatusSeeOther)
	if got := heads(s.get(member, "/data/books")); got != "TitlePagesAuthor Actions" && got != "Title Pages Author Actions" {
		t.Errorf("the columns are %q", got)
	}
	if got := heads(s.get(admin, "/data/books")); !strings.Contains(got, "Price") {
		t.Errorf("Ann has Mia's columns: %q", got)
	}
	s.get(member, "/data/books/views/new?filter="+url.QueryEscape(`{"pages":{"$gt":1}}`)).want(200).find(".facts")
	keep := url.Values{"filter": {`{"pages":{"$gt":1}}`}, "sort": {"-title"}}
	bad := url.Values{"filter": keep["filter"], "name": {""}}
	if got := s.post(member, "/data/books/views", bad).want(422).find("#f-name-error"); got != "Write a name of 1 to 60 characters." {
		t.Errorf("problem is %q", got)
	}
	keep.Set("name", "Thick ones")
	keep.Set("default", "true")
	made := s.post(member, "/data/books/views", keep).want(http.StatusSeeOther).Header.Get("Location")
	if got := s.get(member, "/data/books").want(http.StatusSeeOther).Header.Get("Location"); got != made {
		t.Errorf("the collection opens with %s, want %s", got, made)
	}
	page := s.get(member, made).want(200)
	if got := titles(page); got != "B" {
		t.Errorf("the view shows %q", got)
	}
	if got := page.find(".tabs [aria-current]"); got != "Thick ones" {
		t.Errorf("the open tab is %q", got)
	}
	if got := titles(s.get(member, "/data/books?view=all").want(200)); got != "B A" {
		t.Errorf("all are %q", got)
	}
	if got := titles(s.get(member, made+"&filter=").want(200)); got != "B A" {
		t.Errorf("the view without its filter shows %q", got)
	}
	s.get(admin, made).want(404) // not shared
	id := strings.TrimPrefix(made, "/data/books?view=")
	s.get(admin, "/data/books/views/"+id).want(404)
	s.get(member, "/data/books/views/"+id).want(200).find("form")
	s.post(member, "/data/books/views/"+id, url.Values{"name": {"Shared"}, "shared": {"true"}}).want(http.StatusSeeOther)
	if got := titles(s.get(admin, made).want(200)); got != "B" {
		t.Errorf("the shared view shows %q", got)
	}
	s.post(member, "/data/books/views/"+id+"/delete", nil).want(http.StatusSeeOther)
	s.get(member, made).want(404)
}

func TestFormLayout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	id := s.put("books", collection.Record{"title": "A"})
	s.get(member, "/data/books/form").want(http.StatusForbidden)
	s.get(admin, "/data/books/form").want(200).find("[name='section.title']")
	s.post(admin, "/data/books/form", url.Values{"title.0": {strings.Repeat("x", 61)}}).want(422)
	s.post(admin, "/data/books/form", url.Values{"title.0": {"The book"}, "help.0": {"What it is."}, "title.1": {"Where it is"}, "history": {"true"},
		"section.title": {"0"}, "place.title": {"20"}, "section.pages": {"0"}, "place.pages": {"10"}, "section.state": {"1"}}).want(http.StatusSeeOther)
	form := s.get(member, "/data/books/"+id).want(200)
	var got []string
	for i := range 3 {
		got = append(got, strings.Join(strings.Fields(form.doc().Find(".form-section").Eq(i).Find("h2, .label").Text()), " "))
	}
	for i, want := range []string{"The bookPages optional Title", "Where it isState optional", "MoreAuthor"} {
		if strings.ReplaceAll(got[i], " ", "") != strings.ReplaceAll(want, " ", "") && !strings.HasPrefix(strings.ReplaceAll(got[i], " ", ""), "MoreAuthor") {
			t.Errorf("section %d is %q, want %q", i, got[i], want)
		}
	}
	coll, err := s.Records.Collection(t.Context(), "books")
	if err != nil || !coll.KeepsHistory() {
		t.Errorf("the history is off, %v", err)
	}
	if n := s.get(admin, "/data/books/form").want(200).doc().Find("[name^='title.']").Length(); n != 3 {
		t.Errorf("%d lines for sections, want the two and an empty one", n)
	}
}

func TestRelated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shelf()
	ann, bob := s.put("authors", collection.Record{"name": "Ann"}), s.put("authors", collection.Record{"name": "Bob"})
	id := s.put("books", collection.Record{"title": "A", "author": bob})
	s.part(member, "/data/authors/"+ann+"/related/books").want(200).find("dialog [data-picker]")
	s.get(member, "/data/authors/"+ann+"/related/nope").want(404)
	s.post(member, "/data/authors/"+ann+"/related/books", url.Values{"record": {"x"}}).want(422)
	s.post(member, "/data/authors/"+ann+"/related/books", url.Values{"record": {"4711"}}).want(404)
	s.post(member, "/data/authors/"+ann+"/related/books", url.Values{"record": {id}}).want(http.StatusSeeOther)
	if got := s.get(member, "/data/authors/"+ann).want(200).find("td.c-main"); got != "A" {
		t.Errorf("Ann's books are %q", got)
	}
	s.post(member, "/data/authors/"+bob+"/related/books", url.Values{"record": {id}, "do": {"remove"}}).want(404) // it is not Bob's any more
	s.post(member, "/data/authors/"+ann+"/related/books", url.Values{"record": {id}, "do": {"remove"}}).want(http.StatusSeeOther)
	if got := s.stored("books", id)["authorId"]; got != nil {
		t.Errorf("the book still belongs to %v", got)
	}
	// Who may not change the author has no button, and is refused without it.
	if _, err := s.Auth.PutResource(t.Context(), auth.System, auth.Member, auth.Resource{Collection: "authors", OwnRules: true, Actions: []auth.ResourceAction{{Name: auth.View}}}); err != nil {
		t.Fatal(err)
	}
	s.Auth.Forget("")
	for who, buttons := range map[role]int{member: 0, admin: 1} {
		if n := s.get(who, "/data/authors/"+ann).want(200).doc().Find(`a[href$="/related/books"]`).Length(); n != buttons {
			t.Errorf("%s has %d buttons to add a book, want %d", who, n, buttons)
		}
	}
	s.post(member, "/data/authors/"+ann+"/related/books", url.Values{"record": {id}}).want(403)
	if got := s.stored("books", id)["authorId"]; got != nil {
		t.Errorf("the book belongs to %v", got)
	}
	if _, err := s.Auth.PutResource(t.Context(), auth.System, auth.Member, auth.Resource{Collection: "authors"}); err != nil {
		t.Fatal(err)
	}
	s.Auth.Forget("")
	// A new record for a field of another form.
	dialog := s.part(member, "/data/authors/new?_into=f-author").want(200)
	if v, _ := dialog.doc().Find("dialog form [name=_into]").Attr("value"); v != "f-author" {
		t.Errorf("the dialog is for %q", v)
	}
	s.postPart(member, "/data/authors", url.Values{"_into": {"f-author"}, "name": {""}}).want(422).find("dialog .error")
	made := s.postPart(member, "/data/authors", url.Values{"_into": {"f-author"}, "name": {"Cem"}}).want(200)
	if text, _ := made.doc().Find("[data-picked=f-author]").Attr("data-text"); text != "Cem" {
		t.Errorf("made is %q", text)
	}
}
