package handlers

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
)

// deskJSON is a collection whose records hold files, and one for a photo.
const deskJSON = `{"name": "claims", "title": "Claims", "recordHistory": true, "fields": [
	{"name": "title", "type": "string", "allowNull": false, "uiSchema": {"title": "Title"}},
	{"name": "receipts", "type": "attachment", "maxFiles": 3, "uiSchema": {"title": "Receipts"}},
	{"name": "photo", "type": "belongsTo", "interface": "attachment", "accept": ["image/png", "image/jpeg", "image/gif", "image/webp"], "uiSchema": {"title": "Photo"}}]}`

const (
	pngFile = "\x89PNG\x0D\x0A\x1A\x0A and more"
	pdfFile = "%PDF-1.7 and more"
)

// newClaims is a site with claims, of which members see and change their own.
func newClaims(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.postJSON(admin, "/api/collections:create", deskJSON).want(http.StatusOK)
	s.only("create", "view:own", "update:own", "destroy:own", "export:own")
	return s
}

// data is the member data of an answer of the API.
func (a answer) data() map[string]any {
	a.t.Helper()
	var v struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(a.Text), &v); err != nil || v.Data == nil {
		a.t.Fatalf("no data in %s", a.Text)
	}
	return v.Data
}

// TestFilesOverAPI goes the way of a client: add a file, let a record hold it,
// read it.
func TestFilesOverAPI(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	file := s.uploadFile(memberKey, "/api/attachments:create?attachmentField=claims.receipts", "Über uns.pdf", []byte(pdfFile)).want(http.StatusOK).data()
	for name, want := range map[string]any{"title": "Über uns", "extname": ".pdf", "size": float64(len(pdfFile)), "mimetype": "application/pdf"} {
		if file[name] != want {
			t.Errorf("%s is %v, want %v", name, file[name], want)
		}
	}
	filename := fmt.Sprint(file["filename"])
	if file["url"] != "/files/"+filename || len(filename) != 36 || strings.Contains(filename, "uns") {
		t.Errorf("it is at %v and called %s", file["url"], filename)
	}
	claim := s.postJSON(member, "/api/claims:create", fmt.Sprintf(`{"title": "Trip", "receipts": [%.0f]}`, file["id"])).want(http.StatusOK).data()
	got := s.get(member, fmt.Sprintf("/api/claims:get/%.0f?appends[]=receipts", claim["id"])).want(http.StatusOK).data()
	if list, _ := got["receipts"].([]any); len(list) != 1 || list[0].(map[string]any)["url"] != file["url"] {
		t.Errorf("the claim holds %v", got["receipts"])
	}
	all := s.get(member, fmt.Sprintf("/api/claims/%.0f/receipts:list", claim["id"])).want(http.StatusOK).Text
	if !strings.Contains(all, filename) {
		t.Errorf("the association lists %s", all)
	}
	s.postJSON(member, fmt.Sprintf("/api/attachments:destroy?filterByTk=%.0f", file["id"]), "").want(http.StatusConflict)
	loose := s.uploadFile(member, "/api/attachments:upload", "x.txt", []byte("x")).want(http.StatusOK).data()
	both := s.postJSON(member, fmt.Sprintf("/api/attachments:destroy?filterByTk[]=%.0f&filterByTk[]=%.0f", file["id"], loose["id"]), "").want(http.StatusConflict)
	if !strings.Contains(both.Text, fmt.Sprintf(`"record":"%.0f"`, file["id"])) {
		t.Errorf("of two files one is held: %s", both.Text)
	}
	if text := s.postJSON(member, fmt.Sprintf("/api/attachments:destroy?filterByTk=%.0f", loose["id"]), "").want(http.StatusOK).Text; text != `{"data":1}` {
		t.Errorf("destroy answers %s", text)
	}
	s.postJSON(member, "/api/attachments:destroy", "").want(http.StatusBadRequest)
	for _, act := range []string{"update?filterByTk=1", "firstOrCreate?filterKeys[]=url"} {
		s.postJSON(admin, "/api/attachments:"+act, `{"url": "/x"}`).want(http.StatusForbidden)
	}
}

// TestFileAnswer holds what is sent to promises.md S15.
func TestFileAnswer(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	const page = "<!DOCTYPE html><script>alert(document.cookie)</script>"
	for _, tc := range []struct{ name, content, mime, saved string }{
		{"Über uns.pdf", pdfFile, "application/pdf", "Über uns.pdf"},
		{"page.html", page, "text/html", "page.html"},
		{"innocent.png", page, "text/html", "innocent.html"},
		{"x.svg", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "image/svg+xml", "x.svg"},
		{"photo.pdf", pngFile, "image/png", "photo.png"},
		{`a"; filename=evil.exe; x="b.txt`, "text", "text/plain", "a; filename=evil.exe; x=b.txt"},
	} {
		file := s.file(member, tc.name, tc.content)
		a := s.get(member, fmt.Sprint(file["url"])).want(http.StatusOK)
		if a.Text != tc.content {
			t.Errorf("%s: the content is %q", tc.name, a.Text)
		}
		for name, want := range map[string]string{
			"Content-Type": tc.mime, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'",
			"Cache-Control": "private, no-cache", "Cross-Origin-Resource-Policy": "same-origin", "Accept-Ranges": "bytes",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", tc.name, name, got, want)
			}
		}
		kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || params["filename"] != tc.saved {
			t.Errorf("%s: Content-Disposition %q is %s %v, %v; want to save %s", tc.name, a.Header.Get("Content-Disposition"), kind, params, err, tc.saved)
		}
	}
	file := s.file(member, "long.txt", strings.Repeat("0123456789", 500))
	ask := func(header, value string) answer {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprint(file["url"]), nil)
		r.Header.Set(header, value)
		r.Header.Set("Accept-Encoding", "gzip")
		return s.do(member, r)
	}
	part := ask("Range", "bytes=10-14").want(http.StatusPartialContent)
	if part.Text != "01234" || part.Header.Get("Content-Range") != "bytes 10-14/5000" || part.Header.Get("Content-Encoding") != "" {
		t.Errorf("a part is %q of %s", part.Text, part.Header.Get("Content-Range"))
	}
	etag := ask("X", "").want(http.StatusOK).Header.Get("ETag")
	ask("If-None-Match", etag).want(http.StatusNotModified)
}

