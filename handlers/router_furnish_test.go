package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/secret"
	"alur/engine/transfer"
)

// furnish puts one of everything into the database, so that routes with ids
// find something: both sample applications, an order that was worked on, a
// leave request that waits for a decision with its mail, a workflow's draft, an
// invited person.
func (s *site) furnish() {
	s.t.Helper()
	ctx := s.t.Context()
	if _, _, err := s.Auth.Invite(ctx, auth.System, auth.NewUser{Nickname: "Vic Victim", Email: "victim@alur.test"}, nil); err != nil {
		s.t.Fatal(err)
	}
	a := s.users[root].Actor()
	for _, name := range []string{"orders", "leave"} {
		if err := s.Samples.Install(ctx, a, name); err != nil {
			s.t.Fatalf("install %s: %v", name, err)
		}
	}
	s.fileField("orders", "receipts")
	s.sortingOn("orders")
	s.record("orders", collection.Record{"product": s.first("products"), "quantity": 1.0, "receipts": []any{s.file(root, "receipt.pdf", "%PDF-1.7")["id"]}})
	s.record("leaveRequests", collection.Record{"employee": s.first("employees"), "firstDay": "2030-07-01", "lastDay": "2030-07-05", "reason": "Summer"})
	s.record("workflowCategories", collection.Record{"title": "Sales"})
	s.imported("orders")
	s.work()
	var workflow int64
	if err := s.DB.GetContext(ctx, &workflow, `SELECT min(workflow_id) FROM alur.executions`); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Engine.Draft(ctx, a, workflow); err != nil {
		s.t.Fatal(err)
	}
	s.furnishRoles()
	s.runsAgain()
}

