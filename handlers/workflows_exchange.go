package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

// aroundWorkflows is how much longer than its file an upload of workflows may be:
// the other fields, and the text again where the form was filled in before.
const aroundWorkflows = engine.MaxPortableBytes + 1<<20

// exchangeRoutes register the way of workflows into files and back.
func (h *workflows) exchangeRoutes(g *Group) {
	g.POST("/workflows/export", auth.UseWorkflows, h.export)
	g.GET("/workflows/import", auth.CreateWorkflows, h.askImport)
	g.Upload("/workflows/import", auth.CreateWorkflows, engine.MaxPortableBytes+aroundWorkflows, h.bringIn)
}

// export answers with the file of the chosen versions. It is a POST, as it goes
// into the audit log.
func (h *workflows) export(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return fault.Wrap(fault.Invalid, "The server could not read what was sent. Open the list again and try once more.", err)
	}
	var ids []int64
	for _, text := range form["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errNoWorkflowPage
		}
		ids = append(ids, id)
	}
	file, err := h.engine.ExportWorkflows(c.Request().Context(), actor(c), ids)
	if err != nil {
		return err
	}
	raw, err := file.Encode()
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": file.FileName()}))
	header.Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, raw)
}

func (h *workflows) askImport(c echo.Context) error { return importStart(c, http.StatusOK, "", "") }

func importStart(c echo.Context, status int, text, problem string) error {
	return render(c, status, views.WorkflowFilePage(views.WorkflowFile{Text: text, Problem: problem,
		Limits: fmt.Sprintf("JSON, up to %d workflows and %d MB.", engine.MaxPortableWorkflows, engine.MaxPortableBytes>>20)}), nil)
}

// bringIn shows what a file would make; sent again from there it makes it. The file
// comes along each time: nothing of it is kept here in between.
func (h *workflows) bringIn(c echo.Context) error {
	raw, text, err := portableSent(c.Request())
	if err == nil {
		var file engine.Portable
		if file, err = engine.ReadPortable(raw); err == nil {
			return h.arrive(c, file)
		}
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Fields["file"] != "" {
		return importStart(c, http.StatusUnprocessableEntity, text, f.Fields["file"])
	}
	return err
}

// portableSent is the file of a form, else the text in it, which is also returned to
// be shown again.
func portableSent(r *http.Request) (raw []byte, text string, err error) {
	err = r.ParseMultipartForm(engine.MaxPortableBytes + aroundWorkflows)
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok && e != nil {
		return make([]byte, engine.MaxPortableBytes+1), "", nil // said as of every file
	}
	missing := fault.Fields(map[string]string{"file": "Choose a file, or paste its text."})
	if err != nil {
		return nil, "", missing
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }() // what is left over the system clears
	text = r.FormValue("text")
	f, _, err := r.FormFile("file")
	if err == nil {
		defer f.Close()
		if raw, err = io.ReadAll(f); err != nil {
			return nil, text, fmt.Errorf("read an upload: %w", err)
		}
		return raw, text, nil
	}
	if strings.TrimSpace(text) == "" {
		return nil, "", missing
	}
	return []byte(text), text, nil
}

func (h *workflows) arrive(c echo.Context, file engine.Portable) error {
	ctx, r := c.Request().Context(), c.Request()
	sent := r.FormValue("do") == "import"
	choices := engine.Choices{Leave: map[int]bool{}, Versions: map[int]bool{}, People: map[string]int64{}}
	for i := range file.Workflows {
		n := strconv.Itoa(i)
		choices.Leave[i] = sent && r.FormValue("take."+n) != "true"
		choices.Versions[i] = r.FormValue("as."+n) == "version"
	}
	seen, err := h.engine.PreviewImport(ctx, actor(c), file, choices)
	if err != nil {
		return err
	}
	for i, g := range seen.People {
		if values, ok := r.Form["person."+strconv.Itoa(i)]; ok {
			id, _ := strconv.ParseInt(values[0], 10, 64)
			choices.People[g.Ref.Key()], seen.People[i].ID = id, id
		}
	}
	if !sent {
		return h.arrivals(c, http.StatusOK, file, seen, choices, nil)
	}
	made, err := h.engine.ImportWorkflows(ctx, actor(c), file, choices)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		if seen, err = h.engine.PreviewImport(ctx, actor(c), file, choices); err != nil {
			return err
		}
		return h.arrivals(c, http.StatusUnprocessableEntity, file, seen, choices, f)
	}
	if err != nil {
		return err
	}
	loads := 0
	for i, a := range seen.Arrivals {
		if !choices.Leave[i] {
			loads += len(a.Loads)
		}
	}
	said := " is imported. It is off."
	if loads > 0 {
		said += " It now loads " + views.Count(loads, "relation", "relations") + " more, which variables need."
	}
	if len(made) == 1 {
		return done(c, "/workflows/"+views.ID(made[0].ID), "“"+made[0].Title+"”"+said)
	}
	said = fmt.Sprintf("%s are imported. They are off.", views.Count(len(made), "workflow", "workflows"))
	if loads > 0 {
		said += " They now load " + views.Count(loads, "relation", "relations") + " more, which variables need."
	}
	return done(c, "/workflows", said)
}

