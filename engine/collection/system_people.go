package collection

import "alur/engine/auth"

// peopleCollections are people and what they may do. They are changed by the
// package auth.
func peopleCollections() []*Collection {
	return []*Collection{
		system("users", "Users", "users", "nickname", auth.UseRecords,
			field("nickname", String, "Name"), field("username", String, "User name").only(auth.ManageUsers),
			field("email", String, "Mail address").only(auth.ManageUsers), field("role", String, "Role").only(auth.ManageUsers),
			field("active", Boolean, "Active").only(auth.ManageUsers),
			field("lastLoginAt", Datetime, "Last sign-in").only(auth.ManageUsers),
			&Field{Name: "password", Type: String, Interface: "password", Title: "Password", Column: "password", Hidden: true},
			through("roles", "Roles", "roles", "rolesUsers", "userId", "roleName").only(auth.ManageUsers),
			field("createdAt", Datetime, "Created").only(auth.ManageUsers),
			field("updatedAt", Datetime, "Updated").only(auth.ManageUsers)),
		keyless("roles", "Roles", "roles", auth.ManageUsers,
			field("name", String, "Name").primary(), field("title", String, "Title"), field("description", Text, "Description"),
			field("default", Boolean, "New people get it"), field("hidden", Boolean, "Hidden"), field("strategy", JSON, "Rights on collections"),
			field("snippets", JSON, "Rights to manage"), field("options", JSON, "Options"), field("sort", Integer, "Order"),
			through("users", "People", "users", "rolesUsers", "roleName", "userId"),
			field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")).
			as(`SELECT name, title, description, is_default IS TRUE AS "default", false AS hidden, jsonb_build_object('actions', actions) AS strategy,
				to_jsonb(snippets) AS snippets, options, sort, created_at, updated_at FROM alur.roles`),
		keyless("rolesUsers", "Roles of people", "roles_users", auth.ManageUsers,
			field("userId", BigInt, "Person (id)"), field("roleName", String, "Role"), field("default", Boolean, "Own role")).
			as(`SELECT id AS user_id, role AS role_name, true AS "default" FROM alur.users
				UNION ALL SELECT r.user_id, r.role_name, false FROM alur.roles_users r JOIN alur.users u ON u.id = r.user_id AND u.role <> r.role_name`),
		system("dataSourcesRolesResources", "Rules of roles", "role_resources", "name", auth.ManageRoles,
			field("roleName", String, "Role"), field("name", String, "Collection"), field("dataSourceKey", String, "Data source"),
			field("usingActionsConfig", Boolean, "Own rules")).
			as(`SELECT id, role_name, collection_name AS name, 'main' AS data_source_key, own_rules AS using_actions_config FROM alur.role_resources`),
		system("dataSourcesRolesResourcesScopes", "Scopes of rules", "role_scopes", "name", auth.ManageRoles,
			field("key", String, "Key"), field("name", String, "Name"), field("scope", JSON, "Filter"), field("resourceName", String, "Collection"),
			field("dataSourceKey", String, "Data source"), field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")).
			as(`SELECT id, key, name, filter AS scope, collection_name AS resource_name, 'main' AS data_source_key, created_at, updated_at FROM alur.role_scopes`),
	}
}

// primary makes f the field that tells records apart.
func (f *Field) primary() *Field {
	f.Options = map[string]any{"primaryKey": true}
	return f
}
