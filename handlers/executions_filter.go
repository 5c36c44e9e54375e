package handlers

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	index "alur/engine/search"
	"alur/views"
)

const (
	// countedMost is up to where the executions that match are counted, and
	// countedWithin how long that may take.
	countedMost   = 10_000
	countedWithin = 25 * time.Millisecond
	// behindAfter is from when on people are told that the search is behind.
	behindAfter = 15 * time.Second
)

// executionQuery is the filter of the list as it stands in the address.
type executionQuery struct {
	text          string
	states        []string
	workflows     []string // keys
	person        int64
	collection    string // of the record
	record        string // its key
	since         string // a key of sinceChoices
	from, to      string // days, when since is "days"
	longer        string // a key of longerChoices
	before, after int64
}

// choice is one line of a filter's menu.
type choice[T any] struct {
	key   string
	text  string
	value T
}

var (
	sinceChoices = []choice[time.Duration]{
		{"", "Any time", 0}, {"1h", "Last hour", time.Hour}, {"today", "Today", 0}, {"24h", "Last 24 hours", 24 * time.Hour},
		{"7d", "Last 7 days", 7 * 24 * time.Hour}, {"30d", "Last 30 days", 30 * 24 * time.Hour}, {"days", "Between two days…", 0},
	}
	longerChoices = []choice[time.Duration]{
		{"", "Any duration", 0}, {"1s", "Over 1 s", time.Second}, {"10s", "Over 10 s", 10 * time.Second},
		{"1m", "Over 1 min", time.Minute}, {"1h", "Over 1 h", time.Hour}, {"24h", "Over a day", 24 * time.Hour},
	}
	stateTabs = []choice[[]string]{
		{"all", "All", nil},
		{"active", "Running", []string{views.Queued, views.Running}},
		{"waiting", "Waiting", []string{views.Waiting}},
		{"completed", "Completed", []string{views.Completed}},
		{"wrong", "Failed", []string{views.Failed, views.Error}},
		{"cancelled", "Cancelled", []string{views.Cancelled}},
		{"rejected", "Rejected", []string{views.Rejected}},
	}
)

func readExecutionQuery(v url.Values) executionQuery {
	given := func(name string) (list []string) {
		for _, s := range v[name] {
			if s != "" && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
		return list
	}
	q := executionQuery{text: strings.TrimSpace(v.Get("q")), states: given("state"), workflows: given("workflow"), collection: v.Get("collection"),
		record: strings.TrimSpace(v.Get("record")), since: v.Get("since"), from: v.Get("from"), to: v.Get("to"), longer: v.Get("longer")}
	q.person, _ = strconv.ParseInt(v.Get("person"), 10, 64)
	q.before, _ = strconv.ParseInt(v.Get("before"), 10, 64)
	q.after, _ = strconv.ParseInt(v.Get("after"), 10, 64)
	return q
}

// ofWorkflow is the list of one workflow; key "" is that of all.
func ofWorkflow(key string) executionQuery {
	if key == "" {
		return executionQuery{}
	}
	return executionQuery{workflows: []string{key}}
}

// url is the address of the list with this filter.
func (q executionQuery) url() string {
	if v := q.values(); len(v) > 0 {
		return "/executions?" + v.Encode()
	}
	return "/executions"
}

// aboutRecord is the list of the executions about a record.
func aboutRecord(c *collection.Collection, r collection.Record) string {
	return executionQuery{collection: c.Name, record: collection.Format(c.ID(r))}.url()
}

// values is q as parameters of an address.
func (q executionQuery) values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, s := range q.states {
		v.Add("state", s)
	}
	for _, key := range q.workflows {
		v.Add("workflow", key)
	}
	set("q", q.text)
	if q.person != 0 {
		set("person", views.ID(q.person))
	}
	set("collection", q.collection)
	set("record", q.record)
	set("since", q.since)
	if q.since == "days" {
		set("from", q.from)
		set("to", q.to)
	}
	set("longer", q.longer)
	if q.before != 0 {
		set("before", views.ID(q.before))
	}
	if q.after != 0 {
		set("after", views.ID(q.after))
	}
	return v
}

