package engine

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries_members.sql
var membersText string

var memberSQL = pg.LoadQueries(membersText)

// MaxMembers is how many people and roles a workflow may be given to.
const MaxMembers = 200

// Member is a person or a role with a level on a workflow, all of its versions.
type Member struct {
	ID        int64      `db:"id" json:"id"`
	Key       string     `db:"workflow_key" json:"workflowKey"`
	UserID    *int64     `db:"user_id" json:"userId"`     // nil for a role
	Role      *auth.Role `db:"role_name" json:"roleName"` // nil for a person
	Name      string     `db:"name" json:"name"`          // the person's, or the role's title
	Active    bool       `db:"active" json:"-"`           // false: a person who was deactivated
	Level     auth.Level `db:"level" json:"level"`
	CreatedAt time.Time  `db:"created_at" json:"createdAt"`
	UpdatedAt time.Time  `db:"updated_at" json:"updatedAt"`
}

// called is m in a sentence.
func (m Member) called() string {
	if m.Role != nil {
		return "the role “" + m.Name + "”"
	}
	return m.Name
}

var (
	errNoMember  = fault.New(fault.NotFound, "This person or role is not in the list any more.")
	errLastOwner = fault.New(fault.Conflict, "This is the last owner of the workflow. Make somebody else an owner first.")
	errLevel     = fault.Fields(map[string]string{"level": "Choose viewer, operator, editor or owner."})
)

// less is what somebody is told who sees a workflow and may not do what needs the
// level.
var less = map[auth.Level]error{
	auth.Operator: fault.New(fault.Forbidden, "You may see this workflow, but not start or stop it. Ask one of its owners."),
	auth.Editor:   fault.New(fault.Forbidden, "You may see this workflow, but not change it. Ask one of its owners."),
	auth.Owner:    fault.New(fault.Forbidden, "Only an owner of this workflow may do this. Ask one of them."),
}

// may is [Engine.May].
func may(ctx context.Context, q pg.Q, actor auth.Actor, key string, least auth.Level) error {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return err
	}
	switch level, err := actor.LevelOn(ctx, q, key); {
	case err != nil:
		return err
	case level == "":
		return errNoWorkflow
	case !level.Includes(least):
		return less[least]
	}
	return nil
}

// mayCreate is who may make a version of the workflow called key, "" for a new
// workflow. Only those who manage all workflows choose the key of a new one: the
// history of a deleted workflow goes by its key.
func (e *Engine) mayCreate(ctx context.Context, actor auth.Actor, key string) error {
	if err := actor.Require(auth.CreateWorkflows); err != nil || key == "" {
		return err
	}
	err := may(ctx, e.DB, actor, key, auth.Editor)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return actor.Require(auth.ManageWorkflows)
	}
	return err
}

// May returns nil when actor has at least a level on the workflow called key,
// NotFound when they have none, and Forbidden otherwise.
func (e *Engine) May(ctx context.Context, actor auth.Actor, key string, least auth.Level) error {
	return may(ctx, e.DB, actor, key, least)
}

// executionsFor keeps those of ids that there are, on whose workflow actor has at
// least a level. It is Forbidden when they see one of the others.
func (e *Engine) executionsFor(ctx context.Context, actor auth.Actor, ids []int64, least auth.Level) ([]int64, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	reach := actor.Reach(least)
	if reach.Every() {
		return ids, nil
	}
	var found [2][]int64
	for i, reach := range []auth.Reach{reach, actor.Reach(auth.Viewer)} {
		query, args := reach.Query(memberSQL.Get("executions"), pq.Int64Array(ids))
		if err := e.DB.SelectContext(ctx, &found[i], query, args...); err != nil {
			return nil, fmt.Errorf("look for the executions that user %d reaches: %w", actor.UserID, err)
		}
	}
	if len(found[0]) < len(found[1]) {
		return nil, less[least]
	}
	return found[0], nil
}

// Level is what actor may do with the workflow called key; "" for nothing. Those
// who manage all workflows may do what its owners may.
func (e *Engine) Level(ctx context.Context, actor auth.Actor, key string) (auth.Level, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return "", err
	}
	return actor.LevelOn(ctx, e.DB, key)
}