// arrivals shows what would be made, with what was chosen.
func (h *workflows) arrivals(c echo.Context, status int, file engine.Portable, seen engine.Preview, chosen engine.Choices, problem *fault.Error) error {
	content, err := json.Marshal(file)
	if err != nil {
		return fmt.Errorf("encode a file again: %w", err)
	}
	env, err := h.env(c)
	if err != nil {
		return err
	}
	people, err := h.userOptions(c)
	if err != nil {
		return err
	}
	vm := views.WorkflowArrivals{Content: string(content)}
	if problem != nil {
		vm.Problem = problem.Msg
	}
	for i, a := range seen.Arrivals {
		row := arrivalRow(i, a, env, chosen)
		vm.Ready = vm.Ready || len(row.Wrong) == 0
		vm.Rows = append(vm.Rows, row)
	}
	for i, g := range seen.People {
		f := views.Field{Name: "person." + strconv.Itoa(i), Label: g.Ref.String(), Value: "0",
			Options: append([]views.Option{{Value: "0", Text: "Nobody"}}, people...)}
		if g.ID != 0 {
			f.Value = views.ID(g.ID)
		}
		if problem != nil {
			f.Error = problem.Fields["people."+g.Ref.Key()]
		}
		vm.People = append(vm.People, f)
	}
	return render(c, status, views.WorkflowArrivalsPage(vm), nil)
}

func arrivalRow(i int, a engine.Arrival, env *nodeforms.Env, chosen engine.Choices) views.WorkflowArrival {
	n, p := strconv.Itoa(i), a.Portable
	row := views.WorkflowArrival{ID: "workflow-" + n, Title: p.Title, Wrong: placed(a.Wrong), Problems: placed(a.Problems),
		Take: views.Field{Name: "take." + n, Label: "Import this workflow", Checked: !chosen.Leave[i]}}
	if row.Title == "" {
		row.Title = "Workflow without a name"
	}
	starts := p.Trigger.Title
	if starts == "" && engine.LookupTrigger(p.Trigger.Type) != nil && len(a.Wrong) == 0 {
		starts = triggerforms.When(p.Trigger.Type, p.Trigger.Config, env)
	}
	if starts == "" {
		starts = p.Trigger.Type
	}
	row.Facts = []views.Fact{{Name: "Starts", Value: starts}, {Name: "Nodes", Value: views.Int(len(p.Nodes))}}
	if len(p.Categories) > 0 {
		row.Facts = append(row.Facts, views.Fact{Name: "Categories", Value: strings.Join(p.Categories, ", ")})
	}
	if a.Here != nil {
		as, why := "own", a.NoVersion()
		if chosen.Versions[i] {
			as = "version"
		}
		version := views.Option{Value: "version", Text: "A new version of “" + a.Here.Title + "”", Disabled: why != "", Help: why}
		if why == "" {
			version.Help = "It waits to be published; the version that runs goes on. A draft that waits there stays among the versions."
		}
		row.As = views.Field{Name: "as." + n, Label: "Make", Value: as,
			Options: []views.Option{{Value: "own", Text: "A workflow of its own", Help: "Beside the one that is here."}, version}}
	}
	for _, m := range a.Missing {
		what := strings.ToUpper(m.What[:1]) + m.What[1:]
		row.Missing = append(row.Missing, views.MissingRow{What: what, Name: m.Name, Where: strings.Join(m.Where, ", ")})
	}
	for _, l := range a.Loads {
		row.Loads = append(row.Loads, views.Problem{Place: l.Node, Field: l.Relation})
	}
	return row
}

func placed(problems []engine.Problem) []views.Problem {
	var list []views.Problem
	for _, p := range problems {
		list = append(list, views.Problem{Place: p.Node, Text: p.Msg}) // the path in the settings is for programs
	}
	return list
}