func (q executionQuery) filter(w views.Words) engine.ExecutionFilter {
	f := engine.ExecutionFilter{Keys: q.workflows, Text: q.text, Person: q.person, States: q.states, Before: q.before, After: q.after, Limit: executionsPage}
	if q.before != 0 {
		f.After = 0
	}
	if q.collection != "" && q.record != "" {
		f.Record = engine.RecordRef{Collection: q.collection, ID: q.record}
	}
	zone := w.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, c := range sinceChoices {
		if c.key == q.since && c.value > 0 {
			f.Since = w.Now.Add(-c.value)
		}
	}
	switch q.since {
	case "today":
		now := w.Now.In(zone)
		f.Since = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	case "days":
		if day, err := time.ParseInLocation(time.DateOnly, q.from, zone); err == nil {
			f.Since = day
		}
		if day, err := time.ParseInLocation(time.DateOnly, q.to, zone); err == nil {
			f.Until = day.AddDate(0, 0, 1)
		}
	}
	for _, c := range longerChoices {
		if c.key == q.longer {
			f.Longer = c.value
		}
	}
	return f
}

// narrowed reports whether anything but the workflow narrows the list.
func (q executionQuery) narrowed() bool {
	return len(q.states) > 0 || q.since != "" || q.longer != "" || q.searches() || len(q.workflows) > 1
}

// searches reports whether q asks for what the index of the search knows.
func (q executionQuery) searches() bool {
	return q.text != "" || q.person != 0 || q.collection != "" && q.record != ""
}

// first is q at the top of the list.
func (q executionQuery) first() executionQuery {
	q.before, q.after = 0, 0
	return q
}

func options[T any](choices []choice[T], chosen string) []views.Option {
	var list []views.Option
	for _, c := range choices {
		list = append(list, views.Option{Value: c.key, Text: c.text, Selected: c.key == chosen})
	}
	return list
}

// executionTabs lead to groups of states, to what was not started and to what was
// deleted; open is the text of the last two when it is the page.
func executionTabs(q executionQuery, open string) []views.Tab {
	q = q.first()
	chosen := slices.Sorted(slices.Values(q.states))
	var tabs []views.Tab
	for _, t := range stateTabs {
		q.states = t.value
		tabs = append(tabs, views.Tab{Text: t.text, URL: q.url(),
			Current: open == "" && slices.Equal(chosen, slices.Sorted(slices.Values(t.value)))})
	}
	for _, t := range []views.Tab{{Text: "Not started", URL: "/executions/skipped"}, {Text: "Deleted", URL: "/executions/deleted"}} {
		if t.Current = t.Text == open; len(q.workflows) == 1 {
			t.URL += "?" + url.Values{"workflow": q.workflows}.Encode()
		}
		tabs = append(tabs, t)
	}
	return tabs
}

func stateChips(q executionQuery) []views.Chip {
	var chips []views.Chip
	for i, s := range q.states {
		without := q.first()
		without.states = slices.Delete(slices.Clone(q.states), i, i+1)
		chips = append(chips, views.Chip{Name: "State", Value: strings.ToLower(views.StateWord(s)), Remove: without.url()})
	}
	return chips
}

// workflowOptions are the workflows to choose from, and the titles of those chosen
// already. The first of these is the one that the menu shows.
func (h *executions) workflowOptions(c echo.Context, keys []string) (list []views.Option, titles []string, err error) {
	found, err := h.engine.WorkflowNames(c.Request().Context(), actor(c), workflowChoices)
	if err != nil {
		return nil, nil, err
	}
	list = []views.Option{{Text: "Any workflow", Selected: len(keys) == 0}}
	titles = make([]string, len(keys))
	for _, w := range found {
		at := slices.Index(keys, w.Key)
		if at >= 0 {
			titles[at] = workflowTitle(w.Title)
		}
		if at <= 0 {
			list = append(list, views.Option{Value: w.Key, Text: workflowTitle(w.Title), Selected: at == 0})
		}
	}
	for i := range titles {
		if titles[i] == "" {
			titles[i] = "a deleted workflow"
			if i == 0 {
				list = append(list, views.Option{Value: keys[0], Text: "Deleted workflow", Selected: true})
			}
		}
	}
	return list, titles, nil
}

