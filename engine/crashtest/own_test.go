package crashtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/crashtest"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// carrier is what Acme's remote node orders at. Each order is answered by what was
// laid ready for it, or with a parcel.
type carrier struct {
	*httptest.Server
	gate sync.RWMutex // locked: answers wait

	mu     sync.Mutex
	keys   []string // as they came
	left   int      // callers that did not wait for their answer
	status []int    // of the next answers
}

func newCarrier(t *testing.T) *carrier {
	c := &carrier{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.answer))
	t.Cleanup(c.Close)
	return c
}

func (c *carrier) answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // so that a caller who leaves is seen
	c.mu.Lock()
	c.keys = append(c.keys, r.Header.Get("Idempotency-Key"))
	status := http.StatusOK
	if len(c.status) > 0 {
		status, c.status = c.status[0], c.status[1:]
	}
	c.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		select {
		case <-r.Context().Done():
			c.mu.Lock()
			c.left++
			c.mu.Unlock()
		case <-gone:
		}
	}()
	c.gate.RLock()
	defer c.gate.RUnlock()
	close(gone)
	if status != http.StatusOK {
		http.Error(w, "no such street", status)
		return
	}
	fmt.Fprintf(w, `{"parcel": "P-%s"}`, r.Header.Get("Idempotency-Key"))
}

// script lays answers ready and forgets what came.
func (c *carrier) script(status ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.keys, c.left = status, nil, 0
}

func (c *carrier) came() (keys []string, left int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.keys), c.left
}

// acme is the server of a company with types of its own, and a workflow of them:
// a file → tax → number → is it an IBAN? → parcel → courier.
type acme struct {
	t       *testing.T
	program crashtest.Options
	db      *pg.DB
	server  *crashtest.Server
	api     client
	pages   *http.Client
	carrier *carrier
	folder  string
	pickups string // address
	flow    int64
	nodes   map[string]int64
}

func newAcme(t *testing.T) *acme {
	t.Helper()
	return newAcmeOf(t, crashtest.Options{Program: crashtest.Example})
}

// newAcmeOf is newAcme with another program.
func newAcmeOf(t *testing.T, o crashtest.Options) *acme {
	t.Helper()
	url := pgtest.NewURL(t)
	a := &acme{t: t, program: o, db: pgtest.Open(t, url), carrier: newCarrier(t), folder: t.TempDir(), pickups: freeAddress(t), nodes: map[string]int64{}}
	a.program.Wait, a.program.Env = true, []string{"DATABASE_URL=" + url, "DATA_DIR=" + crashtest.Dir(t), "LISTEN=" + freeAddress(t), "ACME_LISTEN=" + a.pickups,
		"ADMIN_EMAIL=" + email, "ADMIN_PASSWORD=" + password}
	a.start()
	a.api = signIn(t, a.server.URL)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	a.pages = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a.page(http.MethodPost, "/sign-in", "account", email, "password", password)
	return a
}

func (a *acme) start() {
	a.t.Helper()
	a.server = crashtest.Start(a.t, a.program)
}

// post calls an action of the API.
func (a *acme) post(action, body string, data any) {
	a.t.Helper()
	if err := a.api.post(a.t.Context(), action, json.RawMessage(body), data); err != nil {
		a.t.Fatal(err)
	}
}

// refused is what the API says to a request that it does not take.
func (a *acme) refused(action, body string) string {
	a.t.Helper()
	err := a.api.post(a.t.Context(), action, json.RawMessage(body), nil)
	if err == nil {
		a.t.Errorf("%s takes %s", action, body)
		return ""
	}
	return err.Error()
}

// page asks for a page, or posts a form to one.
func (a *acme) page(method, path string, form ...string) (status int, doc *goquery.Document) {
	a.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.server.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := a.pages.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	doc, err = goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return res.StatusCode, doc
}

// shows wants a text somewhere under selector on a page.
func (a *acme) shows(path, selector string, texts ...string) {
	a.t.Helper()
	status, doc := a.page(http.MethodGet, path)
	if status != http.StatusOK {
		a.t.Errorf("%s answers %d", path, status)
	}
	got := doc.Find(selector).Text()
	for _, want := range texts {
		if !strings.Contains(got, want) {
			a.t.Errorf("%s: %s reads %q, want %q in it", path, selector, got, want)
		}
	}
}