// TestFileStrangers: who may not see a file hears what they hear of none.
func TestFileStrangers(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	file := s.file(admin, "salary.pdf", pdfFile)
	missing := "/files/" + strings.Repeat("0", 32) + ".pdf"
	tell := func(who role) string {
		t.Helper()
		theirs, nothing := s.get(who, fmt.Sprint(file["url"])), s.get(who, missing)
		if theirs.StatusCode != nothing.StatusCode || theirs.words() != nothing.words() {
			t.Errorf("%s is told %d %s, but of no file %d %s", who, theirs.StatusCode, theirs.words(), nothing.StatusCode, nothing.words())
		}
		return fmt.Sprint(theirs.StatusCode)
	}
	states := func(when, want string) {
		t.Helper()
		if got := tell(member) + " " + tell(root) + " " + tell(nobody) + " " + tell(memberKey); got != want {
			t.Errorf("%s: member, root, nobody and a key are told %s, want %s", when, got, want)
		}
	}
	states("before a record holds it", "404 404 303 404")
	for _, body := range []string{`"receipts": [%.0f]`, `"photo": %.0f`, `"photoId": %.0f`, `"receipts": [{"id": %.0f}]`} {
		a := s.postJSON(member, "/api/claims:create", `{"title": "theft", `+fmt.Sprintf(body, file["id"])+`}`)
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", body, a.StatusCode, a.Text)
		}
	}
	s.record("claims", collection.Record{"title": "Ann's", "receipts": []any{}})
	err := s.as(admin, "claims", collection.Record{"title": "Ann's", "receipts": []any{file["id"]}})
	if err != nil {
		t.Fatal(err)
	}
	if got := tell(member) + " " + tell(memberKey); got != "404 404" {
		t.Errorf("of a file in a claim of somebody else's, a member is told %s", got)
	}
	s.get(root, fmt.Sprint(file["url"])).want(http.StatusOK)
	s.only("view")
	s.get(member, fmt.Sprint(file["url"])).want(http.StatusOK)
	if _, err := s.Auth.PutResource(t.Context(), auth.System, auth.Member, auth.Resource{Collection: "claims", OwnRules: true,
		Actions: []auth.ResourceAction{{Name: auth.View, Fields: []string{"title"}}}}); err != nil {
		t.Fatal(err)
	}
	s.get(member, fmt.Sprint(file["url"])).want(http.StatusNotFound)
}

// as creates a record as somebody.
func (s *site) as(who role, name string, values collection.Record) error {
	s.t.Helper()
	return s.create(collection.Access{Actor: s.actorOf(who)}, name, values)
}

// TestFileLimits: 20 MB are taken, a byte more is not, and nothing of it stays.
func TestFileLimits(t *testing.T) {
	t.Parallel()
	s := newClaims(t)
	full := make([]byte, 20<<20)
	s.uploadFile(member, "/api/attachments:create", "full.bin", full).want(http.StatusOK)
	const said = `{"errors":[{"message":"The file is larger than 20 MB. Choose a smaller one."}]}`
	for _, size := range []int{20<<20 + 1, 22 << 20} { // the first is seen by its length, the second cut off
		if a := s.uploadFile(member, "/api/attachments:create", "more.bin", make([]byte, size)).want(http.StatusRequestEntityTooLarge); strings.TrimSpace(a.Text) != said {
			t.Errorf("%d bytes: %s", size, a.Text)
		}
	}
	if a := s.uploadFile(member, "/api/attachments:create?attachmentField=claims.photo", "photo.png", []byte(pdfFile)).want(http.StatusBadRequest); !strings.Contains(a.Text, `"field":"file"`) {
		t.Errorf("a PDF called png: %s", a.Text)
	}
	s.postJSON(member, "/api/attachments:create", "{}").want(http.StatusBadRequest)
	s.only("view")
	s.uploadFile(member, "/api/attachments:create", "x.txt", []byte("x")).want(http.StatusForbidden)
	s.uploadFile(nobody, "/api/attachments:create", "x.txt", []byte("x")).want(http.StatusUnauthorized)
	var n int
	if err := s.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM alur.attachments`); err != nil || n != 1 {
		t.Errorf("%d files are kept, %v; want 1", n, err)
	}
}
