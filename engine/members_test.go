package engine_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
)

// staff are people with sessions of their own.
type staff struct {
	*world
	people *auth.Store
}

func newStaff(t *testing.T) *staff {
	t.Helper()
	w := newWorld(t)
	return &staff{w, &auth.Store{DB: w.db, IDs: w.e.IDs, Now: time.Now, Cost: auth.Cost{Memory: 64, Passes: 1, Threads: 1}}}
}

// hire makes a person.
func (s *staff) hire(name string, roles ...auth.Role) auth.User {
	s.t.Helper()
	if len(roles) == 0 {
		roles = []auth.Role{auth.Member}
	}
	u, err := s.people.Create(s.t.Context(), auth.System, auth.NewUser{Nickname: name, Username: strings.ToLower(name), Role: roles[0], More: roles[1:]})
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// as is u asking, with all roles.
func (s *staff) as(u auth.User) auth.Actor {
	s.t.Helper()
	a, err := s.people.ActorOf(s.t.Context(), u)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *staff) role(name auth.Role, snippets ...string) {
	s.t.Helper()
	if _, err := s.people.CreateRole(s.t.Context(), auth.System, auth.RoleDefinition{Name: name, Title: "The " + string(name), Snippets: snippets}); err != nil {
		s.t.Fatal(err)
	}
}

// made is a new workflow of u's.
func (s *staff) made(u auth.User) engine.Workflow {
	s.t.Helper()
	w, err := s.e.CreateWorkflow(s.t.Context(), s.as(u), engine.NewWorkflow{Title: "Test", Type: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (s *staff) give(w engine.Workflow, n engine.NewMember) engine.Member {
	s.t.Helper()
	m, err := s.e.AddMember(s.t.Context(), auth.System, w.ID, n)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// listed are the members of a workflow: "Ann owner, The crew viewer".
func (s *staff) listed(w engine.Workflow) string {
	s.t.Helper()
	list, err := s.e.Members(s.t.Context(), auth.System, w.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	var texts []string
	for _, m := range list {
		texts = append(texts, m.Name+" "+string(m.Level))
	}
	return strings.Join(texts, ", ")
}

// TestOwners: whoever makes a workflow owns it, versions share the members, and a
// copy belongs to who made that.
func TestOwners(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	ctx := t.Context()
	s.role("maker", "pm.workflow.create")
	ann, bob := s.hire("Ann", "maker"), s.hire("Bob", "maker")
	w := s.made(ann)
	if got := s.listed(w); got != "Ann owner" {
		t.Fatalf("a new workflow has the members %q", got)
	}
	if _, _, err := s.e.Workflow(ctx, s.as(bob), w.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody else who makes workflows reads it: %v", err)
	}
	s.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Editor})
	version, err := s.e.Revise(ctx, s.as(bob), w.ID, w.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.listed(version); got != "Ann owner, Bob editor" {
		t.Errorf("a new version has the members %q", got)
	}
	twin, err := s.e.Revise(ctx, s.as(bob), w.ID, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.listed(twin); got != "Bob owner" {
		t.Errorf("a copy has the members %q", got)
	}
	if _, _, err := s.e.Workflow(ctx, s.as(ann), twin.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the owner of the original reads the copy: %v", err)
	}
}

// TestCreateNeedsTheRight: a level on one workflow makes no others, and nobody
// gets at the history of a workflow by taking its key.
func TestCreateNeedsTheRight(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	ctx := t.Context()
	s.role("maker", "pm.workflow.create")
	ann, bob, zoe := s.hire("Ann", "maker"), s.hire("Bob", "maker"), s.hire("Zoe")
	w := s.made(ann)
	s.give(w, engine.NewMember{UserID: zoe.ID, Level: auth.Owner})
	s.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Operator})
	for _, tc := range []struct {
		who  auth.User
		key  string
		want fault.Kind
	}{
		{zoe, "", fault.Forbidden},
		{zoe, w.Key, fault.Forbidden},
		{bob, w.Key, fault.Forbidden},
		{bob, "gone", fault.Forbidden},
		{ann, w.Key, 0},
	} {
		_, err := s.e.CreateWorkflow(ctx, s.as(tc.who), engine.NewWorkflow{Key: tc.key, Title: "Test", Type: "test"})
		if (err == nil) != (tc.want == 0) || err != nil && !fault.Is(err, tc.want) {
			t.Errorf("%s makes one with the key %q: %v", tc.who.Nickname, tc.key, err)
		}
	}
	if _, err := s.e.Revise(ctx, s.as(zoe), w.ID, "", ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an owner who makes no workflows copies theirs: %v", err)
	}
	if got := s.listed(w); got != "Ann owner, Zoe owner, Bob operator" {
		t.Errorf("the members are %q", got)
	}
}

// TestRoleMembers: what a role is given its people have in that role, and what a
// person is given in every one.
func TestRoleMembers(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	ctx := t.Context()
	s.role("crew")
	s.role("guest")
	bob := s.hire("Bob", "guest", "crew")
	forCrew, forBob := s.reload(s.workflow(false, "").ID), s.reload(s.workflow(false, "").ID)
	s.give(forCrew, engine.NewMember{Role: "crew", Level: auth.Operator})
	s.give(forCrew, engine.NewMember{UserID: bob.ID, Level: auth.Viewer})
	s.give(forBob, engine.NewMember{UserID: bob.ID, Level: auth.Editor})
	only := s.reload(s.workflow(false, "").ID)
	s.give(only, engine.NewMember{Role: "crew", Level: auth.Viewer})
	in := func(role auth.Role) auth.Actor {
		a, err := s.people.Actor(ctx, bob.ID, role)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, tc := range []struct {
		role auth.Role
		w    engine.Workflow
		want auth.Level
	}{
		{auth.Union, forCrew, auth.Operator}, {"crew", forCrew, auth.Operator}, {"guest", forCrew, auth.Viewer},
		{auth.Union, forBob, auth.Editor}, {"guest", forBob, auth.Editor},
		{auth.Union, only, auth.Viewer}, {"crew", only, auth.Viewer}, {"guest", only, ""},
	} {
		got, err := s.e.Level(ctx, in(tc.role), tc.w.Key)
		if err != nil || got != tc.want {
			t.Errorf("as %s: level %q (%v), want %q", tc.role, got, err, tc.want)
		}
		for _, l := range auth.Levels {
			if err := s.e.May(ctx, in(tc.role), tc.w.Key, l); (err == nil) != tc.want.Includes(l) {
				t.Errorf("as %s with %q: May %s is %v", tc.role, tc.want, l, err)
			}
		}
	}
	names, err := s.e.WorkflowNames(ctx, in("guest"), 10)
	if err != nil || slices.ContainsFunc(names, func(n engine.WorkflowName) bool { return n.Key == only.Key }) || len(names) != 2 {
		t.Errorf("the other role lists %v, %v", names, err)
	}
	if err := s.people.DeleteRole(ctx, auth.System, "crew"); err != nil {
		t.Fatal(err)
	}
	if got := s.listed(only); got != "" {
		t.Errorf("after the role is gone the members are %q", got)
	}
}

// TestLastOwner: there stays an owner, as long as the person does.
func TestLastOwner(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	ctx := t.Context()
	s.role("maker", "pm.workflow.create")
	ann, bob := s.hire("Ann", "maker"), s.hire("Bob")
	w := s.made(ann)
	m := s.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Editor})
	list, err := s.e.Members(ctx, s.as(bob), w.ID)
	if err != nil {
		t.Fatal(err)
	}
	first := list[0].ID
	for _, who := range []auth.Actor{s.as(ann), auth.System} {
		if err := s.e.RemoveMember(ctx, who, w.ID, first); !fault.Is(err, fault.Conflict) {
			t.Errorf("the last owner is removed: %v", err)
		}
		if _, err := s.e.SetMember(ctx, who, w.ID, first, auth.Editor); !fault.Is(err, fault.Conflict) {
			t.Errorf("the last owner is made an editor: %v", err)
		}
	}
	for what, err := range map[string]error{
		"adds somebody": func() error {
			_, err := s.e.AddMember(ctx, s.as(bob), w.ID, engine.NewMember{Role: auth.Member, Level: auth.Viewer})
			return err
		}(),
		"makes themself the owner": func() error { _, err := s.e.SetMember(ctx, s.as(bob), w.ID, m.ID, auth.Owner); return err }(),
		"removes the owner":        s.e.RemoveMember(ctx, s.as(bob), w.ID, first),
		"deletes the workflow":     func() error { _, err := s.e.DeleteWorkflow(ctx, s.as(bob), w.ID); return err }(),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("an editor %s: %v", what, err)
		}
	}
	if _, err := s.e.SetMember(ctx, s.as(ann), w.ID, m.ID, auth.Owner); err != nil {
		t.Fatal(err)
	}
	if err := s.e.RemoveMember(ctx, s.as(bob), w.ID, first); err != nil {
		t.Fatalf("one of two owners: %v", err)
	}
	if _, _, err := s.e.Workflow(ctx, s.as(ann), w.ID); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
		t.Errorf("who was removed still reads it: %v", err)
	}
	if err := s.people.Delete(ctx, auth.System, bob.ID); err != nil {
		t.Fatalf("an owner is deleted: %v", err)
	}
	if got := s.listed(w); got != "" {
		t.Errorf("after that the members are %q", got)
	}
	if _, err := s.e.AddMember(ctx, auth.System, w.ID, engine.NewMember{UserID: ann.ID, Level: auth.Owner}); err != nil {
		t.Errorf("who manages all workflows gives it to somebody: %v", err)
	}
}

// TestMembersAreRefused: what cannot be given, and to whom.
func TestMembersAreRefused(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	bob := s.hire("Bob")
	w, other := s.reload(s.workflow(false, "").ID), s.reload(s.workflow(false, "").ID)
	m := s.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Viewer})
	for name, n := range map[string]engine.NewMember{
		"nobody":      {Level: auth.Viewer},
		"both":        {UserID: bob.ID, Role: auth.Member, Level: auth.Viewer},
		"no level":    {Role: auth.Member},
		"no such one": {Role: auth.Member, Level: "king"},
		"twice":       {UserID: bob.ID, Level: auth.Owner},
		"no person":   {UserID: 4711, Level: auth.Viewer},
		"no role":     {Role: "none", Level: auth.Viewer},
	} {
		if _, err := s.e.AddMember(t.Context(), auth.System, w.ID, n); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	if _, err := s.e.SetMember(t.Context(), auth.System, w.ID, m.ID, "king"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a level that there is not: %v", err)
	}
	if _, err := s.e.SetMember(t.Context(), auth.System, other.ID, m.ID, auth.Owner); !fault.Is(err, fault.NotFound) {
		t.Errorf("a member of another workflow is changed: %v", err)
	}
	if err := s.e.RemoveMember(t.Context(), auth.System, other.ID, m.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a member of another workflow is removed: %v", err)
	}
	s.exec(`INSERT INTO alur.users (id, nickname, username) SELECT n, 'N', 'n' || n FROM generate_series(1, 300) n`)
	s.exec(fmt.Sprintf(`INSERT INTO alur.workflow_members (workflow_key, user_id, level) SELECT '%s', n, 'viewer' FROM generate_series(2, %d) n`, w.Key, engine.MaxMembers))
	if _, err := s.e.AddMember(t.Context(), auth.System, w.ID, engine.NewMember{Role: auth.Member, Level: auth.Viewer}); !fault.Is(err, fault.Invalid) {
		t.Errorf("one more than %d: %v", engine.MaxMembers, err)
	}
}