// Highest is the highest level that actor has on any workflow; "" for none.
func (e *Engine) Highest(ctx context.Context, actor auth.Actor) (highest auth.Level, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return "", err
	}
	if actor.Can(auth.ManageWorkflows) {
		return auth.Owner, nil
	}
	levels, err := actor.Levels(ctx, e.DB)
	for _, l := range levels {
		if !highest.Includes(l) {
			highest = l
		}
	}
	return highest, err
}

// Below tells those of ids, of versions, on whose workflow actor does not have a
// level.
func (e *Engine) Below(ctx context.Context, actor auth.Actor, ids []int64, least auth.Level) (map[int64]bool, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	reach, below := actor.Reach(least), map[int64]bool{}
	if reach.Every() || len(ids) == 0 {
		return below, nil
	}
	var reached []int64
	query, args := reach.Query(memberSQL.Get("versions"), pq.Int64Array(ids))
	if err := e.DB.SelectContext(ctx, &reached, query, args...); err != nil {
		return nil, fmt.Errorf("look for the workflows that user %d reaches: %w", actor.UserID, err)
	}
	for _, id := range ids {
		below[id] = !slices.Contains(reached, id)
	}
	return below, nil
}

// own makes actor the owner of the workflow called key when its first version was
// made in tx.
func (e *Engine) own(ctx context.Context, tx *pg.Tx, actor auth.Actor, key string) error {
	if !actor.Signed() {
		return nil
	}
	if _, err := tx.ExecContext(ctx, memberSQL.Get("own"), key, actor.UserID, e.now()); err != nil {
		return fmt.Errorf("make user %d the owner of workflow %q: %w", actor.UserID, key, err)
	}
	tx.Notify(auth.Channel, fmt.Sprint(actor.UserID), membersWait)
	return nil
}

// membersWait is how long signals about members are collected.
const membersWait = 5 * time.Millisecond

// Members lists who has which level on the workflow of a version, owners first.
func (e *Engine) Members(ctx context.Context, actor auth.Actor, workflowID int64) ([]Member, error) {
	w, _, err := e.open(ctx, e.DB, actor, workflowID, auth.Viewer)
	if err != nil {
		return nil, err
	}
	return members(ctx, e.DB, w.Key)
}

func members(ctx context.Context, q pg.Q, key string) ([]Member, error) {
	list := []Member{}
	if err := q.SelectContext(ctx, &list, memberSQL.Get("members"), key); err != nil {
		return nil, fmt.Errorf("list the members of workflow %q: %w", key, err)
	}
	return list, nil
}

// NewMember is a person or a role, one of the two, to be given a level.
type NewMember struct {
	UserID int64
	Role   auth.Role
	Level  auth.Level
}

// AddMember gives a person or a role a level on a workflow.
func (e *Engine) AddMember(ctx context.Context, actor auth.Actor, workflowID int64, n NewMember) (Member, error) {
	var added Member
	err := e.changeMembers(ctx, actor, workflowID, func(tx *pg.Tx, w Workflow, list []Member) (string, error) {
		switch {
		case (n.UserID == 0) == (n.Role == ""):
			return "", fault.Fields(map[string]string{"who": "Choose a person or a role."})
		case !n.Level.Known():
			return "", errLevel
		case len(list) >= MaxMembers:
			return "", fault.New(fault.Invalid, fmt.Sprintf("A workflow is given to at most %d people and roles. Give it to a role that all of them have.", MaxMembers))
		}
		var id int64
		err := tx.GetContext(ctx, &id, memberSQL.Get("add"), w.Key, n.UserID, string(n.Role), string(n.Level), userID(actor), e.now())
		switch {
		case pg.IsUnique(err):
			return "", fault.Fields(map[string]string{"who": "They are in the list already. Change the level there."})
		case pg.IsForeignKey(err):
			return "", fault.Fields(map[string]string{"who": "Choose somebody from the list."})
		case err != nil:
			return "", err
		}
		if list, err = members(ctx, tx, w.Key); err != nil {
			return "", err
		}
		added = list[slices.IndexFunc(list, func(m Member) bool { return m.ID == id })]
		tellMember(tx, added)
		return fmt.Sprintf("Made %s %s of the workflow “%s”.", added.called(), article(n.Level), w.Title), nil
	})
	if err != nil {
		return Member{}, fmt.Errorf("add a member to workflow %d: %w", workflowID, err)
	}
	return added, nil
}

