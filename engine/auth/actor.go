package auth

import (
	"time"

	"alur/engine/fault"
)

// Role names a set of rights; see [RoleDefinition].
type Role string

// The roles that are always there (spec/platform.md §8), and all roles of a
// person together.
const (
	Root   Role = "root"   // everything; the first administrator
	Admin  Role = "admin"  // workflows, collections, users
	Member Role = "member" // own records and tasks
	Union  Role = "__union__"
)

// builtIn reports whether r is always there and cannot be deleted.
func (r Role) builtIn() bool { return r == Root || r == Admin || r == Member }

// builtIn are the rights of the roles as they come, for actors that were not
// made by [Store.Resolve].
var builtIn = map[Role]*Rights{
	Root:   RoleDefinition{Name: Root}.rights(),
	Admin:  RoleDefinition{Name: Admin, Actions: []string{"create", "view", "update", "destroy", "export", "importXlsx"}, Snippets: []string{"ui.*", "pm", "pm.*"}}.rights(),
	Member: RoleDefinition{Name: Member, Actions: []string{"view:own"}}.rights(),
}

// Right is one thing an actor may or may not do.
type Right uint8 // stored in alur.troubles: new ones come last

const (
	UseRecords        Right = iota + 1 // read and write records, see own tasks
	ManageWorkflows                    // all workflows and executions, whatever Level one has
	ManageCollections                  // change collections and fields
	ManageUsers                        // invite, deactivate, reset; read the outbox
	ManageServer                       // settings of the whole server
	ManageRoles                        // change roles and who has them
	SeeWorkflows                       // the names of workflows, not how they work
	ManageKeys                         // the API keys of everybody
	ReadAudit                          // who did what
	CreateWorkflows                    // make workflows and own them
	ManageVariables                    // what workflows find under $env
	rightsEnd

	// UseWorkflows is to see some workflows at least: by a right on all of them, or
	// by a Level on one. Which ones it are, Reach says.
	UseWorkflows
)

// Actor is who asks. Every engine call that can be refused takes one; the zero
// Actor is nobody and is refused everything.
type Actor struct {
	UserID int64
	Role   Role   // in which they act; Union for all of theirs
	Name   string // shown in "decided by"
	Email  string // "" when the person has none
	Zone   string // IANA name of the person's time zone; "" for the server's, see Store.Zone
	system bool
	rights *Rights // of the role when the session was read; nil: as it comes
	roles  []Role  // in which they act, all of them; nil: Role alone
	shared bool    // they or one of roles had a Level on some workflow then
}

// System is the engine itself, acting for a workflow: every right, no user.
var System = Actor{system: true}

// IsSystem reports whether a is the engine itself.
func (a Actor) IsSystem() bool { return a.system }

// Signed reports whether a is a signed-in person.
func (a Actor) Signed() bool { return a.UserID != 0 }

// may is what a may do; nil is nothing.
func (a Actor) may() *Rights {
	if a.rights != nil {
		return a.rights
	}
	return builtIn[a.Role]
}

// Can reports whether a has right r.
func (a Actor) Can(r Right) bool {
	if r == UseWorkflows {
		return a.shared || a.Can(ManageWorkflows) || a.Can(SeeWorkflows) || a.Can(CreateWorkflows)
	}
	return a.system || a.may().can(r)
}

// Grant is what a may do with the records of a collection: none, all, their own
// or those in a scope, and which fields of them.
func (a Actor) Grant(collection string, act Action) Grant {
	if a.system {
		return Everything
	}
	return a.may().grant(collection, act)
}

// covers reports whether a has all rights of other; what workflows both reach, above
// says.
func (a Actor) covers(other *Rights) bool { return a.system || a.may().covers(other) }

// Require returns nil when a has right r, Unsigned for nobody, and Forbidden
// otherwise.
func (a Actor) Require(r Right) error {
	switch {
	case a.Can(r):
		return nil
	case !a.Signed():
		return unsigned("EMPTY_TOKEN", "Sign in to continue.")
	}
	return fault.New(fault.Forbidden, "You do not have the right to do this. Ask an administrator.")
}

// Location returns the time zone a reads times in: their own, else server.
func (a Actor) Location(server *time.Location) *time.Location {
	if a.Zone == "" {
		return server
	}
	loc, err := time.LoadLocation(a.Zone)
	if err != nil {
		return server
	}
	return loc
}
