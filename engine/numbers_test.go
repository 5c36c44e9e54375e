package engine_test

import "testing"

// Numbers that float64 does not hold, which any SQL client can store, leave everything
// beside them readable, before a wait and after it; they read as text with all their
// digits.
func TestNumbersBeyondFloat(t *testing.T) {
	t.Parallel()
	w := specWorld(t)
	w.collections(`{"name": "things", "title": "Things", "fields": [{"name": "name", "type": "string", "title": "Name"}, {"name": "extra", "type": "json", "title": "Extra"}]}`)
	w.save("things", map[string]any{"name": "one"})
	w.exec(`UPDATE public.things SET extra = '{"big": 1e400, "id": 9007199254740993, "size": 7}'`)
	const value = `{"value": ["{{$context.data.s}}", "{{$context.data.id}}", "{{$jobsMapByNodeKey.q.extra.size}}", "{{$jobsMapByNodeKey.q.extra.id}}", "no {{$jobsMapByNodeKey.q.extra.id}}", 9007199254740993]}`
	a := w.workflow(false, "",
		flow{kind: "query", key: "q", config: `{"collection": "things"}`},
		flow{kind: "output", key: "before", config: value},
		flow{kind: "calculation", key: "digits", config: `{"engine": "formula.js", "expression": "LEN({{$context.data.n}})"}`},
		flow{kind: "test_wait", key: "wait"},
		flow{kind: "output", key: "after", config: value})
	w.mustStart(a, 1)
	w.exec(`UPDATE alur.executions SET context = '{"data": {"n": 1e400, "id": 9007199254740993, "s": "here"}}'`)
	w.work()
	w.answer()
	w.work()
	if got, want := w.story(), "1:q=1 before=1 digits=1 wait=1 after=1"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	const want = `["here", "9007199254740993", 7, "9007199254740993", "no 9007199254740993", "9007199254740993"]`
	for _, key := range []string{"before", "after"} {
		if got := w.one("SELECT result::text FROM alur.jobs WHERE node_key = $1", key); got != want {
			t.Errorf("%s the wait: %s, want %s", key, got, want)
		}
	}
	if got := w.one("SELECT result::text FROM alur.jobs WHERE node_key = 'digits'"); got != "401" {
		t.Errorf("1e400 has %s digits", got)
	}
}
