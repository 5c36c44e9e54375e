package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lib/pq"

	"alur/engine/node"
)

// personMark is the only key of an object that stands for a person in settings of
// a file: {"$person": {"name": "Ann", "email": "ann@example.org"}}.
const personMark = "$person"

// PersonRef names a person in a file.
type PersonRef struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`

	id int64 // of a file that has ids: it says nothing about who that is here
}

// Key tells people of a file apart.
func (p PersonRef) Key() string {
	switch {
	case p.Email != "":
		return "mail:" + strings.ToLower(p.Email)
	case p.Name != "":
		return "name:" + p.Name
	}
	return "id:" + strconv.FormatInt(p.id, 10)
}

// String is p in words.
func (p PersonRef) String() string {
	switch {
	case p.Name != "" && p.Email != "":
		return p.Name + " (" + p.Email + ")"
	case p.id != 0:
		return "Person number " + strconv.FormatInt(p.id, 10)
	}
	return cmp.Or(p.Name, p.Email)
}

// person is somebody of this server.
type person struct {
	ID     int64  `db:"id"`
	Name   string `db:"name"`
	Email  string `db:"email"` // in lower case
	Active bool   `db:"active"`
}

// optionPeople are the options of a workflow that hold people: who answers for it, and
// who hears of what goes wrong.
var optionPeople = []string{"ownerId", "alerts.userIds"}

// rolesHere are the names of all roles of this server.
func (e *Engine) rolesHere(ctx context.Context) (map[string]bool, error) {
	var names []string
	if err := e.DB.SelectContext(ctx, &names, portableSQL.Get("roles_here")); err != nil {
		return nil, fmt.Errorf("list the roles: %w", err)
	}
	here := map[string]bool{}
	for _, name := range names {
		here[name] = true
	}
	return here, nil
}

// leaveOut takes the roles that hear of alerts and are not here out of options, and
// notes that they are missing.
func (a *Arrival) leaveOut(options json.RawMessage, here map[string]bool) (json.RawMessage, error) {
	v, err := exactly(options)
	if err != nil {
		return nil, err
	}
	at, _ := v.(map[string]any)
	at, _ = at["alerts"].(map[string]any)
	list, ok := at["roles"].([]any)
	if !ok {
		return options, nil
	}
	kept := []any{}
	for _, role := range list {
		if name, ok := role.(string); ok && !here[name] {
			a.miss("role", name, "The workflow")
			continue
		}
		kept = append(kept, role)
	}
	at["roles"] = kept
	return inOrder(v)
}

// peopleKeys are the settings of a node type that hold people.
func peopleKeys(kind string) []string {
	if k := node.Lookup(kind); k != nil {
		return k.People
	}
	return nil
}

// replacePeople calls fn for everybody at the dotted keys of settings and, with
// write, puts its answer in their place; nil takes them out.
func replacePeople(settings any, keys []string, fn func(PersonRef) any, write bool) {
	for _, key := range keys {
		path := strings.Split(key, ".")
		at, _ := settings.(map[string]any)
		for _, name := range path[:len(path)-1] {
			at, _ = at[name].(map[string]any)
		}
		last := path[len(path)-1]
		if v, ok := at[last]; ok {
			made := eachPerson(v, fn)
			switch {
			case write && made == nil:
				delete(at, last)
			case write:
				at[last] = made
			}
		}
	}
}

func eachPerson(v any, fn func(PersonRef) any) any {
	switch x := v.(type) {
	case []any:
		list := make([]any, 0, len(x))
		for _, inner := range x {
			if made := eachPerson(inner, fn); made != nil {
				list = append(list, made)
			}
		}
		return list
	case map[string]any:
		if ref, ok := asPerson(x); ok {
			return fn(ref)
		}
	case json.Number:
		if id, err := x.Int64(); err == nil {
			return fn(PersonRef{id: id})
		}
	case string:
		if id, err := strconv.ParseInt(strings.TrimSpace(x), 10, 64); err == nil {
			return fn(PersonRef{id: id})
		}
	}
	return v
}

func asPerson(x map[string]any) (PersonRef, bool) {
	inner, ok := x[personMark].(map[string]any)
	if !ok || len(x) != 1 {
		return PersonRef{}, false
	}
	name, _ := inner["name"].(string)
	mail, _ := inner["email"].(string)
	return PersonRef{Name: strings.TrimSpace(name), Email: strings.TrimSpace(mail)}, name != "" || mail != ""
}

// guests are the people of a file, by [PersonRef.Key], with who they are here as
// far as that is plain: the same mail address, or the only person of that name.
func (e *Engine) guests(ctx context.Context, file Portable) (refs map[string]PersonRef, here map[string]int64, err error) {
	refs, here = map[string]PersonRef{}, map[string]int64{}
	var mails, names pq.StringArray
	look := func(raw json.RawMessage, keys []string) {
		if v, err := exactly(raw); err == nil { // else it is said where the node is checked
			replacePeople(v, keys, func(p PersonRef) any { refs[p.Key()] = p; return nil }, false)
		}
	}
	for _, w := range file.Workflows {
		look(w.Options, optionPeople)
		for _, n := range w.Nodes {
			look(n.Config, peopleKeys(n.Type))
		}
	}
	for _, p := range refs {
		if p.Email != "" {
			mails = append(mails, strings.ToLower(p.Email))
		}
		if p.Name != "" {
			names = append(names, p.Name)
		}
	}
	if len(mails)+len(names) == 0 {
		return refs, here, nil
	}
	var rows []person
	if err := e.DB.SelectContext(ctx, &rows, portableSQL.Get("people"), pq.Int64Array{}, mails, names); err != nil {
		return nil, nil, fmt.Errorf("look for people: %w", err)
	}
	for key, p := range refs {
		here[key] = p.among(rows)
		if here[key] == 0 {
			delete(here, key)
		}
	}
	return refs, here, nil
}

// among is the id of p in rows; 0 when it is not plain who that is.
func (p PersonRef) among(rows []person) (id int64) {
	for _, r := range rows {
		if r.Active && p.Email != "" && r.Email == strings.ToLower(p.Email) {
			return r.ID
		}
	}
	for _, r := range rows {
		switch {
		case !r.Active || p.Name == "" || r.Name != p.Name:
		case id != 0:
			return 0 // two of that name
		default:
			id = r.ID
		}
	}
	return id
}
