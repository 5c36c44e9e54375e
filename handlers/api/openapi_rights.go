package api

import (
	"net/http"

	"alur/engine/auth"
)

// rights are the actions on roles, who has them, and API keys.
func (l *actionList) rights() {
	one, of := []string{"filterByTk"}, []string{"parent"}
	each := []string{"parent", "filterByTk"}
	role, roles := object(nil), listOf(object(nil))
	list := []string{"filter", "fields", "except", "sort", "page", "pageSize", "paginate"}

	add := l.add
	l.tag, l.need = "users", auth.UseRecords
	add(http.MethodPost, "users:setDefaultRole", "Choose the role in which one works", operation{body: object(nil), answer: anything("")})
	l.need = auth.ManageUsers
	add(http.MethodGet, "users/{parent}/roles:list", "List the roles of a person", operation{params: of, answer: roles})
	for _, act := range [][2]string{{"add", "Give a person more roles"}, {"set", "Give a person these roles and no others"}, {"remove", "Take roles from a person"}} {
		add(http.MethodPost, "users/{parent}/roles:"+act[0], act[1], operation{params: of, body: anything("A name, or a list of names."), answer: anything("")})
	}

	l.tag, l.need = "roles", auth.UseRecords
	add(http.MethodGet, "roles:check", "What may I do", operation{answer: role})
	add(http.MethodGet, "roles:list", "List roles: one's own, or all for who looks after people or roles", operation{
		params: []string{"filter", "fields", "appends", "except", "sort", "page", "pageSize", "paginate"}, answer: roles, meta: true})
	add(http.MethodGet, "roles:get", "Read a role", operation{params: one, answer: orNone(role)})
	l.need = auth.ManageRoles
	add(http.MethodPost, "roles:create", "Make a role", operation{body: role, answer: role})
	add(http.MethodPost, "roles:update", "Change a role", operation{params: one, body: role, answer: anything("")})
	add(http.MethodPost, "roles:destroy", "Delete a role", operation{params: one, answer: anything("")})
	add(http.MethodPost, "roles:setDefaultRole", "Choose the role of new people", operation{params: one, answer: anything("")})
	for _, name := range []string{"resources", "dataSourceResources"} {
		path := "roles/{parent}/" + name
		add(http.MethodGet, path+":list", "List what a role may do with collections", operation{params: append([]string{"parent"}, list...), answer: roles, meta: true})
		add(http.MethodGet, path+":get", "Read what a role may do with a collection", operation{params: each, answer: orNone(object(nil))})
		add(http.MethodPost, path+":create", "Say what a role may do with a collection", operation{params: of, body: role, answer: anything("")})
		add(http.MethodPost, path+":update", "Change what a role may do with a collection", operation{params: each, body: role, answer: anything("")})
		add(http.MethodPost, path+":destroy", "Let a role do with a collection what it may do with all", operation{params: each, answer: anything("")})
	}
	add(http.MethodPost, "dataSourcesRolesResources:destroy", "Take rules of roles back", operation{params: []string{"filterByTk", "filter"}, answer: whole("How many rules are gone.")})
	const scopes = "dataSourcesRolesResourcesScopes"
	add(http.MethodPost, scopes+":create", "Make a scope", operation{body: role, answer: role})
	add(http.MethodPost, scopes+":update", "Change a scope", operation{params: one, body: role, answer: anything("")})
	add(http.MethodPost, scopes+":destroy", "Delete a scope", operation{params: one, answer: anything("")})

	l.tag, l.need = "auditLogs", auth.ReadAudit
	add(http.MethodGet, "auditLogs:list", "List the audit log, newest first", operation{answer: anything("")})
	l.tag, l.need = "environmentVariables", auth.ManageVariables
	add(http.MethodPost, "environmentVariables:create", "Make a variable or a secret", operation{body: role, answer: role})
	add(http.MethodPost, "environmentVariables:update", "Change a variable or a secret", operation{params: one, body: role, answer: roles})
	add(http.MethodPost, "environmentVariables:destroy", "Delete a variable", operation{params: one, answer: anything("")})
	add(http.MethodPost, "environmentVariables:import", "Make or change variables from lines KEY=VALUE", operation{body: role, answer: anything("How many.")})
	l.tag, l.need = "apiKeys", auth.UseRecords
	add(http.MethodGet, "apiKeys:list", "List API keys", operation{params: list, answer: roles, meta: true})
	add(http.MethodGet, "apiKeys:get", "Read an API key, without its token", operation{params: one, answer: orNone(object(nil))})
	add(http.MethodPost, "apiKeys:create", "Make an API key; its token is shown this once", operation{body: role, answer: role})
	add(http.MethodPost, "apiKeys:destroy", "Delete an API key: its token opens nothing any more", operation{params: one, answer: anything("")})
}