// sortingOn makes and enables a workflow on a collection with quantities that has
// several conditions and an output.
func (s *site) sortingOn(coll string) engine.Workflow {
	s.t.Helper()
	ctx := s.t.Context()
	w, err := s.Engine.CreateWorkflow(ctx, auth.System, engine.NewWorkflow{Title: "Sort orders", Type: "collection", Config: json.RawMessage(`{"collection": "` + coll + `", "mode": 1}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := s.Engine.AddNode(ctx, auth.System, w.ID, engine.NewNode{Key: "size", Type: "multi-conditions", Title: "How large", Config: json.RawMessage(`{"continueOnNoMatch": true, "conditions": [
		{"title": "Large", "calculation": {"group": {"type": "and", "calculations": [{"calculator": "gte", "operands": ["{{$context.data.quantity}}", 100]}]}}},
		{"title": "Middle", "calculation": {"group": {"type": "and", "calculations": [{"calculator": "gte", "operands": ["{{$context.data.quantity}}", 10]}]}}}]}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	for index, title := range []string{"Small one", "Large one", "Middle one"} {
		if _, err := s.Engine.AddNode(ctx, auth.System, w.ID, engine.NewNode{Key: "out" + strconv.Itoa(index), Type: "output", Title: title,
			Config: json.RawMessage(`{"value": {"size": "` + title + `", "quantity": "{{$context.data.quantity}}"}}`), UpstreamID: &m.ID, BranchIndex: &index}); err != nil {
			s.t.Fatal(err)
		}
	}
	if w, err = s.Engine.EnableWorkflow(ctx, auth.System, w.ID, true); err != nil {
		s.t.Fatal(err)
	}
	return w
}

// furnishRoles makes a role with rules for a collection, a scope, and a key of
// root's.
func (s *site) furnishRoles() {
	s.t.Helper()
	ctx := s.t.Context()
	if _, err := s.Auth.CreateRole(ctx, auth.System, auth.RoleDefinition{Name: "helper", Title: "Helper"}); err != nil {
		s.t.Fatal(err)
	}
	scope, err := s.Auth.CreateScope(ctx, auth.System, auth.NamedScope{Key: "few", Name: "Few", Collection: "orders", Filter: []byte(`{"quantity":{"$lt":5}}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.Auth.PutResource(ctx, auth.System, "helper", auth.Resource{Collection: "orders", OwnRules: true,
		Actions: []auth.ResourceAction{{Name: auth.View, ScopeID: &scope.ID}}})
	if err != nil {
		s.t.Fatal(err)
	}
	session, err := s.Auth.Resolve(ctx, auth.Web, s.tokens[root], auth.Client{})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Values.Create(ctx, auth.System, "SHOP_TOKEN", secret.Hidden, "a token of the shop"); err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := s.Auth.CreateKey(ctx, session, "Importer", auth.Root, "30d"); err != nil {
		s.t.Fatal(err)
	}
}

// record creates a record as root.
func (s *site) record(name string, values collection.Record) {
	s.t.Helper()
	if err := s.create(collection.Access{Actor: s.users[root].Actor()}, name, values); err != nil {
		s.t.Fatalf("create a record of %s: %v", name, err)
	}
}

func (s *site) create(a collection.Access, name string, values collection.Record) error {
	return s.Records.Write(s.t.Context(), name, func(tx *pg.Tx) error {
		_, err := s.Records.Create(s.t.Context(), tx, a, name, values, nil)
		return err
	})
}

// fileField adds a field to a collection that holds files.
func (s *site) fileField(coll, name string) {
	s.t.Helper()
	if _, err := s.Records.AddField(s.t.Context(), auth.System, coll, collection.Field{Name: name, Type: "attachment", Title: name}); err != nil {
		s.t.Fatalf("add a field for files: %v", err)
	}
}

// file adds a file as somebody.
func (s *site) file(who role, name, content string) collection.Record {
	s.t.Helper()
	rec, err := s.Files.Add(s.t.Context(), collection.Access{Actor: s.actorOf(who)}, attachment.Upload{Name: name, Bytes: strings.NewReader(content)})
	if err != nil {
		s.t.Fatalf("add %s: %v", name, err)
	}
	return rec
}

// imported uploads a file with a row that cannot be imported, and checks it.
func (s *site) imported(name string) {
	s.t.Helper()
	ctx, a := s.t.Context(), s.users[root].Actor()
	path := filepath.Join(s.t.TempDir(), "orders.csv")
	if err := os.WriteFile(path, []byte("Quantity\nmany\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	im, err := s.Imports.Upload(ctx, a, name, "orders.csv", path)
	if err == nil {
		_, err = s.Imports.Begin(ctx, a, im.ID, transfer.Settings{Columns: []string{"quantity"}, Match: "quantity"}, true)
	}
	if err == nil {
		_, err = s.Imports.WorkOnce(ctx)
	}
	if err != nil {
		s.t.Fatalf("import into %s: %v", name, err)
	}
}

// runsAgain has all executions run again, as root, as soon as a worker comes.
func (s *site) runsAgain() {
	s.t.Helper()
	if _, err := s.Engine.BeginBulkRerun(s.t.Context(), s.users[root].Actor(), engine.ExecutionFilter{}, "/executions", engine.Rerun{Asked: time.Now()}); err != nil {
		s.t.Fatalf("run all again: %v", err)
	}
}

// first is the id of the oldest record.
func (s *site) first(name string) any {
	s.t.Helper()
	r, err := s.Records.First(s.t.Context(), s.DB, collection.Access{Actor: auth.System}, name, collection.Query{Sort: []string{"id"}})
	if err != nil || r == nil {
		s.t.Fatalf("first record of %s: %v, %v", name, r, err)
	}
	return r["id"]
}

// work runs the workers until every execution has ended or waits for somebody.
func (s *site) work() {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Engine.Work(ctx, 1)
	}()
	defer func() {
		stop()
		<-done
	}()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		var open int
		if err := s.DB.GetContext(ctx, &open, `SELECT count(*) FROM alur.executions WHERE status IS NULL`); err != nil {
			s.t.Fatal(err)
		}
		if open == 0 {
			return
		}
	}
}

// places say where the ids of a route come from, by the beginning of its path;
// the longest that fits counts. Columns fill the parameters in their order.
// Parameters are written : and the colon of an action ~ here.
var places = map[string]string{
	"/users/":            `SELECT id::text FROM alur.users WHERE email = 'victim@alur.test'`,
	"/account/sessions/": `SELECT encode(token_hash, 'hex') FROM alur.sessions LIMIT 1`,
	"/tasks/:":           `SELECT id::text FROM alur.tasks`,
	"/outbox/:":          `SELECT id::text FROM alur.mails`,

	"/workflows/:":         `SELECT id::text FROM alur.workflows`,
	"/workflows/:/people/": `SELECT w.id::text, m.id::text FROM alur.workflows w JOIN alur.workflow_members m ON m.workflow_key = w.key`,
	"/workflows/:/nodes/:": `SELECT w.id::text, n.key FROM alur.workflows w JOIN alur.flow_nodes n ON n.workflow_id = w.id`,
	"/workflows/:/nodes/:/branches/:": `SELECT w.id::text, n.key, '2' FROM alur.workflows w JOIN alur.flow_nodes n ON n.workflow_id = w.id
		WHERE n.type = 'multi-conditions'`,
	"/workflow-categories/:": `SELECT id::text FROM alur.workflow_categories`,
	"/executions/:":          `SELECT id::text FROM alur.executions`,
	"/executions/reruns/:":   `SELECT id::text FROM alur.bulk_reruns`,
	"/executions/:/output":   `SELECT id::text FROM alur.executions WHERE output IS NOT NULL`,
	"/executions/:/nodes/":   `SELECT execution_id::text, node_key FROM alur.jobs`,
	"/executions/:/steps/":   `SELECT execution_id::text, id::text FROM alur.jobs`,

	"/files/:":                `SELECT filename FROM alur.attachments`,
	"/imports/:":              `SELECT id::text FROM alur.imports`,
	"/collections/:":          `SELECT name FROM alur.collections`,
	"/collections/:/fields/:": `SELECT collection_name, name FROM alur.fields`,
	"/data/:/files/:":         `VALUES ('orders', 'receipts')`,
	"/data/:":                 `SELECT 'orders', id::text FROM public.orders LIMIT 2`,

	"/variables/:":             `VALUES ('SHOP_TOKEN')`,
	"/api/environmentVaria":    `VALUES ('SHOP_TOKEN')`,
	"/api/attachments":         `SELECT id::text FROM alur.attachments`,
	"/api/users/:":             `SELECT id::text FROM alur.users WHERE email = 'victim@alur.test'`,
	"/roles/:":                 `VALUES ('helper')`,
	"/roles/:/collections/:":   `VALUES ('helper', 'orders')`,
	"/account/keys/":           `SELECT id::text FROM alur.api_keys WHERE name = 'Importer'`,
	"/api-keys/":               `SELECT id::text FROM alur.api_keys WHERE name = 'Importer'`,
	"/api/roles~":              `VALUES ('helper')`,
	"/api/roles/:":             `VALUES ('helper', 'orders')`,
	"/api/dataSourcesRolesRe":  `SELECT id::text FROM alur.role_scopes WHERE key = 'few'`,
	"/api/apiKeys~":            `SELECT id::text FROM alur.api_keys WHERE name = 'Importer'`,
	"/api/users~":              `SELECT id::text FROM alur.users WHERE email = 'victim@alur.test'`,
	"/api/workflows":           `SELECT id::text FROM alur.workflows`,
	"/api/workflows/:/members": `SELECT w.id::text, m.id::text FROM alur.workflows w JOIN alur.workflow_members m ON m.workflow_key = w.key`,
	"/api/workflows/:/nodes":   `SELECT w.id::text, n.id::text FROM alur.workflows w JOIN alur.flow_nodes n ON n.workflow_id = w.id`,
	"/api/workflows/:/categor": `SELECT w.id::text, c.id::text FROM alur.workflows w, alur.workflow_categories c`,
	"/api/flow_nodes":          `SELECT id::text FROM alur.flow_nodes`,
	"/api/executions":          `SELECT id::text FROM alur.executions`,
	"/api/jobs":                `SELECT id::text FROM alur.jobs`,
	"/api/workflowManualTasks": `SELECT id::text FROM alur.tasks`,
	"/api/userWorkflowTask":    `SELECT user_id::text FROM alur.tasks`,
	"/api/:":                   `VALUES ('orders:list'), ('orders:create'), ('users:list'), ('collections:listMeta')`,
	"/api/:/:":                 `SELECT 'orders:get', id::text FROM public.orders LIMIT 1`,
	"/api/:/:/:":               `SELECT 'products', id::text, 'orders:list' FROM public.products LIMIT 1`,
	"/api/:/:/:/:":             `SELECT 'products', p.id::text, 'orders:get', o.id::text FROM public.products p, public.orders o LIMIT 1`,
}

var mailedLink = regexp.MustCompile(`/links/([A-Za-z0-9_-]+)`)

// existing returns paths of the route with parameters of what is there, none
// when nothing is known.
func (s *site) existing(path string) []string {
	s.t.Helper()
	if strings.HasPrefix(path, "/links/:token") {
		return s.mailedPaths(path)
	}
	longest := ""
	plain := parameter.ReplaceAllString(strings.ReplaceAll(path, "\x00", "~"), ":")
	for place := range places {
		if strings.HasPrefix(plain, place) && len(place) > len(longest) {
			longest = place
		}
	}
	if longest == "" {
		return nil
	}
	rows, err := s.DB.QueryxContext(s.t.Context(), places[longest])
	if err != nil {
		s.t.Fatalf("fill %s: %v", path, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		values, err := rows.SliceScan()
		if err != nil {
			s.t.Fatal(err)
		}
		n := -1
		all = append(all, parameter.ReplaceAllStringFunc(path, func(string) string {
			n = min(n+1, len(values)-1)
			return url.PathEscape(fmt.Sprint(text(values[n])))
		}))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return all[:min(len(all), 12)]
}

func text(v any) any {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return v
}

// mailedPaths are the addresses in the mails of the outbox.
func (s *site) mailedPaths(path string) []string {
	s.t.Helper()
	var mails []string
	if err := s.DB.SelectContext(s.t.Context(), &mails, `SELECT m::text FROM alur.mails m`); err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, m := range mails {
		if found := mailedLink.FindStringSubmatch(m); found != nil {
			all = append(all, strings.Replace(path, ":token", found[1], 1))
		}
	}
	if len(all) == 0 {
		s.t.Errorf("no mail has a link for %s", path)
	}
	return all
}

// traps are addresses that would change something if a GET could: actions of
// the API, and what forms send, in the query.
func (s *site) traps(r Route) []string {
	s.t.Helper()
	switch {
	case r.API() && parameter.MatchString(strings.ReplaceAll(r.Path, `\:`, "")):
		id := fmt.Sprintf("%.0f", s.first("orders"))
		return []string{
			"/api/orders:create?quantity=1&values[quantity]=1",
			"/api/orders:update?filterByTk=" + id + "&values[quantity]=7&quantity=7",
			"/api/orders:destroy?filterByTk=" + id,
			"/api/orders:destroy/" + id,
			"/api/collections:destroy?filterByTk=orders",
			"/api/users:destroy?filterByTk=" + fmt.Sprint(s.users[admin].ID),
			"/api/workflows:destroy?filter={}",
			"/api/auth:signOut",
		}
	case r.Path == "/links/:token":
		var all []string
		for _, link := range s.mailedPaths(r.Path) {
			all = append(all, link+"?action=approve&form=approve&decision=approve&choice=approve")
		}
		return all
	}
	return nil
}
