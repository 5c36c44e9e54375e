package auth_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pgtest"
)

// org is a store with an administrator and a role of its own.
type org struct {
	*auth.Store
	t *testing.T
	c *clock
}

func newOrg(t *testing.T) *org {
	t.Helper()
	s, c := newStore(t)
	return &org{s, t, c}
}

// role makes a role as the engine.
func (o *org) role(name auth.Role, actions, snippets []string) {
	o.t.Helper()
	if _, err := o.CreateRole(o.t.Context(), auth.System, auth.RoleDefinition{Name: name, Actions: actions, Snippets: snippets}); err != nil {
		o.t.Fatal(err)
	}
}

// session signs a person in.
func (o *org) session(kind auth.Kind, account string) (string, auth.Session) {
	o.t.Helper()
	token, _, err := o.SignIn(o.t.Context(), kind, account, password, auth.Client{})
	if err != nil {
		o.t.Fatal(err)
	}
	s, err := o.Resolve(o.t.Context(), kind, token, auth.Client{})
	if err != nil {
		o.t.Fatal(err)
	}
	return token, s
}

// collection makes a collection's row, which rules refer to.
func (o *org) collection(name string) {
	o.t.Helper()
	if _, err := o.DB.ExecContext(o.t.Context(), `INSERT INTO alur.collections (name, title, table_name) VALUES ($1, $1, $1)`, name); err != nil {
		o.t.Fatal(err)
	}
}