// TestOneOwnerStays: of two owners who leave at the same moment one stays.
func TestOneOwnerStays(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	w := s.reload(s.workflow(false, "").ID)
	var ids []int64
	for i := range 8 {
		ids = append(ids, s.give(w, engine.NewMember{UserID: s.hire(fmt.Sprintf("P%d", i)).ID, Level: auth.Owner}).ID)
	}
	next := make(chan int64, len(ids))
	for _, id := range ids {
		next <- id
	}
	s.race(len(ids), func() error {
		if err := s.e.RemoveMember(t.Context(), auth.System, w.ID, <-next); !fault.Is(err, fault.Conflict) {
			return err
		}
		return nil
	})
	if got := s.listed(w); strings.Count(got, "owner") != 1 {
		t.Errorf("the owners that stayed: %q", got)
	}
}

// TestMembersGoWithTheWorkflow: nobody has a workflow that is not there, and who
// makes one with the same key begins alone.
func TestMembersGoWithTheWorkflow(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	bob := s.hire("Bob")
	w, other := s.reload(s.workflow(false, "").ID), s.reload(s.workflow(false, "").ID)
	for _, of := range []engine.Workflow{w, other} {
		s.give(of, engine.NewMember{UserID: bob.ID, Level: auth.Owner})
		s.give(of, engine.NewMember{Role: auth.Member, Level: auth.Viewer})
	}
	draft, err := s.e.Revise(t.Context(), auth.System, w.ID, w.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	members := func(key string) (n int) {
		t.Helper()
		if err := s.db.GetContext(t.Context(), &n, `SELECT count(*) FROM alur.workflow_members WHERE workflow_key = $1`, key); err != nil {
			t.Fatal(err)
		}
		return n
	}
	has := members(w.Key)
	if _, err := s.e.DeleteWorkflow(t.Context(), s.as(bob), draft.ID); err != nil {
		t.Fatal(err)
	}
	if n := members(w.Key); n != has || has < 2 {
		t.Errorf("after a draft is deleted %d have the workflow, want %d", n, has)
	}
	if _, err := s.e.DeleteWorkflow(t.Context(), s.as(bob), w.ID); err != nil {
		t.Fatal(err)
	}
	if n, m := members(w.Key), members(other.Key); n != 0 || m != has {
		t.Errorf("%d have the deleted workflow, and %d the other one, want 0 and %d", n, m, has)
	}

	s.exec(fmt.Sprintf(`INSERT INTO alur.workflow_members (workflow_key, user_id, level) VALUES ('gone', %d, 'owner')`, bob.ID))
	migration, err := os.ReadFile("../migrations/0026_left_members.sql")
	if err != nil {
		t.Fatal(err)
	}
	s.exec(string(migration))
	if n, m := members("gone"), members(other.Key); n != 0 || m != has {
		t.Errorf("after the migration %d have what is gone, and %d what is there, want 0 and %d", n, m, has)
	}
}