// filterBar makes what stands above the list, and returns the titles of the chosen
// workflows.
func (h *executions) filterBar(c echo.Context, q executionQuery, vm *views.Executions) (titles []string, err error) {
	env, err := h.env(c)
	if err != nil {
		return nil, err
	}
	vm.Tabs = executionTabs(q, "")
	f := views.ExecutionFilter{Action: "/executions", Text: q.text, States: q.states, Since: options(sinceChoices, q.since), Days: q.since == "days", From: q.from, To: q.to,
		Longer: options(longerChoices, q.longer), Record: q.record}
	if f.Workflows, titles, err = h.workflowOptions(c, q.workflows); err != nil {
		return nil, err
	}
	if len(q.workflows) > 0 {
		f.And = append([]views.Option{{Text: "And another workflow…"}}, slices.DeleteFunc(slices.Clone(f.Workflows), func(o views.Option) bool { return o.Value == "" || o.Selected })...)
	}
	person := ""
	if f.People, person, err = h.peopleOptions(c, q.person); err != nil {
		return nil, err
	}
	f.Collections = []views.Option{{Text: "Any record", Selected: q.collection == ""}}
	collectionTitle := q.collection
	for _, coll := range env.Collections {
		if coll.System {
			continue
		}
		f.Collections = append(f.Collections, views.Option{Value: coll.Name, Text: coll.Title, Selected: coll.Name == q.collection})
		if coll.Name == q.collection {
			collectionTitle = coll.Title
		}
	}
	tabbed := slices.ContainsFunc(vm.Tabs, func(t views.Tab) bool { return t.Current })
	f.Open = q.collection != "" && q.record == ""
	chip := func(name, value string, without executionQuery) {
		vm.Chips = append(vm.Chips, views.Chip{Name: name, Value: value, Remove: without.first().url()})
	}
	for i := 1; i < len(titles); i++ {
		without := q
		without.workflows = slices.Delete(slices.Clone(q.workflows), i, i+1)
		chip("Or", titles[i], without)
		f.Also = append(f.Also, q.workflows[i])
	}
	if q.person != 0 {
		without := q
		without.person = 0
		chip("Person", person, without)
	}
	if q.collection != "" && q.record != "" {
		without := q
		without.collection, without.record = "", ""
		chip("Record", collectionTitle+" "+q.record, without)
	}
	if !tabbed {
		vm.Chips = append(vm.Chips, stateChips(q)...)
	}
	for _, s := range engine.States {
		f.AllStates = append(f.AllStates, views.Option{Value: s, Text: views.StateWord(s), Selected: slices.Contains(q.states, s)})
	}
	vm.Filter = f
	return titles, nil
}

// peopleOptions are the people to choose from, and the name of the chosen one.
func (h *executions) peopleOptions(c echo.Context, id int64) (list []views.Option, name string, err error) {
	people, err := (&workflows{users: h.server.Auth}).userOptions(c)
	if err != nil {
		return nil, "", err
	}
	list = []views.Option{{Text: "Anybody", Selected: id == 0}}
	for _, o := range people {
		if o.Selected = o.Value == views.ID(id); o.Selected {
			name = o.Text
		}
		list = append(list, o)
	}
	if id == 0 || name != "" {
		return list, name, nil
	}
	u, err := h.server.Auth.Get(c.Request().Context(), auth.System, id) // deactivated, or one of very many
	switch {
	case fault.Is(err, fault.NotFound):
		name = "who was deleted"
	case err != nil:
		return nil, "", err
	default:
		name = u.Nickname
	}
	return append(list, views.Option{Value: views.ID(id), Text: name, Selected: true}), name, nil
}

// counted is how many executions match, see [engine.Engine.CountExecutions].
type counted struct {
	n    int
	more bool
	err  error
}

// count begins to count those that match.
func (h *executions) count(ctx context.Context, a auth.Actor, f engine.ExecutionFilter) chan counted {
	answer := make(chan counted, 1) // nobody may take it
	go func() {
		n, more, err := h.engine.CountExecutions(ctx, a, f, countedMost, countedWithin)
		answer <- counted{n, more, err}
	}()
	return answer
}

// found says how many executions match, and what the search does not know yet.
func (h *executions) found(c echo.Context, q executionQuery, of counted, vm *views.Executions) error {
	ctx, n, more := c.Request().Context(), of.n, of.more
	if of.err != nil {
		return of.err
	}
	switch {
	case more && n > 0:
		vm.Found = "More than " + views.Count(n, "execution matches", "executions match")
	case !more && n > 0: // an empty list says so itself
		vm.Found = views.Count(n, "execution matches", "executions match")
	}
	if vm.List.MayCancel && n > 0 {
		v := q.first().values()
		v.Set("all", "1")
		vm.All = "/executions/rerun?" + v.Encode()
	}
	if !q.searches() {
		return nil
	}
	if q.text != "" {
		vm.Limit = "Of the data of each execution, the first " + views.Int(index.MaxText) + " characters are searched."
	}
	behind, err := h.engine.SearchBehind(ctx)
	if err != nil {
		return err
	}
	w := words(c)
	if t := behind.Newest; t != nil && w.Now.Sub(*t) > behindAfter {
		vm.Behind = "Executions from " + w.When(*t) + " on are not found yet. The search is catching up."
	}
	if t := behind.Oldest; t != nil {
		vm.Behind = strings.TrimSpace(vm.Behind + " Executions up to " + w.When(*t) + " are not found yet: the search takes in older ones step by step.")
	}
	return nil
}