func TestSnippets(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	create(t, o.Store, auth.NewUser{Username: "u"})
	for i, tc := range []struct {
		patterns []string
		want     []auth.Right // besides UseRecords
	}{
		{nil, nil},
		{[]string{"pm.users"}, []auth.Right{auth.ManageUsers}},
		{[]string{"pm.*", "!pm.users", "!pm.acl.*"}, []auth.Right{auth.ManageWorkflows, auth.SeeWorkflows, auth.ManageCollections, auth.ManageKeys, auth.ManageServer, auth.ReadAudit, auth.CreateWorkflows, auth.UseWorkflows, auth.ManageVariables}},
		{[]string{"!pm.users", "pm.users"}, nil},
		{[]string{"ui.*"}, []auth.Right{auth.SeeWorkflows, auth.UseWorkflows}},
		{[]string{"pm.workflow.create"}, []auth.Right{auth.CreateWorkflows, auth.UseWorkflows}},
		{[]string{"pm"}, nil},
		{[]string{"pm.workflow.workflows"}, []auth.Right{auth.ManageWorkflows, auth.SeeWorkflows, auth.CreateWorkflows, auth.UseWorkflows}},
	} {
		name := auth.Role(rune('a' + i))
		o.role(name, nil, tc.patterns)
		u, _, err := o.List(t.Context(), auth.System, auth.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		changed, err := o.Update(t.Context(), auth.System, u[0].ID, auth.Change{Role: &name})
		if err != nil {
			t.Fatal(err)
		}
		a, err := o.ActorOf(t.Context(), changed)
		if err != nil {
			t.Fatal(err)
		}
		if !a.Can(auth.UseRecords) {
			t.Errorf("%v: may not even use records", tc.patterns)
		}
		var got []auth.Right
		for r := auth.ManageWorkflows; r <= auth.UseWorkflows; r++ {
			if a.Can(r) {
				got = append(got, r)
			}
		}
		if len(got) != len(tc.want) {
			t.Errorf("%v: rights %v, want %v", tc.patterns, got, tc.want)
		}
		for _, r := range tc.want {
			if !a.Can(r) {
				t.Errorf("%v: lacks right %d", tc.patterns, r)
			}
		}
	}
}

// TestNobodyGivesMore: who looks after roles and people gives no right that they
// do not have, to nobody, by no way.
func TestNobodyGivesMore(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	ctx := t.Context()
	o.collection("orders")
	o.role("chief", []string{"view:own", "create"}, []string{"pm.users", "pm.acl.roles"})
	o.role("clerk", []string{"view:own"}, nil)
	o.role("helper", nil, nil)
	o.role("boss", []string{"view", "update"}, []string{"pm.users"})
	scope, err := o.CreateScope(ctx, auth.System, auth.NamedScope{Name: "Open", Filter: json.RawMessage(`{"status":"open"}`)})
	if err != nil {
		t.Fatal(err)
	}
	create(t, o.Store, auth.NewUser{Username: "chief", Role: "chief"})
	clerk := create(t, o.Store, auth.NewUser{Username: "clerk", Role: "clerk"})
	boss := create(t, o.Store, auth.NewUser{Username: "boss", Role: "boss"})
	_, s := o.session(auth.Web, "chief")
	a := s.Actor
	all, own, wide := []string{"view"}, []string{"view:own"}, []string{"pm.*"}
	role := func(r auth.Role) *auth.Role { return &r }
	fields := func(names ...string) []string { return names }
	for name, tc := range map[string]struct {
		do   func() error
		want fault.Kind // 0 for none
	}{
		"make a weaker role":   {func() error { _, err := o.CreateRole(ctx, a, auth.RoleDefinition{Name: "x", Actions: own}); return err }, 0},
		"make a stronger role": {func() error { _, err := o.CreateRole(ctx, a, auth.RoleDefinition{Name: "y", Actions: all}); return err }, fault.Forbidden},
		"make one with more snippets": {func() error {
			_, err := o.CreateRole(ctx, a, auth.RoleDefinition{Name: "z", Snippets: wide})
			return err
		}, fault.Forbidden},
		"strengthen a weaker role": {func() error {
			_, err := o.UpdateRole(ctx, a, "clerk", auth.RoleChange{Actions: &all})
			return err
		}, fault.Forbidden},
		"strengthen the own role": {func() error {
			_, err := o.UpdateRole(ctx, a, "chief", auth.RoleChange{Snippets: &wide})
			return err
		}, fault.Forbidden},
		"weaken a stronger role": {func() error { _, err := o.UpdateRole(ctx, a, "boss", auth.RoleChange{Actions: &own}); return err }, fault.Forbidden},
		"weaken the administrators": {func() error {
			_, err := o.UpdateRole(ctx, a, auth.Admin, auth.RoleChange{Actions: &own})
			return err
		}, fault.Forbidden},
		"delete a stronger role": {func() error { return o.DeleteRole(ctx, a, "boss") }, fault.Forbidden},
		"make it the default":    {func() error { return o.SetDefaultRole(ctx, a, "boss") }, fault.Forbidden},
		"make the owner's it":    {func() error { return o.SetDefaultRole(ctx, auth.System, auth.Root) }, fault.Forbidden},
		"give the weaker role":   {func() error { _, err := o.Update(ctx, a, clerk.ID, auth.Change{Role: role("helper")}); return err }, 0},
		"give a stronger role":   {func() error { _, err := o.Update(ctx, a, clerk.ID, auth.Change{Role: role("boss")}); return err }, fault.Invalid},
		"give it as a further one": {func() error {
			_, err := o.Update(ctx, a, clerk.ID, auth.Change{More: &[]auth.Role{"boss"}})
			return err
		}, fault.Invalid},
		"give it to oneself":    {func() error { _, err := o.Update(ctx, a, a.UserID, auth.Change{Role: role("boss")}); return err }, fault.Invalid},
		"make an administrator": {func() error { _, err := o.Create(ctx, a, auth.NewUser{Username: "n", Role: auth.Admin}); return err }, fault.Invalid},
		"invite one": {func() error {
			_, _, err := o.Invite(ctx, a, auth.NewUser{Username: "n", Role: auth.Admin}, nil)
			return err
		}, fault.Invalid},
		"reset a stronger person": {func() error { _, _, err := o.Reset(ctx, a, boss.ID, nil); return err }, fault.Forbidden},
		"deactivate one":          {func() error { _, err := o.Deactivate(ctx, a, boss.ID); return err }, fault.Forbidden},
		"delete one":              {func() error { return o.Delete(ctx, a, boss.ID) }, fault.Forbidden},
		"weaken one":              {func() error { _, err := o.Update(ctx, a, boss.ID, auth.Change{Role: role("clerk")}); return err }, fault.Forbidden},
		"rules within the own rights": {func() error {
			_, err := o.PutResource(ctx, a, "helper", rules("orders", auth.View, fields("a"), ptr(2)))
			return err
		}, 0},
		"rules for all records": {func() error {
			_, err := o.PutResource(ctx, a, "helper", rules("orders", auth.View, nil, nil))
			return err
		}, fault.Forbidden},
		"rules for a scope": {func() error {
			_, err := o.PutResource(ctx, a, "helper", rules("orders", auth.View, nil, &scope.ID))
			return err
		}, fault.Forbidden},
		"rules for another action": {func() error {
			_, err := o.PutResource(ctx, a, "helper", rules("orders", auth.Destroy, nil, ptr(2)))
			return err
		}, fault.Forbidden},
		"rules of a stronger role": {func() error { return o.DropResource(ctx, a, "boss", "orders") }, fault.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.do()
			if tc.want == 0 && err != nil || tc.want != 0 && !fault.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// TestNobodyGivesMoreWorkflows: whoever looks after roles and people without
// managing workflows gives no role, and takes over no account, that reaches
// workflows on which they have a lower level themselves.
func TestNobodyGivesMoreWorkflows(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	ctx := t.Context()
	role := func(r auth.Role) *auth.Role { return &r }
	member := func(key string, person int64, role auth.Role, level auth.Level) {
		t.Helper()
		const insert = `INSERT INTO alur.workflow_members (workflow_key, user_id, role_name, level)
			VALUES ($1, NULLIF(CAST($2 AS bigint), 0), NULLIF($3, ''), CAST($4 AS alur.workflow_level))`
		if _, err := o.DB.ExecContext(ctx, insert, key, person, string(role), string(level)); err != nil {
			t.Fatal(err)
		}
	}
	o.role("chief", nil, []string{"pm.users", "pm.acl.roles"})
	for _, name := range []auth.Role{"viewers", "operators", "strangers", "plain"} {
		o.role(name, nil, nil)
	}
	chief := create(t, o.Store, auth.NewUser{Username: "chief", Role: "chief"})
	owner := create(t, o.Store, auth.NewUser{Username: "owner", Role: "plain"})
	tom := create(t, o.Store, auth.NewUser{Username: "tom", Role: "plain"})
	via := create(t, o.Store, auth.NewUser{Username: "via", Role: "plain", More: []auth.Role{"strangers"}})
	member("ledger", chief.ID, "", auth.Viewer)
	member("ledger", owner.ID, "", auth.Owner)
	member("ledger", 0, "viewers", auth.Viewer)
	member("ledger", 0, "operators", auth.Operator)
	member("payroll", 0, "strangers", auth.Viewer)
	_, s := o.session(auth.Web, "chief")
	a := s.Actor

	all, err := o.Roles(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if want := d.Name != "chief" && d.Name != "viewers" && d.Name != "plain"; d.Above != want {
			t.Errorf("role %s above the chief: %v, want %v", d.Name, d.Above, want)
		}
	}
	above, err := o.Above(ctx, a, []auth.User{chief, owner, tom, via})
	if err != nil || len(above) != 2 || !above[owner.ID] || !above[via.ID] {
		t.Errorf("above the chief are %v (%v), want the owner and via", above, err)
	}
	secret := "quite another password"
	for _, tc := range []struct {
		name string
		do   func() error
		want fault.Kind // 0 for none
	}{
		{"give a role of the own level", func() error { _, err := o.Update(ctx, a, tom.ID, auth.Change{Role: role("viewers")}); return err }, 0},
		{"give one of a higher level", func() error { _, err := o.Update(ctx, a, tom.ID, auth.Change{Role: role("operators")}); return err }, fault.Invalid},
		{"give one on another workflow", func() error {
			_, err := o.Update(ctx, a, tom.ID, auth.Change{More: &[]auth.Role{"strangers"}})
			return err
		}, fault.Invalid},
		{"take it oneself", func() error {
			_, err := o.Update(ctx, a, a.UserID, auth.Change{More: &[]auth.Role{"strangers"}})
			return err
		}, fault.Invalid},
		{"make a person with it", func() error { _, err := o.Create(ctx, a, auth.NewUser{Username: "n", Role: "strangers"}); return err }, fault.Invalid},
		{"make it the default", func() error { return o.SetDefaultRole(ctx, a, "strangers") }, fault.Forbidden},
		{"delete it", func() error { return o.DeleteRole(ctx, a, "operators") }, fault.Forbidden},
		{"take over an owner", func() error { _, err := o.Update(ctx, a, owner.ID, auth.Change{Password: &secret}); return err }, fault.Forbidden},
		{"take over by a link", func() error { _, _, err := o.Reset(ctx, a, via.ID, nil); return err }, fault.Forbidden},
		{"as the engine", func() error {
			_, err := o.Update(ctx, auth.System, tom.ID, auth.Change{Role: role("operators")})
			return err
		}, 0},
	} {
		if err := tc.do(); tc.want == 0 && err != nil || tc.want != 0 && !fault.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}

	// Who manages all workflows gives them all.
	o.role("manager", nil, []string{"pm.users", "pm.workflow.workflows"})
	create(t, o.Store, auth.NewUser{Username: "manager", Role: "manager"})
	_, s = o.session(auth.Web, "manager")
	if _, err := o.Update(ctx, s.Actor, tom.ID, auth.Change{Role: role("strangers")}); err != nil {
		t.Errorf("a manager of workflows gives a role that has some: %v", err)
	}
}

func ptr(id int64) *int64 { return &id }

// rules are those for one action.
func rules(collection string, act auth.Action, fields []string, scope *int64) auth.Resource {
	return auth.Resource{Collection: collection, OwnRules: true, Actions: []auth.ResourceAction{{Name: act, Fields: fields, ScopeID: scope}}}
}

// TestScopeCannotBeWidened: a scope that limits somebody is not theirs to change.
func TestScopeCannotBeWidened(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	ctx := t.Context()
	o.collection("orders")
	o.role("chief", nil, []string{"pm.acl.roles"})
	n, err := o.CreateScope(ctx, auth.System, auth.NamedScope{Key: "open", Name: "Open", Collection: "orders", Filter: json.RawMessage(`{"status":"open"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.PutResource(ctx, auth.System, "chief", rules("orders", auth.View, nil, &n.ID)); err != nil {
		t.Fatal(err)
	}
	create(t, o.Store, auth.NewUser{Username: "chief", Role: "chief"})
	_, s := o.session(auth.Web, "chief")
	if g := s.Actor.Grant("orders", auth.View); !g.Allowed || g.Any || len(g.Scopes) != 1 {
		t.Fatalf("the grant is %+v", g)
	}
	n.Filter = json.RawMessage(`{}`)
	if _, err := o.UpdateScope(ctx, s.Actor, n); !fault.Is(err, fault.Forbidden) {
		t.Errorf("widen the own scope: %v, want forbidden", err)
	}
	if _, err := o.UpdateScope(ctx, auth.System, n); err != nil {
		t.Errorf("by the engine: %v", err)
	}
	if err := o.DeleteScope(ctx, auth.System, n.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("delete a scope in use: %v, want conflict", err)
	}
	for _, id := range []int64{1, 2} {
		if err := o.DeleteScope(ctx, auth.System, id); !fault.Is(err, fault.Forbidden) {
			t.Errorf("delete built-in scope %d: %v, want forbidden", id, err)
		}
	}
	for name, bad := range map[string]auth.NamedScope{
		"scope":        {Name: "x", Filter: json.RawMessage(`[1]`)},
		"name":         {Name: " ", Filter: json.RawMessage(`{}`)},
		"key":          {Name: "x", Key: "own", Filter: json.RawMessage(`{}`)},
		"resourceName": {Name: "x", Collection: "nope", Filter: json.RawMessage(`{}`)},
	} {
		if _, err := o.CreateScope(ctx, auth.System, bad); problem(err, name) == "" {
			t.Errorf("a scope with a bad %s: %v", name, err)
		}
	}
}

func TestRoleLife(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	ctx := t.Context()
	o.role("sales", []string{"view"}, nil)
	for name, bad := range map[string]auth.RoleDefinition{
		"name":     {Name: "1x"},
		"title":    {Name: "x", Title: "a\x00b"},
		"actions":  {Name: "x", Actions: []string{"create:own"}},
		"snippets": {Name: "x", Snippets: []string{"pm users"}},
	} {
		if _, err := o.CreateRole(ctx, auth.System, bad); problem(err, name) == "" {
			t.Errorf("a role with bad %s: %v", name, err)
		}
	}
	if _, err := o.CreateRole(ctx, auth.System, auth.RoleDefinition{Name: "sales"}); problem(err, "name") == "" {
		t.Errorf("the same name twice: %v", err)
	}
	u := create(t, o.Store, auth.NewUser{Username: "u", Role: "sales", More: []auth.Role{auth.Member}})
	if got := u.Roles(); len(got) != 2 || got[0] != "sales" || got[1] != auth.Member {
		t.Errorf("roles are %v", got)
	}
	if err := o.DeleteRole(ctx, auth.System, "sales"); !fault.Is(err, fault.Conflict) {
		t.Errorf("delete a role in use: %v, want conflict", err)
	}
	if err := o.DeleteRole(ctx, auth.System, auth.Member); !fault.Is(err, fault.Forbidden) {
		t.Errorf("delete a built-in role: %v, want forbidden", err)
	}
	if err := o.SetDefaultRole(ctx, auth.System, "sales"); err != nil {
		t.Fatal(err)
	}
	if n := create(t, o.Store, auth.NewUser{Username: "n"}); n.Role != "sales" {
		t.Errorf("a new person has role %s", n.Role)
	}
	counts, err := o.PeoplePerRole(ctx, auth.System)
	if err != nil || counts["sales"] != 2 || counts[auth.Member] != 1 {
		t.Errorf("people per role: %v, %v", counts, err)
	}
	if err := o.DeleteRole(ctx, auth.System, "sales"); !fault.Is(err, fault.Conflict) {
		t.Errorf("delete the default role: %v, want conflict", err)
	}
	if _, err := o.UpdateRole(ctx, auth.System, auth.Root, auth.RoleChange{}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("change the owner's role: %v, want forbidden", err)
	}
}

// TestRolesOfASession: a browser acts in all roles together, a program in the own
// one or the one that it asks for.
func TestRolesOfASession(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	ctx := t.Context()
	o.collection("orders")
	o.collection("notes")
	o.role("sales", []string{"view:own"}, []string{"pm.users"})
	o.role("stock", []string{"view"}, []string{"!pm.*"})
	if _, err := o.PutResource(ctx, auth.System, "sales", rules("orders", auth.View, []string{"a"}, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.PutResource(ctx, auth.System, "stock", rules("orders", auth.View, []string{"b"}, ptr(2))); err != nil {
		t.Fatal(err)
	}
	create(t, o.Store, auth.NewUser{Username: "ann", Role: "sales", More: []auth.Role{"stock"}})
	_, web := o.session(auth.Web, "ann")
	_, api := o.session(auth.API, "ann")
	if web.Actor.Role != auth.Union || api.Actor.Role != "sales" {
		t.Errorf("acting as %s and %s", web.Actor.Role, api.Actor.Role)
	}
	g := web.Actor.Grant("orders", auth.View)
	if !g.Any || !g.Field("a") || !g.Field("b") || g.Field("c") || !web.Actor.Grant("notes", auth.View).Any || !web.Actor.Can(auth.ManageUsers) {
		t.Errorf("together: %+v", g)
	}
	stock, err := o.As(ctx, api, "stock")
	if g := stock.Actor.Grant("orders", auth.View); err != nil || g.Any || !g.Own || g.Field("a") || stock.Actor.Can(auth.ManageUsers) {
		t.Errorf("as stock: %+v, %v", g, err)
	}
	if both, err := o.As(ctx, api, auth.Union); err != nil || !both.Actor.Grant("notes", auth.View).Any {
		t.Errorf("as union: %v", err)
	}
	for _, role := range []auth.Role{auth.Root, auth.Admin, "nope"} {
		if _, err := o.As(ctx, api, role); code(err) != "ROLE_NOT_FOUND_FOR_USER" {
			t.Errorf("as %s: %v", role, err)
		}
	}
	if _, err := o.SetOwnRole(ctx, web.Actor, auth.Admin); problem(err, "roleName") == "" {
		t.Errorf("choose a role of somebody else: %v", err)
	}
	if u, err := o.SetOwnRole(ctx, web.Actor, "stock"); err != nil || u.Role != "stock" || len(u.Roles()) != 2 {
		t.Errorf("choose the other role: %+v, %v", u, err)
	}
}

// TestRightsActAtOnce: a change of a role is seen by the process that made it
// with the next request, by others when the signal has come, and by those that
// heard nothing within two seconds.
func TestRightsActAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	c := &clock{t: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	here, there, deaf := storeOn(pgtest.Open(t, url), c, 1), storeOn(pgtest.Open(t, url), c, 2), storeOn(pgtest.Open(t, url), c, 3)
	heard := make(chan string, 100)
	there.DB.Subscribe(auth.Channel, func(who string) {
		there.Forget(who)
		heard <- who
	})
	create(t, here, auth.NewUser{Username: "ann"})
	token := signIn(t, here, "ann")
	can := func(s *auth.Store) bool {
		t.Helper()
		session, err := s.Resolve(context.Background(), auth.Web, token, auth.Client{})
		if err != nil {
			t.Fatal(err)
		}
		return session.Actor.Can(auth.ManageUsers)
	}
	for _, s := range []*auth.Store{here, there, deaf} {
		if can(s) {
			t.Fatal("a member looks after people")
		}
	}
	// The listener tells of its own connection once it is there.
	change := func(snippets ...string) {
		t.Helper()
		if _, err := here.UpdateRole(t.Context(), auth.System, auth.Member, auth.RoleChange{Snippets: &snippets}); err != nil {
			t.Fatal(err)
		}
	}
	change("pm.users")
	if !can(here) {
		t.Error("here: not at once")
	}
	if can(deaf) {
		t.Error("who heard nothing knows already")
	}
	for deadline := time.After(20 * time.Second); !can(there); {
		select {
		case <-heard:
		case <-time.After(300 * time.Millisecond):
			change("pm.users") // the first signal may have come before it listened
		case <-deadline:
			t.Fatal("there: never")
		}
	}
	c.add(2 * time.Second)
	if !can(deaf) {
		t.Error("who heard nothing does not know after two seconds")
	}
}
