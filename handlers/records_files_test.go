package handlers

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/auth"
	"alur/engine/collection"
)

// upload is a file in a form.
type upload struct{ field, name, content string }

// send posts a form with files, as a browser without JavaScript does.
func (s *site) send(who role, path string, form url.Values, files ...upload) answer {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, values := range form {
		for _, v := range values {
			if err := w.WriteField(name, v); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for _, f := range files {
		part, err := w.CreateFormFile("_file."+f.field, f.name)
		if err == nil {
			_, err = part.Write([]byte(f.content))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return s.do(who, r)
}

// filesShown are the names of the files in a form, by field, with those that are
// ticked.
func (a answer) filesShown(field string) (names string, ids []string) {
	a.t.Helper()
	var all []string
	a.doc().Find(fmt.Sprintf("[data-field=%s] li", field)).Each(func(_ int, li *goquery.Selection) {
		all = append(all, li.Find("a").Text())
		if id, ok := li.Find("[type=checkbox][checked]").Attr("value"); ok {
			ids = append(ids, id)
		}
	})
	return strings.Join(all, ", "), ids
}

// formOf is what the form of a page sends when nothing is changed.
func (a answer) formOf() url.Values {
	a.t.Helper()
	form := url.Values{}
	a.doc().Find("form[data-edited] input, form[data-edited] textarea").Each(func(_ int, el *goquery.Selection) {
		name, _ := el.Attr("name")
		kind, _ := el.Attr("type")
		if _, checked := el.Attr("checked"); kind == "file" || (kind == "checkbox" || kind == "radio") && !checked || name == "" {
			return
		}
		form.Add(name, el.AttrOr("value", el.Text()))
	})
	return form
}

// held is what the newest claim holds: receipts and photo, by names.
func (s *site) held() (path, files string) {
	s.t.Helper()
	rec, err := s.Records.First(s.t.Context(), s.DB, collection.Access{Actor: auth.System}, "claims", collection.Query{Sort: []string{"-id"}, Appends: []string{"receipts", "photo"}})
	if err != nil || rec == nil {
		s.t.Fatalf("the newest claim: %v %v", rec, err)
	}
	var names []string
	for _, f := range fileItems(rec["receipts"]) {
		names = append(names, f.Name)
	}
	photo := ""
	for _, f := range fileItems(rec["photo"]) {
		photo = f.Name
	}
	return "/data/claims/" + collection.Format(rec["id"]), strings.Join(names, ", ") + "|" + photo
}

// TestFilesInForms goes the way of a browser without JavaScript: files come with
// the form, stay when it is refused, and are taken out by their boxes.
func TestFilesInForms(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	blank := s.get(member, "/data/claims/new").want(200)
	if kind, _ := blank.doc().Find("form[data-edited]").Attr("enctype"); kind != "multipart/form-data" {
		t.Errorf("the form sends %q", kind)
	}
	refused := s.send(member, "/data/claims", url.Values{"title": {""}}, upload{"receipts", "a.pdf", pdfFile}, upload{"receipts", "b.pdf", pdfFile},
		upload{"title", "x", "x"}).want(http.StatusUnprocessableEntity)
	names, ids := refused.filesShown("receipts")
	if names != "a.pdf, b.pdf" || len(ids) != 2 {
		t.Fatalf("after a refusal the form shows %s, %v", names, ids)
	}
	if got := refused.find("#f-title-error"); got != "Fill this in." {
		t.Errorf("beside the title: %q", got)
	}
	wrong := s.send(member, "/data/claims", url.Values{"title": {"x"}, "receipts": ids}, upload{"photo", "no.pdf", pdfFile}).want(http.StatusUnprocessableEntity)
	if got := wrong.find("#f-photo-error"); got != "“no.pdf” is no file of these types: PNG, JPEG, GIF, WebP. Choose another one." {
		t.Errorf("beside the photo: %q", got)
	}
	if names, _ := wrong.filesShown("receipts"); names != "a.pdf, b.pdf" {
		t.Errorf("after a refused photo the form shows %s", names)
	}
	s.send(member, "/data/claims", url.Values{"title": {"Trip"}, "receipts": ids}, upload{"photo", "me.png", pngFile}).want(http.StatusSeeOther)
	path, files := s.held()
	if files != "a.pdf, b.pdf|me.png" {
		t.Errorf("the claim holds %s", files)
	}

	form := s.get(member, path).want(200).formOf()
	s.send(member, path, form).want(http.StatusSeeOther)
	if _, files := s.held(); files != "a.pdf, b.pdf|me.png" {
		t.Errorf("saved unchanged, the claim holds %s", files)
	}
	form = s.get(member, path).want(200).formOf()
	form["receipts"] = form["receipts"][1:]
	s.send(member, path, form, upload{"receipts", "c.pdf", pdfFile}, upload{"photo", "new.png", pngFile}).want(http.StatusSeeOther)
	if _, files := s.held(); files != "b.pdf, c.pdf|new.png" {
		t.Errorf("with one taken out and two added, the claim holds %s", files)
	}
	form = s.get(member, path).want(200).formOf()
	form.Del("receipts")
	form.Del("photo")
	s.send(member, path, form).want(http.StatusSeeOther)
	if _, files := s.held(); files != "|" {
		t.Errorf("with all taken out, the claim holds %s", files)
	}
	page := s.get(member, path).want(200)
	if got := page.find(".timeline"); !strings.Contains(got, "Receiptsb.pdf, c.pdf became –") || !strings.Contains(got, "Photonew.png became –") {
		t.Errorf("the history says %q", got)
	}
}

// TestFileLine is what files.js sends and gets.
func TestFileLine(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	line := s.uploadFile(member, "/data/claims/files/receipts", "a <b>.pdf", []byte(pdfFile)).want(200)
	if got := line.find("li a"); got != "a b.pdf" {
		t.Errorf("the line names %q", got)
	}
	for _, tc := range []struct {
		path, name, content string
		status              int
		want                string
	}{
		{"/data/claims/files/photo", "x.png", pdfFile, 422, "no file of these types"},
		{"/data/claims/files/receipts", "x.bin", strings.Repeat("x", 20<<20+1), 413, "larger than 20 MB"},
		{"/data/claims/files/receipts", "x.bin", strings.Repeat("x", 22<<20), 413, "larger than 20 MB"},
		{"/data/claims/files/receipts", "", "x", 422, "Choose a file."},
		{"/data/claims/files/title", "x.pdf", pdfFile, 404, ""},
		{"/data/users/files/photo", "x.pdf", pdfFile, 404, ""},
	} {
		a := s.uploadFile(member, tc.path, tc.name, []byte(tc.content)).want(tc.status)
		if tc.want != "" && !strings.Contains(a.find("li .error"), tc.want) {
			t.Errorf("%s of %d bytes: %s", tc.path, len(tc.content), a.words())
		}
	}
	s.only("view")
	s.uploadFile(member, "/data/claims/files/receipts", "x.pdf", []byte(pdfFile)).want(404)
}

// TestFileConflict: when two change a record, the files that one has chosen stay
// chosen.
func TestFileConflict(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	if err := s.as(member, "claims", collection.Record{"title": "Trip", "receipts": []any{s.file(member, "a.pdf", pdfFile)["id"]}}); err != nil {
		t.Fatal(err)
	}
	path, _ := s.held()
	form := s.get(member, path).want(200).formOf()
	s.postJSON(admin, "/api/claims:update?filterByTk="+strings.TrimPrefix(path, "/data/claims/"), `{"title": "Journey"}`).want(200)
	form.Set("title", "Tour")
	lost := s.send(member, path, form, upload{"receipts", "b.pdf", pdfFile}).want(http.StatusConflict)
	if names, _ := lost.filesShown("receipts"); names != "a.pdf, b.pdf" {
		t.Errorf("after the conflict the form shows %s", names)
	}
	if got := lost.find("#versions"); !strings.Contains(got, "Receiptsa.pdfa.pdf, b.pdf") {
		t.Errorf("the versions read %q", got)
	}
	again := lost.formOf()
	again.Set("_keep.title", "mine")
	s.send(member, path, again).want(http.StatusSeeOther)
	if _, files := s.held(); files != "a.pdf, b.pdf|" {
		t.Errorf("saved, the claim holds %s", files)
	}
	form = s.get(member, path).want(200).formOf()
	s.postJSON(admin, "/api/claims:update?filterByTk="+strings.TrimPrefix(path, "/data/claims/"), `{"title": "Trip"}`).want(200)
	form.Set("title", "Excursion")
	lost = s.send(member, path, form).want(http.StatusConflict)
	if names, _ := lost.filesShown("receipts"); names != "a.pdf, b.pdf" {
		t.Errorf("untouched files are shown as %s after a conflict", names)
	}
}

// TestFileColumns: lists name files and show pictures, exports name them, imports
// leave them out, and filters tell which records have some.
func TestFileColumns(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	s.only("create", "view", "export", "importXlsx")
	values := collection.Record{"title": "Trip", "receipts": []any{s.file(member, "a.pdf", pdfFile)["id"], s.file(member, "b.png", pngFile)["id"]}, "photo": s.file(member, "me.png", pngFile)["id"]}
	if err := s.as(member, "claims", values); err != nil {
		t.Fatal(err)
	}
	s.record("claims", collection.Record{"title": "Lunch"})
	list := s.get(member, "/data/claims").want(200)
	if got := list.find("td[data-label=Receipts] a"); list.doc().Find("td[data-label=Receipts] a").Length() != 2 && got == "" {
		t.Errorf("receipts in the list: %q", got)
	}
	if alt := list.doc().Find("td[data-label=Photo] img").AttrOr("alt", ""); alt != "me.png" {
		t.Errorf("the photo in the list is %q", alt)
	}
	for op, want := range map[string]string{"$exists": "Trip", "$notExists": "Lunch"} {
		for _, field := range []string{"receipts", "photo"} {
			page := s.get(member, "/data/claims?filter="+url.QueryEscape(fmt.Sprintf(`{"%s":{"%s":true}}`, field, op))).want(200)
			if got := strings.TrimSpace(page.doc().Find("tbody .c-main").Text()); got != want {
				t.Errorf("%s %s: %q, want %s; chips %q", field, op, got, want, page.doc().Find(".chip").Text())
			}
		}
	}
	export := s.post(member, "/data/claims/export", url.Values{"format": {"csv"}, "columns": {"title", "receipts.name", "photo.name"}}).want(200).Text
	if !strings.Contains(export, "Title,Receipts,Photo\r\n") || !strings.Contains(export, "Trip,a.pdf; b.png,me.png\r\n") {
		t.Errorf("the export reads %q", export)
	}
	page := s.uploadFile(member, "/data/claims/import", "x.csv", []byte("Title,Receipts\nx,a.pdf\n")).want(http.StatusSeeOther).Header.Get("Location")
	if got := s.get(member, page).want(200).doc().Find("[name='columns.1'] option[selected]").Text(); got != "" && got != "Do not import" {
		t.Errorf("the import suggests %q for files", got)
	}
	if n := s.get(member, page).doc().Find("[name='columns.1'] option[value*=receipts]").Length(); n != 0 {
		t.Error("an import offers files")
	}
	path, _ := s.held()
	s.part(admin, path+"/cells/receipts").want(404)
	if bulk := s.get(admin, "/data/claims/bulk?do=edit&all=true").want(200); bulk.doc().Find("option[value=receipts]").Length() != 0 {
		t.Error("files are offered for a change in bulk")
	}
}

// TestFileFieldForm makes fields for files in the browser.
func TestFileFieldForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.post(admin, "/collections", url.Values{"title": {"Parts"}, "stamps": {"true"}}).want(http.StatusSeeOther)
	const fields = "/collections/parts/fields"
	s.get(admin, fields+"/new").want(200).find("a[href$='kind=files']")
	form := url.Values{"kind": {"files"}, "title": {"Drawings"}, "acceptGroups": {"pictures", "pdf"}, "acceptOthers": {".dwg, video/*"}, "maxFiles": {"4"}, "maxMB": {"1.5"}}
	s.post(admin, fields, form).want(http.StatusSeeOther)
	s.post(admin, fields, url.Values{"kind": {"file"}, "title": {"Photo"}, "required": {"true"}}).want(http.StatusSeeOther)
	c, err := s.Records.Collection(t.Context(), "parts")
	if err != nil {
		t.Fatal(err)
	}
	f := c.Field("drawings")
	rules := f.FileRules()
	if !f.HoldsFiles() || !f.ToMany() || rules.Most != 4 || rules.Size != 3<<19 || strings.Join(rules.Accept, " ") != "image/png image/jpeg image/gif image/webp application/pdf .dwg video/*" {
		t.Errorf("the field is %+v with %+v", f, rules)
	}
	if p := c.Field("photo"); !p.HoldsFiles() || !p.ToOne() || !p.Required {
		t.Errorf("the field for one file is %+v", p)
	}
	page := s.get(admin, fields+"/drawings").want(200)
	if n := page.doc().Find("[name=acceptGroups][checked]").Length(); n != 2 || page.doc().Find("[name=acceptOthers]").AttrOr("value", "") != ".dwg, video/*" || page.doc().Find("[name=maxMB]").AttrOr("value", "") != "1.5" {
		t.Errorf("the form shows %d groups: %s", n, page.words())
	}
	s.post(admin, fields+"/drawings", url.Values{"title": {"Drawings"}}).want(http.StatusSeeOther)
	if c, _ = s.Records.Collection(t.Context(), "parts"); len(c.Field("drawings").FileRules().Accept) != 0 || c.Field("drawings").FileRules().Most != collection.MostFiles {
		t.Errorf("emptied, the rules are %+v", c.Field("drawings").FileRules())
	}
	for name, value := range map[string]string{"maxFiles": "101", "acceptOthers": "pictures", "maxMB": "0"} {
		a := s.post(admin, fields+"/drawings", url.Values{"title": {"Drawings"}, name: {value}}).want(422)
		if a.doc().Find(".field:has([name="+name+"]) .error").Length() != 1 {
			t.Errorf("%s %s: no problem beside it: %s", name, value, a.words())
		}
	}
}