// SetMember changes the level of a member. The last owner stays one.
func (e *Engine) SetMember(ctx context.Context, actor auth.Actor, workflowID, memberID int64, level auth.Level) (Member, error) {
	var changed Member
	err := e.changeMembers(ctx, actor, workflowID, func(tx *pg.Tx, w Workflow, list []Member) (string, error) {
		m, err := memberAmong(list, memberID)
		switch {
		case err != nil:
			return "", err
		case !level.Known():
			return "", errLevel
		case level != auth.Owner && lastOwner(list, m):
			return "", errLastOwner
		}
		was := m.Level
		if was == level {
			changed = m
			return "", nil
		}
		m.Level, m.UpdatedAt = level, e.now()
		if _, err := tx.ExecContext(ctx, memberSQL.Get("set"), m.ID, string(level), m.UpdatedAt); err != nil {
			return "", err
		}
		changed = m
		return fmt.Sprintf("Made %s %s of the workflow “%s”, before %s.", m.called(), article(level), w.Title, was), nil
	})
	if err != nil {
		return Member{}, fmt.Errorf("change member %d of workflow %d: %w", memberID, workflowID, err)
	}
	return changed, nil
}

// RemoveMember takes a workflow away from a person or a role. The last owner
// stays.
func (e *Engine) RemoveMember(ctx context.Context, actor auth.Actor, workflowID, memberID int64) error {
	err := e.changeMembers(ctx, actor, workflowID, func(tx *pg.Tx, w Workflow, list []Member) (string, error) {
		m, err := memberAmong(list, memberID)
		switch {
		case err != nil:
			return "", err
		case lastOwner(list, m):
			return "", errLastOwner
		}
		if _, err := tx.ExecContext(ctx, memberSQL.Get("remove"), m.ID); err != nil {
			return "", err
		}
		tellMember(tx, m)
		return fmt.Sprintf("Took the workflow “%s” from %s, who was %s of it.", w.Title, m.called(), article(m.Level)), nil
	})
	if err != nil {
		return fmt.Errorf("remove member %d of workflow %d: %w", memberID, workflowID, err)
	}
	return nil
}

// changeMembers runs fn for an owner, alone for this workflow, and notes what it
// says; "" for nothing done.
func (e *Engine) changeMembers(ctx context.Context, actor auth.Actor, workflowID int64, fn func(*pg.Tx, Workflow, []Member) (did string, err error)) error {
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		w, _, err := e.lock(ctx, tx, actor, workflowID, auth.Owner)
		if err != nil {
			return err
		}
		list, err := members(ctx, tx, w.Key)
		if err != nil {
			return err
		}
		did, err := fn(tx, w, list)
		if err != nil || did == "" {
			return err
		}
		return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), did)
	})
}

func memberAmong(list []Member, id int64) (Member, error) {
	i := slices.IndexFunc(list, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return Member{}, errNoMember
	}
	return list[i], nil
}

// lastOwner reports whether m is the only owner in list.
func lastOwner(list []Member, m Member) bool {
	return m.Level == auth.Owner && !slices.ContainsFunc(list, func(other Member) bool {
		return other.ID != m.ID && other.Level == auth.Owner
	})
}

// tellMember makes all processes see anew whether m has a workflow at all.
func tellMember(tx *pg.Tx, m Member) {
	who := "" // everybody's: who has the role is not known here
	if m.UserID != nil {
		who = fmt.Sprint(*m.UserID)
	}
	tx.Notify(auth.Channel, who, membersWait)
}

// article is a level with its article.
func article(l auth.Level) string {
	if l == auth.Viewer {
		return "a viewer"
	}
	return "an " + string(l)
}
