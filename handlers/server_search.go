package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/task"
	"alur/views"
)

// How much a search shows of each place, and how many collections it asks.
const (
	searchEach        = 5
	searchCollections = 20
	searchLongest     = 200
)

// search looks for a text everywhere the person may look.
type search struct{ server *Server }

// Routes registers the search of the top bar.
func (h *search) Routes(g *Group) {
	g.GET("/search", Signed, h.show)
}

func (h *search) show(c echo.Context) error {
	q := strings.TrimSpace(c.QueryParam("q"))
	vm := views.Search{Query: q}
	if q != "" && len(q) <= searchLongest {
		for _, look := range []func(context.Context, auth.Actor, string) (views.Found, error){h.executions, h.tasks, h.workflows, h.collections} {
			found, err := look(c.Request().Context(), actor(c), q)
			if err != nil {
				return err
			}
			if len(found.Lines) > 0 {
				vm.Groups = append(vm.Groups, found)
			}
		}
		records, err := h.records(c.Request().Context(), actor(c), q)
		if err != nil {
			return err
		}
		vm.Groups = append(vm.Groups, records...)
	}
	return render(c, http.StatusOK, views.SearchPage(vm), nil)
}

// executions finds one by its number.
func (h *search) executions(ctx context.Context, a auth.Actor, q string) (views.Found, error) {
	id, err := strconv.ParseInt(q, 10, 64)
	if err != nil || !a.Can(auth.UseWorkflows) {
		return views.Found{}, nil
	}
	x, _, err := h.server.Engine.Execution(ctx, a, id)
	if fault.Is(err, fault.NotFound) {
		return views.Found{}, nil
	}
	return views.Found{Title: "Executions", Icon: "runs", Lines: []views.FoundLine{
		{Text: q, Note: views.StateWord(x.State()), URL: "/executions/" + q},
	}}, err
}

func (h *search) tasks(ctx context.Context, a auth.Actor, q string) (views.Found, error) {
	list, _, err := h.server.Tasks.Mine(ctx, a, task.Filter{Show: task.ShowAll, Search: q, Page: 1, Size: searchEach})
	found := views.Found{Title: "Tasks", Icon: "tasks"}
	for _, t := range list {
		found.Lines = append(found.Lines, views.FoundLine{Text: t.Title, Note: t.WorkflowTitle, URL: "/tasks/" + views.ID(t.ID)})
	}
	return found, err
}

func (h *search) workflows(ctx context.Context, a auth.Actor, q string) (views.Found, error) {
	if !a.Can(auth.UseWorkflows) {
		return views.Found{}, nil
	}
	list, more, err := h.server.Engine.Workflows(ctx, a, engine.WorkflowFilter{Text: q, Page: 1, PageSize: searchEach})
	found := views.Found{Title: "Workflows", Icon: "flow"}
	if more {
		found.More = views.Link{Text: "All that match", URL: "/workflows?q=" + url.QueryEscape(q)}
	}
	for _, w := range list {
		if w.Level == "" {
			found.Lines = append(found.Lines, views.FoundLine{Text: w.Title, Note: w.Description, URL: "/workflows?q=" + url.QueryEscape(w.Title)})
			continue
		}
		found.Lines = append(found.Lines, views.FoundLine{Text: w.Title, Note: w.Description, URL: "/workflows/" + views.ID(w.ID)})
	}
	return found, err
}

func (h *search) collections(ctx context.Context, a auth.Actor, q string) (views.Found, error) {
	mine, err := h.mine(ctx, a)
	found := views.Found{Title: "Collections", Icon: "table"}
	for _, c := range mine {
		if strings.Contains(strings.ToLower(c.Title+" "+c.Name), strings.ToLower(q)) {
			found.Lines = append(found.Lines, views.FoundLine{Text: titleOf(c), URL: recordsPath(c.Name)})
		}
	}
	return found, err
}

// records looks into the titles of the records of each collection.
func (h *search) records(ctx context.Context, a auth.Actor, q string) ([]views.Found, error) {
	mine, err := h.mine(ctx, a)
	if err != nil {
		return nil, err
	}
	var all []views.Found
	for _, c := range mine[:min(len(mine), searchCollections)] {
		if c.TitleField == "" {
			continue
		}
		page, err := h.server.Records.List(ctx, h.server.DB, collection.Access{Actor: a}, c.Name, collection.Query{
			Filter:   map[string]any{c.TitleField: map[string]any{"$includes": q}},
			Fields:   []string{"id", c.TitleField},
			Sort:     []string{"-id"},
			PageSize: searchEach, NoCount: true,
		})
		if err != nil {
			return nil, err
		}
		found := views.Found{Title: titleOf(c), Icon: "doc"}
		for _, r := range page.Records {
			id, _ := r["id"].(float64)
			found.Lines = append(found.Lines, views.FoundLine{Text: c.TitleOf(r), URL: recordsPath(c.Name) + "/" + views.ID(int64(id))})
		}
		if len(found.Lines) > 0 {
			all = append(all, found)
		}
	}
	return all, nil
}

// mine are the collections of people's own that a may read.
func (h *search) mine(ctx context.Context, a auth.Actor) ([]*collection.Collection, error) {
	all, err := h.server.Records.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var mine []*collection.Collection
	for _, c := range all {
		if !c.System && c.Allows(a, auth.View) {
			mine = append(mine, c)
		}
	}
	return mine, nil
}
