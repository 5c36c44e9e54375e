package nodeforms_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"testing"

	"alur/views/nodeforms"
)

// through opens settings in the form, lets change alter what is posted, and returns
// what is saved then, with the problems.
func through(t *testing.T, world *nodeforms.Env, kind, config string, change func(url.Values)) (saved nodeforms.Object, problems map[string]string) {
	t.Helper()
	shown := nodeforms.Lookup(kind).New()
	shown.Load(nodeforms.Decode(json.RawMessage(config)))
	posted := submitted(render(t, shown, world))
	if change != nil {
		change(posted)
	}
	form := nodeforms.Lookup(kind).New()
	form.Read(posted, world)
	saved = nodeforms.Decode(json.RawMessage(config))
	form.Save(saved)
	raw, err := json.Marshal(saved)
	if err != nil {
		t.Fatal(err)
	}
	return nodeforms.Decode(raw), form.Problems()
}

func params(config nodeforms.Object, key string) any {
	p, _ := config["params"].(nodeforms.Object)
	return p[key]
}

// TestCreateSeveral: the form of create takes a list for the values of one record.
func TestCreateSeveral(t *testing.T) {
	t.Parallel()
	world := env(t)
	for config, words := range map[string]string{
		`{"collection": "orders", "params": {"values": "{{$context.list}}", "appends": []}}`:              "Orders · one for each of context.list",
		`{"collection": "orders", "params": {"values": [{"note": "a"}, {"note": "b"}], "appends": []}}`:   "Orders · 2 records",
		`{"collection": "orders", "params": {"values": [], "appends": ["product"], "blacklist": ["id"]}}`: "Orders · 0 records",
	} {
		if saved, problems := through(t, world, "create", config, nil); len(problems) > 0 || !reflect.DeepEqual(saved, nodeforms.Decode(json.RawMessage(config))) {
			t.Errorf("%s is saved as %v, problems %v", config, saved, problems)
		}
		if got := nodeforms.SummaryOf("create", json.RawMessage(config), world); got != words {
			t.Errorf("%s is said as %q, want %q", config, got, words)
		}
	}
	one := `{"collection": "orders", "params": {"values": {"note": "x"}, "appends": []}}`
	list := func(typed string) func(url.Values) {
		return func(v url.Values) { v.Set("several", "true"); v.Set("list", typed) }
	}
	// New records of a list take no number and no times over from what is in it.
	several, problems := through(t, world, "create", one, list("{{$context.data.parts}}"))
	if len(problems) > 0 || params(several, "values") != "{{$context.data.parts}}" || !reflect.DeepEqual(params(several, "blacklist"), []any{"id", "createdAt", "updatedAt", "createdById", "updatedById"}) {
		t.Errorf("a list is saved as %v, problems %v", several, problems)
	}
	raw, _ := json.Marshal(several)
	back, problems := through(t, world, "create", string(raw), func(v url.Values) { v.Set("several", "false") })
	if _, there := back["params"].(nodeforms.Object)["blacklist"]; len(problems) > 0 || there || !reflect.DeepEqual(params(back, "values"), nodeforms.Object{}) {
		t.Errorf("back to one record is saved as %v, problems %v", back, problems)
	}
	for _, typed := range []string{"", "parts", "7", `{"note": "x"}`} {
		if _, problems := through(t, world, "create", one, list(typed)); problems["list"] == "" {
			t.Errorf("%q is taken for a list", typed)
		}
	}
}
