package auth_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	ctx := t.Context()
	o.role("sales", []string{"view"}, nil)
	create(t, o.Store, auth.NewUser{Username: "ann", Role: auth.Admin, More: []auth.Role{"sales"}})
	bob := create(t, o.Store, auth.NewUser{Username: "bob"})
	_, ann := o.session(auth.Web, "ann")
	for name, tc := range map[string]struct {
		name  string
		role  auth.Role
		life  string
		field string
	}{
		"no name":       {" ", "sales", "1d", "name"},
		"foreign role":  {"x", auth.Member, "1d", "role"},
		"bad life":      {"x", "sales", "soon", "expiresIn"},
		"too long":      {"x", "sales", "3651d", "expiresIn"},
		"negative life": {"x", "sales", "-1d", "expiresIn"},
	} {
		if _, _, err := o.CreateKey(ctx, ann, tc.name, tc.role, tc.life); problem(err, tc.field) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	token, k, err := o.CreateKey(ctx, ann, "Importer", "sales", "30d")
	if err != nil || len(token) != len("alur_key_")+43+6 || k.ExpiresAt == nil {
		t.Fatalf("create: %q %+v %v", token, k, err)
	}
	var leaks int
	if err := o.DB.GetContext(ctx, &leaks, `SELECT count(*) FROM alur.api_keys k WHERE k::text LIKE '%' || $1 || '%'`, token[9:30]); err != nil || leaks != 0 {
		t.Errorf("the token is stored: %d, %v", leaks, err)
	}
	use := func(token string) (auth.Session, error) {
		return o.Resolve(ctx, auth.API, token, auth.Client{IP: "192.0.2.7"})
	}
	s, err := use(token)
	if err != nil || s.Kind != auth.Key || s.Actor.Role != "sales" || s.Actor.Can(auth.ManageUsers) || !s.Actor.Grant("x", auth.View).Any {
		t.Fatalf("use: %+v %v", s, err)
	}
	if as, err := o.As(ctx, s, auth.Admin); err != nil || as.Actor.Role != "sales" {
		t.Errorf("a key changes its role to %s, %v", as.Actor.Role, err)
	}
	if _, _, err := o.CreateKey(ctx, s, "child", "sales", "never"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a key makes a key: %v", err)
	}
	if _, err := o.Resolve(ctx, auth.Web, token, auth.Client{}); code(err) != "INVALID_TOKEN" {
		t.Errorf("a key as a cookie: %v", err)
	}
	if _, err := use(token[:len(token)-1] + "!"); code(err) != "INVALID_TOKEN" {
		t.Errorf("a key with a wrong checksum: %v", err)
	}
	keys, err := o.Keys(ctx, ann.Actor, false)
	if err != nil || len(keys) != 1 || keys[0].UsedAt == nil || keys[0].UsedIP != "192.0.2.7" || token[len(token)-6:] != keys[0].Hint {
		t.Errorf("listed: %+v, %v", keys, err)
	}
	if err := o.RevokeKey(ctx, bob.Actor(), k.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("revoke the key of somebody else: %v, want not found", err)
	}
	if _, err := o.Keys(ctx, bob.Actor(), true); !fault.Is(err, fault.Forbidden) {
		t.Errorf("see the keys of all: %v, want forbidden", err)
	}
	o.c.add(30 * 24 * time.Hour)
	if _, err := use(token); code(err) != "EXPIRED_TOKEN" {
		t.Errorf("after its time: %v", err)
	}
	forever, k2, err := o.CreateKey(ctx, ann, "Other", "", "never")
	if err != nil || k2.Role != auth.Admin {
		t.Fatalf("create: %+v, %v", k2, err)
	}
	o.c.add(1000 * 24 * time.Hour)
	if _, err := use(forever); err != nil {
		t.Errorf("a key without an end: %v", err)
	}
	// Losing the role, being deactivated, being revoked: each ends it at once.
	member := auth.Member
	if _, err := o.Update(ctx, auth.System, ann.Actor.UserID, auth.Change{Role: &member}); err != nil {
		t.Fatal(err)
	}
	if _, err := use(forever); code(err) != "ROLE_NOT_FOUND_FOR_USER" {
		t.Errorf("without its role: %v", err)
	}
	admin := auth.Admin
	if _, err := o.Update(ctx, auth.System, ann.Actor.UserID, auth.Change{Role: &admin}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Deactivate(ctx, auth.System, ann.Actor.UserID); err != nil {
		t.Fatal(err)
	}
	if _, err := use(forever); code(err) != "NOT_EXIST_USER" {
		t.Errorf("of who is deactivated: %v", err)
	}
	if _, err := o.Reactivate(ctx, auth.System, ann.Actor.UserID); err != nil {
		t.Fatal(err)
	}
	if _, err := use(forever); err != nil {
		t.Errorf("reactivated: %v", err)
	}
	if err := o.RevokeKey(ctx, ann.Actor, k2.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := use(forever); code(err) != "BLOCKED_TOKEN" {
		t.Errorf("revoked: %v", err)
	}
}

func TestKeyLimit(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	create(t, o.Store, auth.NewUser{Username: "ann"})
	_, ann := o.session(auth.Web, "ann")
	// 8 at once for the last 4 places.
	for range 96 {
		if _, _, err := o.CreateKey(t.Context(), ann, "k", "", "1d"); err != nil {
			t.Fatal(err)
		}
	}
	won := race(t, 8, func() error {
		_, _, err := o.CreateKey(t.Context(), ann, "k", "", "1d")
		return err
	}, fault.Invalid)
	if won != 4 {
		t.Errorf("%d keys more, want 4", won)
	}
}

// TestRightsTables: whoever changes the tables, the version rises.
func TestRightsTables(t *testing.T) {
	t.Parallel()
	o := newOrg(t)
	o.collection("orders")
	o.role("sales", nil, nil)
	if _, err := o.PutResource(t.Context(), auth.System, "sales", rules("orders", auth.View, nil, nil)); err != nil {
		t.Fatal(err)
	}
	version := func() (v int64) {
		if err := o.DB.GetContext(t.Context(), &v, `SELECT version FROM alur.rights`); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, change := range []string{
		`UPDATE alur.roles SET title = 'x' WHERE name = 'sales'`,
		`UPDATE alur.role_scopes SET name = 'x' WHERE id = 1`,
		`DELETE FROM alur.collections WHERE name = 'orders'`, // and with it the rules
	} {
		before := version()
		if err := o.DB.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error { _, err := tx.ExecContext(t.Context(), change); return err }); err != nil {
			t.Fatal(err)
		}
		if version() <= before {
			t.Errorf("%s: nobody notices", change)
		}
	}
	if _, err := o.DB.ExecContext(t.Context(), `INSERT INTO alur.users (id, nickname, username, role) VALUES (1, 'x', 'x', 'nope')`); err == nil || errors.Is(err, context.Canceled) {
		t.Error("a role that is not there can be stored")
	}
}