func (a *acme) define() {
	a.t.Helper()
	var w struct{ ID int64 }
	a.post("workflows:create", fmt.Sprintf(`{"title": "Orders", "type": "acme-folder", "config": {"folder": %q, "ending": ".txt"}}`, a.folder), &w)
	a.flow = w.ID
	upstream := "null"
	for _, n := range [][2]string{
		{"acme-vat", `{"net": 100, "rate": 19}`},
		{"acme-number", `{"series": "INV"}`},
		{"calculation", `{"engine": "formula.js", "expression": "IF(ACME_IBAN({{$context.text}}), \"good\", \"bad\")"}`},
		{"acme-ship", fmt.Sprintf(`{"url": %q, "address": "{{$context.name}}"}`, a.carrier.URL)},
		{"acme-pickup", `{"refused": "branch"}`},
	} {
		var made struct{ ID int64 }
		a.post(fmt.Sprintf("workflows/%d/nodes:create", w.ID), fmt.Sprintf(`{"type": %q, "title": %q, "config": %s, "upstreamId": %s}`, n[0], n[0], n[1], upstream), &made)
		a.nodes[n[0]], upstream = made.ID, fmt.Sprint(made.ID)
	}
	a.post(fmt.Sprintf("workflows:update?filterByTk=%d", w.ID), `{"enabled": true}`, nil)
}

