package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/collection"
	"alur/engine/secret"
	"alur/views"
)

// index takes everything into the search.
func (s *site) index() {
	s.t.Helper()
	s.Engine.Now = func() time.Time { return time.Now().Add(time.Minute) }
	defer func() { s.Engine.Now = time.Now }()
	for {
		if _, err := s.Engine.SearchOnce(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		s.execute(`UPDATE alur.execution_search SET due_at = 'epoch'`)
		b, err := s.Engine.SearchBehind(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if b.Newest == nil && b.Oldest == nil {
			return
		}
	}
}

func (s *site) execute(query string, args ...any) {
	s.t.Helper()
	if _, err := s.DB.ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatal(err)
	}
}

// listed are the executions on a page of the list, the newest first.
func listed(a answer) (ids []string) {
	a.doc().Find("tr[id^=x-]").Each(func(_ int, row *goquery.Selection) {
		ids = append(ids, strings.TrimPrefix(row.AttrOr("id", ""), "x-"))
	})
	return ids
}

// TestExecutionsSearch finds executions on the page by all that one may ask for, and
// holds that the address keeps it.
func TestExecutionsSearch(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	behind := s.get(admin, "/executions?q=laptop").want(http.StatusOK)
	if len(listed(behind)) > 0 || !strings.Contains(behind.find("main"), "No executions match") {
		t.Errorf("found what is not in the index yet: %s", behind.find("#found"))
	}
	s.index()
	id := func(n ...int64) (texts []string) {
		for _, i := range n {
			texts = append(texts, views.ID(i))
		}
		return texts
	}
	var about struct {
		Record  string `db:"record"`
		Person  string `db:"person"`
		Problem string `db:"problem"`
	}
	if err := s.DB.GetContext(t.Context(), &about, `SELECT context #>> '{data,id}' AS record, created_by AS person,
		(SELECT left(j.result ->> 'message', 30) FROM alur.jobs j WHERE j.execution_id = $2 AND j.status < 0) AS problem FROM alur.executions WHERE id = $1`, s.refused, s.broken); err != nil {
		t.Fatal(err)
	}
	shop := id(s.broken, s.refused, s.fits)
	for query, want := range map[string][]string{
		"q=LAPTOP":                  shop,
		`q="laptop 14"`:             shop,
		`q=100000`:                  id(s.refused),
		`q="` + about.Problem + `"`: id(s.broken),
		"q=2030-07-05":              id(s.waiting),
		"q=laptop&state=completed":  id(s.refused, s.fits),
		"q=laptop&workflow=leave":   nil,
		"workflow=orders&workflow=leave&state=waiting":     id(s.waiting),
		"collection=orders&record=" + about.Record:         id(s.refused),
		"collection=products&record=" + about.Record:       nil,
		"person=" + about.Person + "&q=laptop&since=today": shop,
		"person=12345": nil,
		"person=" + about.Person + "&state=error&since=1h": id(s.broken),
	} {
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		a := s.get(admin, "/executions?"+v.Encode()).want(http.StatusOK)
		if got := listed(a); !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
		// Without JavaScript the form sends what its fields hold.
		sent := url.Values{}
		a.doc().Find(".filterbar [name]").Each(func(_ int, f *goquery.Selection) {
			value, name := f.AttrOr("value", ""), f.AttrOr("name", "")
			if f.Is("select") {
				value = f.Find("option[selected]").Last().AttrOr("value", "")
			}
			if _, checked := f.Attr("checked"); value != "" && (checked || !f.Is("[type=checkbox]")) {
				sent.Add(name, value)
			}
		})
		if sent.Encode() != v.Encode() {
			t.Errorf("%s: the form sends %s", query, sent.Encode())
		}
		for name := range v {
			if back := a.doc().Find("input[name=back]").AttrOr("value", v.Encode()); !strings.Contains(back, name+"=") {
				t.Errorf("%s: the way back is %s", query, back)
			}
		}
	}

	a := s.get(admin, "/executions?q=ab").want(http.StatusUnprocessableEntity)
	if !strings.Contains(a.find("#q-error"), "at least three characters") || a.find(".empty h2") != "Nothing was searched" || a.doc().Find(".filterbar input[name=q]").AttrOr("value", "") != "ab" {
		t.Errorf("a short text is answered with %s", a.words())
	}
	a = s.get(admin, "/executions?person="+about.Person+"&workflow=orders&workflow=leave&collection=orders&record=7").want(http.StatusOK)
	for _, text := range []string{"Or Leave requests", "Record Orders 7", "Person "} {
		if !strings.Contains(a.find(".filterbar"), text) {
			t.Errorf("there is no chip %q in %s", text, a.find(".filterbar"))
		}
	}

	link := "/executions?collection=orders&record=" + about.Record
	if s.get(admin, "/data/orders/"+about.Record).want(http.StatusOK).doc().Find(`a[href="`+link+`"]`).Length() != 1 {
		t.Error("the page of the record does not lead to its executions")
	}
	if s.get(admin, "/executions/"+views.ID(s.refused)+"/trigger").want(http.StatusOK).doc().Find(`a[href="`+link+`"]`).Length() != 1 {
		t.Error("the execution does not lead to those about its record")
	}
	if s.get(member, "/data/orders/"+about.Record).want(http.StatusOK).doc().Find(`a[href^="/executions"]`).Length() != 0 {
		t.Error("who sees no executions is led to them")
	}

	s.execute(`UPDATE alur.execution_search SET seen_to = $1`, s.fits-1)
	s.execute(`UPDATE alur.executions SET created_at = created_at - interval '1 minute' WHERE id = $1`, s.fits)
	if a = s.get(admin, "/executions?q=laptop"); !strings.Contains(a.doc().Text(), "The search is catching up.") {
		t.Error("nothing says that the search is behind")
	}
}

// TestSearchKeepsSecrets holds S10: what is masked cannot be found by guessing it.
func TestSearchKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const canary = "sk-Canary-81723"
	a := s.users[root].Actor()
	if err := s.Values.Create(t.Context(), a, "TOKEN", secret.Hidden, canary); err != nil {
		t.Fatal(err)
	}
	s.Values.Forget("")
	s.execute(`UPDATE alur.flow_nodes SET config = jsonb_set(config, '{params,values,note}', '"kangaroo {{$env.TOKEN}}"') WHERE key = 'confirm'`)
	s.DB.Notify("alur_workflows", "", 0)
	id := s.runs("orders", collection.Record{"product": s.first("products"), "quantity": 1.0, "note": canary})
	s.index()
	if got := listed(s.get(admin, "/executions?q=laptop")); !slices.Contains(got, views.ID(id)) {
		t.Fatalf("the execution is not in the index: %v", got)
	}
	for _, part := range []string{canary, "canary", "81723", strings.ToUpper(canary)} {
		if got := listed(s.get(admin, "/executions?q="+url.QueryEscape(part)).want(http.StatusOK)); len(got) > 0 {
			t.Errorf("%s is found in %v", part, got)
		}
	}
	var n int
	if err := s.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM alur.execution_texts WHERE body ILIKE '%canary%'`); err != nil || n > 0 {
		t.Errorf("the secret is in %d texts, %v", n, err)
	}
}

// TestExecutionsSearchAPI holds the same for programs.
func TestExecutionsSearchAPI(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.index()
	var about struct {
		Record int64 `db:"record"`
		Person int64 `db:"person"`
	}
	if err := s.DB.GetContext(t.Context(), &about, `SELECT context #>> '{data,id}' AS record, created_by AS person FROM alur.executions WHERE id = $1`, s.refused); err != nil {
		t.Fatal(err)
	}
	ask := func(who role, filter, more string) answer {
		return s.get(who, "/api/executions:list?fields[]=id&filter="+url.QueryEscape(filter)+more)
	}
	for filter, want := range map[string][]int64{
		`{"$search": {"text": "laptop"}}`:                                                             {s.broken, s.refused, s.fits},
		`{"$search": {"text": "laptop", "states": ["completed"]}}`:                                    {s.refused, s.fits},
		`{"$search": {"text": "laptop"}, "status": {"$lt": 0}}`:                                       {s.broken},
		`{"$search": {"keys": ["leave", "orders"], "states": ["waiting", "error"]}}`:                  {s.waiting, s.broken},
		fmt.Sprintf(`{"$search": {"record": {"collection": "orders", "id": %d}}}`, about.Record):      {s.refused},
		fmt.Sprintf(`{"$search": {"personId": "%d", "since": "2020-01-01T00:00:00Z"}}`, about.Person): {s.waiting, s.broken, s.refused, s.fits},
		`{"$search": {"personId": 4711}}`:                                                             {},
		`{"$search": {"text": "laptop", "until": "2020-01-01T00:00:00Z"}}`:                            {},
	} {
		var got struct {
			Data []struct{ ID int64 }
			Meta struct{ HasNext bool }
		}
		a := ask(root, filter, "").want(http.StatusOK)
		if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
			t.Fatal(err)
		}
		ids := []int64{}
		for _, x := range got.Data {
			ids = append(ids, x.ID)
		}
		if !slices.Equal(ids, want) || got.Meta.HasNext {
			t.Errorf("%s finds %v, want %v", filter, ids, want)
		}
	}
	if a := ask(root, `{"$search": {"text": "laptop"}}`, "&pageSize=1&page=2&sort=-createdAt").want(http.StatusOK); !strings.Contains(a.Text, views.ID(s.refused)) || !strings.Contains(a.Text, `"hasNext":true`) {
		t.Errorf("the second page is %s", a.Text)
	}
	for filter, more := range map[string]string{`{"$search": {"text": "ab"}}`: "", `{"$search": {"txt": "abc"}}`: "", `{"$search": {"states": ["done"]}}`: "", `{"$search": {"text": "abcd"}}`: "&sort=id",
		`{"$search": {"text": "abce"}}`: "&page=2000&pageSize=1000", `{"$search": "abc"}`: ""} {
		ask(root, filter, more).want(http.StatusBadRequest)
	}
	if a := ask(member, `{"$search": {"text": "laptop"}}`, ""); strings.Contains(a.Text, views.ID(s.broken)) {
		t.Errorf("who sees no executions is answered %s", a.Text)
	}
}
