package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/collection"
)

// payloads are texts that would run as a script wherever one of the ways into a
// page is open: 10 beginnings that leave what they stand in, times 10 scripts.
func payloads() []string {
	leave := []string{"", `">`, `'>`, `</textarea>`, `</title>`, `</script>`, `-->`, `]]>`, `</option></select>`, "`>"}
	run := []string{
		`<script>alert(%d)</script>`, `<img src=x onerror=alert(%d)>`, `<svg onload=alert(%d)>`, `<iframe srcdoc="<script>alert(%d)</script>">`,
		`<a href="javascript:alert(%d)">x</a>`, `<details open ontoggle=alert(%d)>`, `<input autofocus onfocus=alert(%d)>`,
		`" onmouseover="alert(%d)" x="`, `<hx-partial hx-target="body"><b onclick=alert(%d)>`, `{{constructor.constructor("alert(%d)")()}}`,
	}
	var all []string
	for i, l := range leave {
		for j, r := range run {
			all = append(all, l+fmt.Sprintf(r, i*10+j))
		}
	}
	return all
}

var (
	handlerName = regexp.MustCompile(`^on[a-z]+$`)
	scriptURL   = regexp.MustCompile(`(?i)^\s*(javascript|data|vbscript):`)
)

// dangers are the parts of a page that would run what a payload says.
func dangers(d *goquery.Document) []string {
	var found []string
	d.Find("*").Each(func(_ int, e *goquery.Selection) {
		n := e.Get(0)
		if n.Data == "script" && (strings.TrimSpace(e.Text()) != "" || !strings.HasPrefix(e.AttrOr("src", ""), "/static/")) {
			found = append(found, "script: "+e.Text())
		}
		if n.Data == "iframe" || n.Data == "object" || n.Data == "embed" || n.Data == "hx-partial" && strings.Contains(e.Text(), "alert(") {
			found = append(found, n.Data)
		}
		for _, a := range n.Attr {
			if handlerName.MatchString(a.Key) || a.Key == "srcdoc" || isURL(a.Key) && scriptURL.MatchString(a.Val) {
				found = append(found, n.Data+" "+a.Key+"="+a.Val)
			}
		}
	})
	return found
}

func isURL(attribute string) bool {
	switch attribute {
	case "href", "src", "action", "formaction", "hx-get", "hx-post", "data-edit", "data-more", "data-make", "data-picker":
		return true
	}
	return false
}

// TestPayloads writes scripts into every text that people choose, and looks for
// one that would run on the pages about records (promises.md S7).
func TestPayloads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, a := t.Context(), s.users[root].Actor()
	all := payloads()
	if len(all) != 100 {
		t.Fatalf("%d payloads, want 100", len(all))
	}
	nasty := all[13] // in every title; the values get all of them
	choices := []collection.Choice{{Value: all[2], Label: all[1]}, {Value: "x", Label: all[27], Color: all[3]}}
	for _, d := range []collection.Definition{
		{Name: "makers", Title: all[0], Fields: []collection.Field{{Name: "name", Type: "string", Title: all[4]}}},
		{Name: "things", Title: nasty, Options: map[string]any{"recordHistory": true}, Fields: []collection.Field{
			{Name: "name", Type: "string", Title: all[6], Options: map[string]any{"description": all[7]}}, {Name: "about", Type: "text", Title: all[15]},
			{Name: "kind", Type: "string", Title: all[31], Enum: choices}, {Name: "tags", Type: "array", Title: all[41], Enum: choices}, {Name: "extra", Type: "json", Title: all[51]},
			{Name: "maker", Type: "belongsTo", Title: all[61], Target: "makers"}}},
	} {
		if _, err := s.Records.CreateCollection(ctx, a, d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Records.AddField(ctx, a, "makers", collection.Field{Name: "things", Type: "hasMany", Title: all[71], Target: "things"}); err != nil {
		t.Fatal(err)
	}
	maker := s.put("makers", collection.Record{"name": all[5]})
	var id string
	for i, p := range all {
		id = s.put("things", collection.Record{"name": p, "about": p, "kind": all[2], "tags": []any{"x", all[2]}, "extra": map[string]any{p: p}, "maker": maker})
		if i%4 == 0 {
			s.post(admin, "/data/things/"+id, url.Values{"name": {all[(i+1)%100]}, "about": {p + "\n" + p}, "kind": {"x"}}).want(http.StatusSeeOther)
		}
		if i%10 == 0 {
			s.post(admin, "/data/things/"+id+"/delete", nil).want(http.StatusSeeOther)
		}
	}
	view := s.post(admin, "/data/things/views", url.Values{"name": {all[17]}, "shared": {"true"}, "filter": {`{"name":{"$includes":"<"}}`}}).want(http.StatusSeeOther).Header.Get("Location")
	s.post(admin, "/data/things/form", url.Values{"title.0": {all[1]}, "help.0": {all[2]}, "section.name": {"0"}, "history": {"true"}}).want(http.StatusSeeOther)

	look := func(what string, got answer) {
		t.Helper()
		if got.StatusCode >= 500 || got.StatusCode == 404 {
			t.Errorf("%s answers %d", what, got.StatusCode)
		}
		for _, d := range dangers(got.doc()) {
			t.Errorf("%s would run %.200s", what, d)
		}
	}
	query := func(p string) string {
		return "?" + url.Values{"q": {p}, "filter": {`{"name":{"$includes":` + quoted(p) + `}}`}}.Encode()
	}
	paths := []string{view, "/data/things", "/data/things?page=2", "/data/things?page=4", "/data/makers", "/data/makers/" + maker, "/data/things/" + id, "/data/things/" + id + "/history",
		"/data/things/new", "/data/things/columns", "/data/things/filter", "/data/things/form", "/data/things/deleted", "/data/things/" + id + "/delete",
		"/data/things/bulk?do=edit&all=true", "/data/things/bulk?do=delete&all=true", "/data/things/" + id + "/cells/name", "/data/things/" + id + "/cells/kind",
		"/data/things/" + id + "/cells/maker", "/data/makers/" + maker + "/related/things", "/data/things/pick?q=alert", strings.Replace(view, "?view=", "/views/", 1)}
	for i := 0; i < len(all); i += 9 {
		paths = append(paths, "/data/things"+query(all[i]), "/data/things/filter"+query(all[i]), "/data/things/views/new"+query(all[i]))
	}
	list := s.get(admin, "/data/things/deleted").want(200).doc()
	list.Find("tbody a").Each(func(_ int, e *goquery.Selection) { paths = append(paths, e.AttrOr("href", "")) })
	for _, path := range paths {
		if got := s.get(admin, path); got.StatusCode != http.StatusSeeOther {
			look("page "+path, got)
		}
		look("part "+path, s.part(admin, path))
	}
	for _, p := range all[:20] { // what comes back from a form with a problem
		look("form with "+p, s.post(admin, "/data/things", url.Values{"name": {p}, "about": {p}, "kind": {p}, "extra": {p}}))
		look("cell with "+p, s.postPart(admin, "/data/things/"+id+"/cells/kind", url.Values{"_value": {p}, "_seen": {p}, "view": {p}}))
		look("view called "+p, s.post(admin, "/data/things/views", url.Values{"name": {p + strings.Repeat("x", 60)}, "q": {p}}))
	}
}

// quoted is text as JSON.
func quoted(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