// drop puts a file into the folder that the trigger looks at.
func (a *acme) drop(name, text string) {
	a.t.Helper()
	part := filepath.Join(a.folder, name+".part") // so that nobody reads half of it
	if err := os.WriteFile(part, []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(part, filepath.Join(a.folder, name)); err != nil {
		a.t.Fatal(err)
	}
}

// ran is a step of the execution that a file started.
type ran struct {
	ID        int64           `db:"id"`
	Execution int64           `db:"execution_id"`
	Status    node.Status     `db:"status"`
	Result    json.RawMessage `db:"result"`
	Ended     bool            `db:"ended"`
}

// step waits until the step of a type is there and as wanted.
func (a *acme) step(file, kind string, as func(ran) bool) (r ran) {
	a.t.Helper()
	a.server.Await(kind+" of "+file, func() bool {
		var all []ran
		err := a.db.SelectContext(a.t.Context(), &all, `SELECT j.id, j.execution_id, j.status, coalesce(j.result, 'null') AS result, j.ended_at IS NOT NULL AS ended
			FROM alur.jobs j JOIN alur.executions x ON x.id = j.execution_id JOIN alur.flow_nodes n ON n.id = j.node_id
			WHERE x.context ->> 'name' = $1 AND n.type = $2`, file, kind)
		if err != nil {
			return false // the database may be asked while the server dies
		}
		if len(all) != 1 || !as(all[0]) {
			return false
		}
		r = all[0]
		return true
	})
	return r
}

func ended(r ran) bool { return r.Ended }

func (a *acme) count(query string, args ...any) (n int) {
	a.t.Helper()
	if err := a.db.GetContext(a.t.Context(), &n, query, args...); err != nil {
		a.t.Fatal(err)
	}
	return n
}

const goodIBAN = "DE89 3704 0044 0532 0130 00"

// TestOwnTypes builds a company's program from a module of its own and runs it: a
// trigger, a pure, a local, a remote and a waiting node, and a function of
// expressions, through a kill of the server.
func TestOwnTypes(t *testing.T) {
	t.Parallel()
	a := newAcme(t)
	a.define()

	// Killed while the carrier has the order and has not answered.
	a.carrier.gate.Lock()
	a.drop("one.txt", goodIBAN)
	a.server.Await("the order", func() bool { keys, _ := a.carrier.came(); return len(keys) == 1 })
	a.server.Kill()
	a.start()
	a.server.Await("the order again", func() bool { keys, _ := a.carrier.came(); return len(keys) == 2 })
	a.carrier.gate.Unlock()
	shipped := a.step("one.txt", "acme-ship", ended)
	if keys, _ := a.carrier.came(); keys[0] != keys[1] || keys[0] == "" || string(shipped.Result) != fmt.Sprintf(`{"parcel": "P-%s"}`, keys[0]) {
		t.Errorf("the order came with the keys %v and gave %s", keys, shipped.Result)
	}
	for kind, want := range map[string]string{
		"acme-vat":    `{"net": 100, "tax": 19, "gross": 119}`,
		"acme-number": `{"text": "INV-00001", "number": 1}`,
		"calculation": `"good"`,
	} {
		if got := a.step("one.txt", kind, ended); got.Status != node.Resolved || string(got.Result) != want {
			t.Errorf("%s came to %d %s, want %s", kind, got.Status, got.Result, want)
		}
	}
	if n := a.count("SELECT last FROM acme.numbers"); n != 1 {
		t.Errorf("%d numbers are taken, want 1", n)
	}
	if n := a.count("SELECT count(*) FROM alur.executions"); n != 1 {
		t.Errorf("one file made %d executions", n)
	}

	// It waits for an answer from outside, through a restart too.
	waits := a.step("one.txt", "acme-pickup", func(r ran) bool { return !r.Ended && r.Status == node.Pending })
	var handed struct{ Link string }
	if err := json.Unmarshal(waits.Result, &handed); err != nil {
		t.Fatal(err)
	}
	if code := a.server.Stop(); code != 0 {
		t.Errorf("it stops with code %d", code)
	}
	a.start()
	a.courier(handed.Link, "courier=Bob", http.StatusOK, "Thank you")
	if got := a.step("one.txt", "acme-pickup", ended); got.Status != node.Resolved || string(got.Result) != `{"courier": "Bob"}` {
		t.Errorf("the answer came to %d %s", got.Status, got.Result)
	}
	a.courier(handed.Link, "courier=Eve", http.StatusGone, "used already")
	a.shows(fmt.Sprintf("/executions/%d", waits.Execution), "#main", "100 + 19 tax = 119", "INV-00001", "Parcel P-", "Picked up by Bob")
}

// courier answers at a link that a pickup handed out.
func (a *acme) courier(link, form string, status int, said string) {
	a.t.Helper()
	var res *http.Response
	a.server.Await("the address of the links", func() (there bool) {
		var err error
		res, err = http.Post("http://"+a.pickups+link, "application/x-www-form-urlencoded", strings.NewReader(form))
		return err == nil
	})
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status || !strings.Contains(string(text), said) {
		a.t.Errorf("%s: %s %s (%v), want %d with %q", form, res.Status, text, err, status, said)
	}
}

// TestOwnTypesMeetTrouble: what a remote node calls refuses, is busy, or never
// answers an execution that is cancelled; a courier refuses.
func TestOwnTypesMeetTrouble(t *testing.T) {
	t.Parallel()
	a := newAcme(t)
	a.define()

	a.carrier.script(http.StatusUnprocessableEntity)
	a.drop("refused.txt", "no IBAN")
	got := a.step("refused.txt", "acme-ship", ended)
	if keys, _ := a.carrier.came(); len(keys) != 1 || got.Status != node.Failed || !strings.Contains(string(got.Result), "The carrier refuses this order: no such street") {
		t.Errorf("refused after %d tries with %d %s", len(keys), got.Status, got.Result)
	}
	if got := a.step("refused.txt", "calculation", ended); string(got.Result) != `"bad"` {
		t.Errorf("a wrong IBAN is %s", got.Result)
	}

	a.carrier.script(http.StatusServiceUnavailable, http.StatusTooManyRequests)
	a.drop("busy.txt", goodIBAN)
	got = a.step("busy.txt", "acme-ship", ended)
	if keys, _ := a.carrier.came(); len(keys) != 3 || keys[0] != keys[2] || got.Status != node.Resolved {
		t.Errorf("a busy carrier was asked with the keys %v and came to %d", keys, got.Status)
	}
	waits := a.step("busy.txt", "acme-pickup", func(r ran) bool { return !r.Ended && r.Status == node.Pending })
	var handed struct{ Link string }
	if err := json.Unmarshal(waits.Result, &handed); err != nil {
		t.Fatal(err)
	}
	a.courier(handed.Link, "courier=Bob&refused=true", http.StatusOK, "Thank you")
	// Answered as rejected, it is resolved once Resume has chosen the branch.
	a.step("busy.txt", "acme-pickup", func(r ran) bool { return r.Status == node.Resolved })

	a.carrier.script(500, 500, 500)
	a.drop("broken.txt", goodIBAN)
	got = a.step("broken.txt", "acme-ship", ended)
	if got.Status != node.Error || !strings.Contains(string(got.Result), "cannot take orders now") {
		t.Errorf("a broken carrier came to %d %s", got.Status, got.Result)
	}

	a.carrier.script()
	a.carrier.gate.Lock()
	a.drop("cancelled.txt", goodIBAN)
	a.server.Await("the order", func() bool { keys, _ := a.carrier.came(); return len(keys) == 1 })
	running := a.step("cancelled.txt", "acme-ship", func(r ran) bool { return !r.Ended })
	a.post(fmt.Sprintf("executions:cancel?filterByTk=%d", running.Execution), `{}`, nil)
	a.server.Await("the caller to leave", func() bool { _, left := a.carrier.came(); return left == 1 })
	a.carrier.gate.Unlock()
	if keys, _ := a.carrier.came(); len(keys) != 1 {
		t.Errorf("a cancelled order came %d times", len(keys))
	}
}

// TestOwnTypesOnPages: the pages know a company's types by nothing but what they say
// of themselves.
func TestOwnTypesOnPages(t *testing.T) {
	t.Parallel()
	a := newAcme(t)
	a.define()
	flow := fmt.Sprintf("/workflows/%d", a.flow)

	a.shows("/workflows/new", "#main", "When a file appears")
	a.shows(flow, "#flow", "A file appears in "+a.folder, "19 % on 100", "INV", "With a branch for refusals", "Refused")
	a.shows(flow+"/trigger", "#drawer", "Folder", "Only names that end in")
	a.shows(flow+"/trigger?tab=help", "#drawer", "moves the file into the folder")
	if _, doc := a.page(http.MethodGet, flow+"/trigger"); doc.Find("#f-ending").AttrOr("value", "") != ".txt" {
		t.Error("the form of the trigger does not hold its settings")
	}
	a.shows(flow+"/nodes/new?after=trigger", "fieldset:contains(Acme)", "Value added tax", "Next number", "Order a parcel", "Wait for the courier")
	a.shows(flow+"/run", "#main", "As if a file had appeared.")

	// A draft, for the version has run once it is on.
	var draft struct {
		ID  int64
		Key string
	}
	a.post(fmt.Sprintf("workflows:revision?filterByTk=%d", a.flow), `{}`, &draft)
	copied := map[string]int64{}
	var rows []struct {
		ID     int64  `db:"id"`
		Key    string `db:"key"`
		Type   string `db:"type"`
		Config string `db:"config"`
	}
	if err := a.db.SelectContext(t.Context(), &rows, "SELECT id, key, type, config FROM alur.flow_nodes WHERE workflow_id = $1", draft.ID); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, r := range rows {
		copied[r.Type], keys[r.Type] = r.ID, r.Key
	}
	if len(rows) != 5 || copied["acme-vat"] == 0 {
		t.Fatalf("the copy has the nodes %v", rows)
	}
	flow = fmt.Sprintf("/workflows/%d", draft.ID)

	var twin struct {
		ID     int64
		Type   string
		Config map[string]any
	}
	a.post(fmt.Sprintf("flow_nodes:duplicate?filterByTk=%d", copied["acme-vat"]), fmt.Sprintf(`{"upstreamId": %d}`, copied["acme-vat"]), &twin)
	if twin.Type != "acme-vat" || twin.Config["rate"] != 19.0 {
		t.Errorf("the duplicate is %+v", twin)
	}

	// Problems stand beside their fields, and in the API under their keys.
	status, doc := a.page(http.MethodPost, flow+"/nodes/"+keys["acme-vat"], "net", "much", "rate", "99")
	if status != http.StatusUnprocessableEntity || !strings.Contains(doc.Find("#f-net-error").Text(), "Enter a number, such as 19.90.") ||
		!strings.Contains(doc.Find("#f-rate-error").Text(), "between 0 and 30 percent") {
		t.Errorf("a wrong form answers %d, beside the fields %q and %q", status, doc.Find("#f-net-error").Text(), doc.Find("#f-rate-error").Text())
	}
	if got := doc.Find("#f-net").AttrOr("value", ""); got != "much" {
		t.Errorf("what was typed became %q", got)
	}
	if said := a.refused(fmt.Sprintf("flow_nodes:update?filterByTk=%d", copied["acme-ship"]), `{"config": {"url": "moon"}}`); !strings.Contains(said, "Enter the address of the carrier") || !strings.Contains(said, "Enter where the parcel goes") {
		t.Errorf("the API says %s", said)
	}

	// The tab “Test”, the same through the API, and a type without.
	a.shows(flow+"/nodes/"+keys["acme-vat"]+"?tab=test", "#drawer", "Works out the tax with the values below.")
	if status, doc := a.page(http.MethodPost, flow+"/nodes/"+keys["acme-vat"]+"/test"); status != http.StatusOK || !strings.Contains(doc.Find("#trial").Text(), "119") {
		t.Errorf("a test answers %d: %q", status, doc.Find("#trial").Text())
	}
	var out struct {
		Status int
		Result map[string]any
	}
	a.post("flow_nodes:test", `{"type": "acme-vat", "config": {"net": 200, "rate": 7}}`, &out)
	if out.Status != 1 || out.Result["gross"] != 214.0 {
		t.Errorf("a test through the API gives %+v", out)
	}
	if said := a.refused("flow_nodes:test", `{"type": "acme-ship", "config": {}}`); !strings.Contains(said, "cannot be tested on their own") {
		t.Errorf("a test of a type without: %s", said)
	}

	// Variables of own types with examples; the branch that the type has.
	a.shows(flow+"/scope?node="+keys["acme-ship"], "main", "With its series", "File name")
	if _, doc := a.page(http.MethodGet, flow+"/nodes/"+keys["acme-ship"]); !strings.HasSuffix(doc.Find("#f-address-chips .var").Text(), "/ File name") {
		t.Errorf("the variable in the address is called %q", doc.Find("#f-address-chips .var").Text())
	}
	if _, doc := a.page(http.MethodGet, flow+"/nodes/"+keys["calculation"]+"?tab=test"); doc.Find("#drawer input[name='value.$context.text']").AttrOr("value", "") != "Content" {
		t.Error("the test of a later node holds no example of what the trigger gives")
	}
	status, doc = a.page(http.MethodPost, flow+"/nodes", "after", "trigger", "type", "acme-pickup/branch")
	if got := doc.Find("main .choice b").Text(); status != http.StatusOK || got != "Below its branchesInto the branch “Refused”" {
		t.Errorf("where what follows may go: %d %q", status, got)
	}
	a.shows(flow+"/nodes/"+keys["calculation"], "#drawer", "ACME_IBAN(text): whether the check digits of an IBAN are right")

	// By hand; without a file.
	if status, _ := a.page(http.MethodPost, fmt.Sprintf("/workflows/%d/run", a.flow)); status != http.StatusSeeOther {
		t.Errorf("a start by hand answers %d", status)
	}
	a.step("by-hand.txt", "acme-number", ended)
}

// moduleRoot is the directory of Alur's source.
func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(root))
}

