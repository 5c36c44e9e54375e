package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// exchangeRoutes are the files of workflows, which are ours: the reference has
// none.
func (h *Workflows) exchangeRoutes(r methodRouter) {
	for _, key := range []string{"", "/:id"} {
		r.POST(`/api/workflows\:export`+key, auth.UseWorkflows, h.export)
	}
	r.Upload(`/api/workflows\:import`, auth.CreateWorkflows, engine.MaxPortableBytes+aroundFile, h.bringIn)
}

// export answers the file as data; with data around it, it can be imported too.
func (h *Workflows) export(c echo.Context) error {
	ids, err := h.targets(c, "workflows")
	if err != nil {
		return err
	}
	file, err := h.Engine.ExportWorkflows(c.Request().Context(), h.Actor(c), ids)
	if err != nil {
		return err
	}
	return data(c, file)
}

// arrival is what came of a workflow of a file, or would.
type arrival struct {
	ID       int64            `json:"id,omitempty"` // of the version that was made
	Key      string           `json:"key"`
	Title    string           `json:"title"`
	Nodes    int              `json:"nodes"`
	Existing *int64           `json:"existing"` // the version here that has its key; null for none that one may change
	Wrong    []placed         `json:"wrong"`
	Missing  []engine.Missing `json:"missing"`
	Loads    []load           `json:"loads"`
	Problems []placed         `json:"problems"`
}

// load is a relation that variables need and the file did not have loaded.
type load struct {
	Node     string `json:"node,omitempty"` // the key of what loads it now; none for the trigger
	Place    string `json:"place"`
	Relation string `json:"relation"`
}

type placed struct {
	Node  string `json:"node,omitempty"` // its key
	Place string `json:"place,omitempty"`
	Field string `json:"field,omitempty"`
	Msg   string `json:"message"`
}

type guest struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	UserID *int64 `json:"userId"`
}

// bringIn makes the workflows of the file in the body. With dryRun=true it only says
// what would be made; with as=version those whose key is here become a new version;
// people={"mail:ann@example.org": 7} says who is meant.
func (h *Workflows) bringIn(c echo.Context) error {
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	people, err := peopleOf(p)
	if err != nil {
		return err
	}
	raw, err := io.ReadAll(c.Request().Body)
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok && e != nil {
		raw, err = make([]byte, engine.MaxPortableBytes+1), nil // said as of every file
	}
	if err != nil {
		return err
	}
	file, err := engine.ReadPortable(raw)
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	choices := engine.Choices{People: people, Versions: map[int]bool{}}
	switch as := p.Text("as"); as {
	case "", "workflow":
	case "version":
		for i := range file.Workflows {
			choices.Versions[i] = true
		}
	default:
		return problem("as", "Say workflow or version.")
	}
	seen, err := h.Engine.PreviewImport(ctx, a, file, choices)
	if err != nil {
		return err
	}
	var made []engine.Workflow
	if p.Text("dryRun") != "true" {
		if made, err = h.Engine.ImportWorkflows(ctx, a, file, choices); err != nil {
			return err
		}
	}
	return data(c, arrivals(seen, made))
}

func arrivals(seen engine.Preview, made []engine.Workflow) any {
	out := struct {
		Workflows []arrival `json:"workflows"`
		People    []guest   `json:"people"`
	}{[]arrival{}, []guest{}}
	for i, a := range seen.Arrivals {
		row := arrival{Key: a.Portable.Key, Title: a.Portable.Title, Nodes: len(a.Portable.Nodes), Wrong: places(a.Wrong), Problems: places(a.Problems), Missing: a.Missing, Loads: []load{}}
		if a.Here != nil {
			row.Existing = &a.Here.ID
		}
		if row.Missing == nil {
			row.Missing = []engine.Missing{}
		}
		for _, l := range a.Loads {
			row.Loads = append(row.Loads, load{l.NodeKey, l.Node, l.Relation})
		}
		if i < len(made) {
			row.ID, row.Key = made[i].ID, made[i].Key
		}
		out.Workflows = append(out.Workflows, row)
	}
	for _, g := range seen.People {
		row := guest{Key: g.Ref.Key(), Name: g.Ref.String()}
		if g.ID != 0 {
			row.UserID = &g.ID
		}
		out.People = append(out.People, row)
	}
	return out
}

func places(problems []engine.Problem) []placed {
	out := []placed{}
	for _, p := range problems {
		out = append(out, placed{p.NodeKey, p.Node, p.Field, p.Msg})
	}
	return out
}

func peopleOf(p Params) (map[string]int64, error) {
	given, err := p.JSON("people")
	if err != nil || given == nil {
		return nil, err
	}
	bad := problem("people", `Send an object of ids by key, such as {"mail:ann@example.org": 7}.`)
	object, ok := given.(map[string]any)
	if !ok {
		return nil, bad
	}
	people := map[string]int64{}
	for key, v := range object {
		if v == nil {
			people[key] = 0
			continue
		}
		if !isID(v) {
			return nil, bad
		}
		id, err := strconv.ParseInt(strings.TrimSpace(collection.Format(v)), 10, 64)
		if err != nil {
			return nil, bad
		}
		people[key] = id
	}
	return people, nil
}
