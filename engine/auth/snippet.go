package auth

import (
	"path"
	"regexp"
	"strings"
)

// snippets names the management rights as the API does (spec/platform.md §8). A
// role lists patterns of them: "pm.*" for many, "!pm.users" for none of these.
var snippets = map[Right]string{
	ManageWorkflows:   "pm.workflow.workflows",
	CreateWorkflows:   "pm.workflow.create",
	SeeWorkflows:      "ui.workflows",
	ManageCollections: "pm.data-source-manager.data-source-main",
	ManageUsers:       "pm.users",
	ManageRoles:       "pm.acl.roles",
	ManageKeys:        "pm.api-keys.configuration",
	ManageServer:      "pm.system-settings",
	ReadAudit:         "pm.audit-logs",
	ManageVariables:   "pm.environment-variables",
}

// Snippet is a management right in words.
type Snippet struct {
	Name  string // as in RoleDefinition.Snippets
	Right Right
	Title string // completes "May …"
	Help  string // what follows from it; "" when the title says it all
}

// Snippets lists the management rights in the order people are offered them.
func Snippets() []Snippet {
	list := []Snippet{
		{Right: ManageWorkflows, Title: "manage all workflows", Help: "Change, publish and run all workflows, read every execution with its data, and say who else may."},
		{Right: CreateWorkflows, Title: "make workflows", Help: "And own them. What a workflow does, it does with all rights: it can read and change every record."},
		{Right: SeeWorkflows, Title: "see which workflows there are", Help: "Their names and whether they are on, without settings and executions."},
		{Right: ManageCollections, Title: "change collections and fields", Help: "Also deletes them, with all their records."},
		{Right: ManageUsers, Title: "look after people", Help: "Invite, deactivate and delete accounts, and read the outbox."},
		{Right: ManageRoles, Title: "change roles and give them to people", Help: "Never more than what they may do themself."},
		{Right: ManageKeys, Title: "see and revoke the API keys of everybody"},
		{Right: ReadAudit, Title: "read the audit log"},
		{Right: ManageVariables, Title: "change variables and secrets", Help: "What workflows find under $env. Nobody can read a secret again."},
		{Right: ManageServer, Title: "change the settings of this server", Help: "How long executions are kept, and what its metrics say."},
	}
	for i := range list {
		list[i].Name = snippets[list[i].Right]
	}
	return list
}

var snippetForm = regexp.MustCompile(`^!?[a-zA-Z0-9_.*-]{1,100}$`)

// allowsSnippet reports whether patterns give the right called name. One with
// "!" before it takes it away, wherever it stands.
func allowsSnippet(patterns []string, name string) bool {
	given := false
	for _, p := range patterns {
		pattern, negated := strings.CutPrefix(p, "!")
		fits, err := path.Match(pattern, name)
		if err != nil || !fits {
			continue
		}
		if negated {
			return false
		}
		given = true
	}
	return given
}

// Gives reports whether people with the role d have right r.
func (d RoleDefinition) Gives(r Right) bool { return d.rights().can(r) }

// Gives reports whether a role with these patterns has the right of s.
func (s Snippet) Gives(patterns []string) bool { return allowsSnippet(patterns, s.Name) }