// in runs a command in dir, with env beside ours.
func in(t *testing.T, dir string, env []string, command ...string) {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, text)
	}
}

// TestOwnTypesModule runs the tests of the company's module: it holds its types to
// what ours are held to.
func TestOwnTypesModule(t *testing.T) {
	t.Parallel()
	in(t, filepath.Join(moduleRoot(t), crashtest.Example), nil, "go", "test", "./...")
}

// TestGuide follows the guide in the documentation of package node to the letter,
// until the node shows in the dialog. Only "go mod tidy", which may ask the network,
// gives way to the sums that we know.
func TestGuide(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	text, err := os.ReadFile(filepath.Join(root, "engine/node/doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "//"), "\n")
		if code, ok := strings.CutPrefix(line, "\t"); ok || line == "" {
			if name != "" {
				files[name] += code + "\n"
			}
			continue
		}
		words := strings.Fields(strings.TrimSuffix(line, ":"))
		if name = ""; strings.HasSuffix(line, ".go:") {
			name = words[len(words)-1]
		}
	}
	if len(files) != 4 {
		t.Fatalf("the guide has %d files", len(files))
	}
	for name, code := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := os.ReadFile(filepath.Join(root, crashtest.Example, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		t.Fatal(err)
	}
	offline := []string{"GOFLAGS=-mod=mod", "GOPROXY=off"}
	in(t, dir, nil, "go", "mod", "init", "acme.example/alur")
	in(t, dir, nil, "go", "mod", "edit", "-require=alur@v0.0.0", "-replace=alur="+root)
	in(t, dir, offline, "go", "build", "-o", "acme", ".")
	in(t, dir, offline, "go", "test", "./...")

	a := newAcmeOf(t, crashtest.Options{File: filepath.Join(dir, "acme")})
	var w struct{ ID int64 }
	a.post("workflows:create", `{"title": "Hello", "type": "collection"}`, &w)
	a.shows(fmt.Sprintf("/workflows/%d/nodes/new?after=trigger", w.ID), "fieldset:contains(Acme)", "Greet", "Says hello.")
}
