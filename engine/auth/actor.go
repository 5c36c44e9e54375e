package auth

import (
	"time"

	"alur/engine/fault"
)

// Role is what a person may do. Roles made in the browser come on top later;
// these three are built in (spec/platform.md §8).
type Role string

const (
	Root   Role = "root"   // everything; the first administrator
	Admin  Role = "admin"  // workflows, collections, users
	Member Role = "member" // records and own tasks
)

// Valid reports whether r is one of the built-in roles.
func (r Role) Valid() bool { return r == Root || r == Admin || r == Member }

// Right is one thing an actor may or may not do.
type Right uint8

const (
	UseRecords        Right = iota + 1 // read and write records, see own tasks
	ManageWorkflows                    // configure workflows, read executions
	ManageCollections                  // change collections and fields
	ManageUsers                        // invite, deactivate, reset; read the outbox
	ManageServer                       // settings of the whole server
)

// Actor is who asks. Every engine call that can be refused takes one; the zero
// Actor is nobody and is refused everything.
type Actor struct {
	UserID int64
	Role   Role
	Name   string // shown in "decided by"
	Email  string // "" when the person has none
	Zone   string // IANA name of the person's time zone; "" for the server's, see Store.Zone
	system bool
}

// System is the engine itself, acting for a workflow: every right, no user.
var System = Actor{system: true}

// IsSystem reports whether a is the engine itself.
func (a Actor) IsSystem() bool { return a.system }

// Signed reports whether a is a signed-in person.
func (a Actor) Signed() bool { return a.UserID != 0 }

// Can reports whether a has right r.
func (a Actor) Can(r Right) bool {
	switch {
	case a.system, a.Role == Root, a.Role == Admin:
		return true
	case a.Role == Member:
		return r == UseRecords
	}
	return false
}

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
