package handlers

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/sheet"
	"alur/views"
)

// uploadFile sends a file as the browser's form does.
func (s *site) uploadFile(who role, path, name string, content []byte) answer {
	s.t.Helper()
	body, kind := fileForm(s.t, "file", name, string(content))
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return s.do(who, r)
}

// fileForm is the body of a form with a file, and its type.
func fileForm(t testing.TB, field, name, content string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile(field, name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String(), form.FormDataContentType()
}

// only lets members do nothing but these actions.
func (s *site) only(actions ...string) {
	s.t.Helper()
	if _, err := s.Auth.UpdateRole(s.t.Context(), auth.System, auth.Member, auth.RoleChange{Actions: &actions}); err != nil {
		s.t.Fatal(err)
	}
}

// TestImportPages goes the way from a file to records, and to the report of what
// was refused.
func TestImportPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.Samples.Install(t.Context(), s.users[root].Actor(), "orders"); err != nil {
		t.Fatal(err)
	}
	before := len(s.get(admin, "/data/products").doc().Find("tbody tr").Nodes)
	up := s.uploadFile(admin, "/data/products/import", "Products.csv", []byte("Name,Stock,Price\n<b>Chair</b>,7,1\nLamp,many,1\n")).want(http.StatusSeeOther)
	page := up.Header.Get("Location")
	if text := s.get(admin, page).want(http.StatusOK).words(); !strings.Contains(text, "Columns of the file") || !strings.Contains(text, "<b>Chair</b>") {
		t.Errorf("the page of an upload reads %q", text)
	}
	form := url.Values{"columns.0": {"name"}, "columns.1": {"stock"}, "columns.2": {"price"}}
	s.post(admin, page, url.Values{"columns.0": {"name"}, "columns.1": {"name"}}).want(http.StatusUnprocessableEntity)
	step := func(do, want string) {
		t.Helper()
		form.Set("do", do)
		s.post(admin, page, form).want(http.StatusSeeOther)
		if text := s.get(admin, page).words(); !strings.Contains(text, "0 of 2 rows") {
			t.Errorf("a queued import reads %q", text)
		}
		if worked, err := s.Imports.WorkOnce(t.Context()); !worked || err != nil {
			t.Fatal(worked, err)
		}
		if text := s.get(admin, page).words(); !strings.Contains(text, want) || !strings.Contains(text, "Stock: Write a whole number") {
			t.Errorf("after %s: %q", do, text)
		}
	}
	step("check", "Would be created1")
	step("run", "Created1")
	if after := len(s.get(admin, "/data/products").doc().Find("tbody tr").Nodes); after != before+1 {
		t.Errorf("%d rows before, %d after", before, after)
	}
	for _, path := range []string{page, page + "/report"} { // somebody else's
		s.get(member, path).want(http.StatusNotFound)
	}
	s.only("view", "create", "update")
	s.get(member, "/data/products/import").want(http.StatusForbidden)
	s.uploadFile(member, "/data/products/import", "x.csv", []byte("Name\nx\n")).want(http.StatusForbidden)
	report := s.get(admin, page+"/report").want(http.StatusOK)
	if got := report.Text; !strings.Contains(got, "Lamp,many,1,3,Stock: Write a whole number") {
		t.Errorf("the report is %q", got)
	}
	if h := report.Header.Get("Content-Disposition"); h != `attachment; filename="Products-csv-problems.csv"` {
		t.Errorf("Content-Disposition: %s", h)
	}
}

// TestUploadLimits: what is no file, or too much of one, is refused beside the
// field.
func TestUploadLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.Samples.Install(t.Context(), s.users[root].Actor(), "orders"); err != nil {
		t.Fatal(err)
	}
	const path = "/data/products/import"
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"", []byte("x"), "Choose a file."},
		{"x.csv", nil, "The file is empty."},
		{"x.csv", []byte("Name\n"), "no rows"},
		{"x.csv", bytes.Repeat([]byte("x,"), (sheet.MaxBytes+2<<20)/2), "larger than 50 MB"},
	} {
		a := s.uploadFile(admin, path, c.name, c.content).want(http.StatusUnprocessableEntity)
		if got := a.find("#f-file-error"); !strings.Contains(got, c.want) {
			t.Errorf("%s of %d bytes: %q, want %q", c.name, len(c.content), got, c.want)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/data/products", strings.NewReader(strings.Repeat("x", bodyBytes+1)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if text := s.do(admin, r).want(http.StatusUnprocessableEntity).words(); !strings.Contains(text, "more than 1 MB") {
		t.Errorf("a long form: %q", text)
	}
}

func TestExportPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.Samples.Install(t.Context(), s.users[root].Actor(), "orders"); err != nil {
		t.Fatal(err)
	}
	s.record("products", collection.Record{"name": "=1+1", "stock": 3.0, "price": 1.0})
	ask := s.get(admin, "/data/products/export?q=1%2B1").want(http.StatusOK)
	if text := ask.words(); !strings.Contains(text, "1 record: those of the list") {
		t.Errorf("the question reads %q", text)
	}
	form := url.Values{"q": {"1+1"}, "format": {"csv"}, "columns": {"stock", "name"}}
	if got := s.post(admin, "/data/products/export", form).want(http.StatusOK).Text; got != "\ufeffIn stock,Name\r\n3,'=1+1\r\n" && got != "\ufeffStock,Name\r\n3,'=1+1\r\n" {
		t.Errorf("%q", got)
	}
	chosen := s.get(admin, "/data/products/bulk?do=export&id="+views.ID(idOf(s.first("products")))).want(http.StatusSeeOther).Header.Get("Location")
	if text := s.get(admin, chosen).want(http.StatusOK).words(); !strings.Contains(text, "1 record: those that you chose") {
		t.Errorf("with a chosen record: %q", text)
	}
	form.Del("q")
	form.Set("id", views.ID(idOf(s.first("products"))))
	if got := s.post(admin, "/data/products/export", form).want(http.StatusOK).Text; strings.Count(got, "\n") != 2 {
		t.Errorf("one chosen record gives %q", got)
	}
	s.only("view")
	s.get(member, "/data/products/export").want(http.StatusForbidden)
	s.post(member, "/data/products/export", form).want(http.StatusForbidden)
	form.Set("columns", "password")
	s.post(admin, "/data/products/export", form).want(http.StatusUnprocessableEntity)
	form.Set("columns", "name")
	form.Set("format", "exe")
	s.post(admin, "/data/products/export", form).want(http.StatusUnprocessableEntity)
}

// TestBrokenExport: a file that cannot be written to its end does not look like a
// whole one.
func TestBrokenExport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.DB.ExecContext(t.Context(), `CREATE VIEW public.shares AS SELECT i AS number, 1000 / (1500 - i) AS share FROM generate_series(1, 2000) i`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Records.Adopt(t.Context(), s.users[root].Actor(), "shares"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.handler)
	defer server.Close()
	r := formRequest("/data/shares/export", url.Values{"format": {"csv"}})
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", server.Listener.Addr().String(), ""
	r.AddCookie(s.cookie(sessionCookie, s.tokens[root]))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	part, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || len(part) == 0 || err == nil {
		t.Errorf("status %d, %d bytes, %v; want a part and an error", answer.StatusCode, len(part), err)
	}
}
