package handlers

import (
	"strings"

	"alur/engine/auth"
)

// furnish puts one of everything into the database, so that routes with ids
// find something.
func (s *site) furnish() {
	s.t.Helper()
	ctx := s.t.Context()
	if _, _, err := s.Auth.Invite(ctx, auth.System, auth.NewUser{Nickname: "Vic Victim", Email: "victim@alur.test"}, nil); err != nil {
		s.t.Fatal(err)
	}
}

// existing returns a path of the route with parameters of what is there, none
// when nothing is known.
func (s *site) existing(path string) []string {
	s.t.Helper()
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	find := map[string]string{
		"users": `SELECT id::text FROM alur.users WHERE email = 'victim@alur.test'`,
	}[first]
	if find == "" {
		return nil
	}
	var ids []string
	if err := s.DB.SelectContext(s.t.Context(), &ids, find); err != nil {
		s.t.Fatal(err)
	}
	if len(ids) == 0 {
		return nil
	}
	return []string{parameter.ReplaceAllString(path, ids[0])}
}

// traps are addresses that would change something if a GET could.
func (s *site) traps(r Route) []string {
	return nil
}
