package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

// workflowsPage is how many workflows a page of the list shows.
const workflowsPage = 50

// workflows lets people see, make and change workflows.
type workflows struct {
	engine  *engine.Engine
	records *collection.Store
	users   *auth.Store
}

// Routes registers the list, the editor, and what changes a workflow as a
// whole; nodes are in handlers/nodes.go.
func (h *workflows) Routes(g *Group) {
	g.GET("/workflows", auth.UseWorkflows, h.list)
	g.GET("/workflows/new", auth.CreateWorkflows, h.blank)
	g.POST("/workflows", auth.CreateWorkflows, h.create)
	g.GET("/workflows/:id", auth.UseWorkflows, h.show)
	g.GET("/workflows/:id/rename", auth.UseWorkflows, h.askRename)
	g.POST("/workflows/:id/rename", auth.UseWorkflows, h.rename)
	g.POST("/workflows/:id/enable", auth.UseWorkflows, h.enable)
	g.POST("/workflows/:id/copy", auth.UseWorkflows, h.copy)
	g.GET("/workflows/:id/discard", auth.UseWorkflows, h.askDiscard)
	g.POST("/workflows/:id/discard", auth.UseWorkflows, h.discard)
	g.GET("/workflows/:id/delete", auth.UseWorkflows, h.askRemove)
	g.POST("/workflows/:id/delete", auth.UseWorkflows, h.remove)
	g.GET("/workflows/:id/limits", auth.UseWorkflows, h.limits)
	g.POST("/workflows/:id/limits", auth.UseWorkflows, h.setLimits)
	g.GET("/workflows/:id/run", auth.UseWorkflows, h.askRun)
	g.POST("/workflows/:id/run", auth.UseWorkflows, h.run)
	h.categoryRoutes(g)
	h.nodeRoutes(g)
	h.peopleRoutes(g)
	h.exchangeRoutes(g)
}

func (h *workflows) list(c echo.Context) error {
	f := engine.WorkflowFilter{
		Text: strings.TrimSpace(c.QueryParam("q")), Type: c.QueryParam("type"), Failing: c.QueryParam("failing") == "true",
		Sort: c.QueryParam("sort"), PageSize: workflowsPage,
	}
	f.Page, _ = strconv.Atoi(c.QueryParam("page"))
	f.Page = min(max(f.Page, 1), 1_000_000)
	if state := c.QueryParam("state"); state == "on" || state == "off" {
		on := state == "on"
		f.Enabled = &on
	}
	f.Category, _ = strconv.ParseInt(c.QueryParam("category"), 10, 64)
	found, more, err := h.engine.Workflows(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	categories, err := h.engine.Categories(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	env, err := h.env(c)
	if err != nil {
		return err
	}
	vm := views.WorkflowList{
		Query: f.Text, State: c.QueryParam("state"), Type: f.Type, Failing: f.Failing,
		Filtered: f.Text != "" || f.Enabled != nil || f.Type != "" || f.Failing || f.Category != 0,
		Category: f.Category,
		Types:    []views.Option{{Text: "Any trigger"}}, MayCreate: actor(c).Can(auth.CreateWorkflows), MaySort: actor(c).Can(auth.ManageWorkflows),
	}
	for _, k := range triggerforms.Kinds() {
		vm.Types = append(vm.Types, views.Option{Value: k.Name, Text: k.Title})
	}
	address := listAddress(c.QueryParams())
	vm.Tabs = []views.Tab{{Text: "All", URL: address("category", ""), Current: f.Category == 0}}
	for _, cat := range categories {
		vm.Tabs = append(vm.Tabs, views.Tab{Text: cat.Title, Count: views.Int(cat.Workflows),
			URL: address("category", views.ID(cat.ID)), Current: cat.ID == f.Category})
	}
	vm.Title = views.Sort{Text: "Name", URL: address("sort", ""), Dir: "ascending"}
	vm.Failed = views.Sort{Text: "Failed, 7 days", URL: address("sort", "failed")}
	vm.Last = views.Sort{Text: "Last execution", URL: address("sort", "last")}
	switch f.Sort {
	case "failed":
		vm.Title.Dir, vm.Failed.Dir = "", "descending"
	case "last":
		vm.Title.Dir, vm.Last.Dir = "", "descending"
	case "-title":
		vm.Title.Dir = "descending"
	default:
		vm.Title.URL = address("sort", "-title")
	}
	vm.Pager.Text = "Page " + strconv.Itoa(f.Page)
	if f.Page > 1 {
		vm.Pager.Prev = address("page", strconv.Itoa(f.Page-1))
	}
	if more {
		vm.Pager.Next = address("page", strconv.Itoa(f.Page+1))
	}
	w := words(c)
	for _, s := range found {
		row := workflowRow(w, env, actor(c), s)
		for _, cat := range categories {
			if slices.Contains(s.Categories, cat.ID) {
				row.Categories = append(row.Categories, categoryRow(cat))
			}
		}
		vm.Rows = append(vm.Rows, row)
	}
	return render(c, http.StatusOK, views.WorkflowsPage(vm), nil)
}

// listAddress returns the list's address with one parameter changed.
func listAddress(now url.Values) func(name, value string) string {
	return func(name, value string) string {
		q := url.Values{}
		for key, values := range now {
			if len(values) > 0 && values[0] != "" && (key != "page" || name == "page") {
				q.Set(key, values[0])
			}
		}
		q.Set(name, value)
		if value == "" {
			q.Del(name)
		}
		if len(q) == 0 {
			return "/workflows"
		}
		return "/workflows?" + q.Encode()
	}
}

func workflowRow(w views.Words, env *nodeforms.Env, who auth.Actor, s engine.WorkflowSummary) views.WorkflowRow {
	r := views.WorkflowRow{
		ID: s.ID, Version: s.ID, Title: s.Title, On: s.Enabled, Draft: s.DraftID != 0, Owner: s.Owner, Week: "–",
		URL: "/workflows/" + views.ID(s.ID), When: s.TriggerTitle,
		MayEdit: s.Level.Includes(auth.Editor), MayOwn: s.Level.Includes(auth.Owner), MayCopy: who.Can(auth.CreateWorkflows),
	}
	if s.Level == "" {
		r.URL, r.When = "", "You see that it is there. What it does, its owner can show you."
		return r
	}
	if r.When == "" {
		r.When = triggerforms.When(s.Type, s.Config, env)
	}
	if s.DraftID != 0 {
		r.Version, r.URL = s.DraftID, "/workflows/"+views.ID(s.DraftID)
	}
	for _, run := range s.Runs {
		bar := views.SparkBar{Bad: run.Status != nil && *run.Status < 0}
		if run.Started != nil && run.Ended != nil {
			bar.Took = run.Ended.Sub(*run.Started)
		}
		if bar.Bad {
			r.Failures++
		}
		r.Runs = append(r.Runs, bar)
	}
	if last, ok := s.Last(); ok {
		r.State, r.Ago = last.State(), w.Moment(last.At, w.Ago(last.At))
		r.Week = views.Int(s.FailedWeek) + " of " + views.Int(s.TotalWeek)
		if s.TotalWeek == engine.WeekLimit {
			r.Week = views.Int(s.FailedWeek) + " of newest " + views.Int(s.TotalWeek)
		}
	}
	if s.FailedWeek > 0 {
		r.WeekURL = runsURL(s.Key) + "&state=failed&state=error"
	}
	return r
}

// runsURL is the list of a workflow's executions.
func runsURL(key string) string { return "/executions?" + url.Values{"workflow": {key}}.Encode() }

// env is what forms and summaries know of the world, without variables.
func (h *workflows) env(c echo.Context) (*nodeforms.Env, error) {
	collections, err := h.records.Collections(c.Request().Context())
	if err != nil {
		return nil, err
	}
	zone, err := h.engine.ServerZone(c.Request().Context())
	if err != nil {
		return nil, err
	}
	env := &nodeforms.Env{Collections: collections, Zone: zone, Related: h.related(c)}
	env.Names.Catalogue = h.records
	env.Names.Record = func(name string) string { return nodeforms.Singular(env.CollectionTitle(name)) }
	return env, nil
}

func triggerChoices() []views.Option {
	var options []views.Option
	for _, k := range triggerforms.Kinds() {
		if engine.LookupTrigger(k.Name) != nil {
			options = append(options, views.Option{Value: k.Name, Text: k.Title, Help: k.Help})
		}
	}
	return options
}

func (h *workflows) blank(c echo.Context) error {
	return newWorkflow(c, http.StatusOK, views.NewWorkflow{})
}

func newWorkflow(c echo.Context, status int, vm views.NewWorkflow) error {
	vm.Types = triggerChoices()
	if vm.Type == "" && len(vm.Types) > 0 {
		vm.Type = vm.Types[0].Value
	}
	return render(c, status, views.NewWorkflowPage(vm), views.NewWorkflowDialog(vm))
}

func (h *workflows) create(c echo.Context) error {
	vm := views.NewWorkflow{Title: strings.TrimSpace(c.FormValue("title")), Type: c.FormValue("type"), Sync: c.FormValue("sync") == "true"}
	if vm.Title == "" {
		vm.Problems = map[string]string{"title": "Give the workflow a name."}
		return newWorkflow(c, http.StatusUnprocessableEntity, vm)
	}
	zone, err := h.engine.ServerZone(c.Request().Context())
	if err != nil {
		return err
	}
	w, err := h.engine.CreateWorkflow(c.Request().Context(), actor(c), engine.NewWorkflow{Title: vm.Title, Type: vm.Type, Sync: vm.Sync,
		Config: triggerforms.Initial(vm.Type, h.engine.Now().In(zone))})
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		vm.Problems = f.Fields
		return newWorkflow(c, http.StatusUnprocessableEntity, vm)
	}
	if err != nil {
		return err
	}
	return done(c, "/workflows/"+views.ID(w.ID)+"/trigger", "")
}

func (h *workflows) show(c echo.Context) error {
	d, err := h.open(c)
	if err != nil {
		return err
	}
	return d.render(http.StatusOK, nil)
}

func (h *workflows) askRename(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	return d.renderRename(http.StatusOK, d.w.Title, d.w.Description, nil)
}

func (d *desk) renderRename(status int, title, description string, problems map[string]string) error {
	f := views.Field{Name: "title", ID: "rename-name", Label: "Name", Value: title, Error: problems["title"], Focus: true, Required: true}
	about := views.Field{Name: "description", ID: "rename-description", Label: "Description", Note: "optional", Value: description, Error: problems["description"],
		Help: "What it is for, and what to know before it is changed. It stands above the nodes."}
	return render(d.c, status, views.RenamePage(d.url(), f, about, d.w.SettingsRevision), views.RenameDialog(d.url(), f, about, d.w.SettingsRevision))
}

// rename gives all of a workflow that is still in use the new name and
// description: the current version and the draft.
func (h *workflows) rename(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	title, description := c.FormValue("title"), strings.TrimSpace(c.FormValue("description"))
	seen, _ := strconv.ParseInt(c.FormValue("revision"), 10, 64)
	ctx := c.Request().Context()
	_, err = h.engine.UpdateWorkflow(ctx, actor(c), d.w.ID, engine.WorkflowChange{Seen: seen, Title: &title, Description: &description})
	switch f, _ := errors.AsType[*fault.Error](err); {
	case f != nil && f.Kind == fault.Invalid:
		return d.renderRename(http.StatusUnprocessableEntity, title, description, f.Fields)
	case f != nil && f.Kind == fault.Conflict:
		return d.renderRename(http.StatusConflict, title, description, map[string]string{"title": "Somebody renamed it to “" + d.w.Title + "” or changed its trigger meanwhile. Rename it again to put your name in place."})
	case err != nil:
		return err
	}
	for _, v := range d.versions {
		if v.ID != d.w.ID && (v.Current || v.ID == d.draft.ID) {
			if _, err := h.engine.UpdateWorkflow(ctx, actor(c), v.ID, engine.WorkflowChange{Title: &title, Description: &description}); err != nil {
				return err
			}
		}
	}
	return done(c, back(c, d.url()), "Renamed to “"+strings.TrimSpace(title)+"”.")
}

// back is the page a dialog was opened on, when it is one of ours.
func back(c echo.Context, otherwise string) string {
	from, err := url.Parse(c.Request().Header.Get("HX-Current-URL"))
	if err != nil || !strings.HasPrefix(from.Path, "/workflow") {
		return otherwise
	}
	return (&url.URL{Path: from.Path, RawQuery: from.RawQuery}).String()
}

// enable turns a workflow on or off, or publishes a draft.
func (h *workflows) enable(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	on := c.FormValue("on") == "true"
	wasDraft := d.isDraft()
	_, err = h.engine.EnableWorkflow(c.Request().Context(), actor(c), d.w.ID, on)
	var refused *engine.NotReady
	switch {
	case errors.As(err, &refused) && !isPartial(c.Request()):
		return c.Redirect(http.StatusSeeOther, d.url()+"?problems=1")
	case errors.As(err, &refused) && c.FormValue("from") == "list":
		return d.refuseInList(refused)
	case errors.As(err, &refused):
		d.problems = refused.Problems
		d.replaceMain(d.url() + "?problems=1")
		// Morphing keeps what was typed, and so the switch as it was pressed.
		vm := d.editor(nil)
		return render(c, http.StatusUnprocessableEntity, views.EditorPage(vm),
			templ.Join(views.EditorContent(vm), views.CloseDialog(), views.SwitchBack(d.w.ID, d.w.Title, "editor")))
	case err != nil:
		return err
	}
	notice := "“" + d.w.Title + "” is on."
	switch {
	case !on:
		notice = "“" + d.w.Title + "” is off."
	case wasDraft:
		notice = "Version " + strconv.Itoa(d.w.Number) + " is published."
	}
	switch {
	case !isPartial(c.Request()) && c.FormValue("from") == "list":
		return done(c, "/workflows", notice)
	case !isPartial(c.Request()):
		return done(c, d.url(), notice)
	case c.FormValue("from") == "list":
		toast := views.ToastPartial(views.Notice{State: views.Completed, Text: notice})
		return render(c, http.StatusOK, toast, toast)
	}
	if d, err = h.open(c); err != nil {
		return err
	}
	d.toast = &views.Notice{State: views.Completed, Text: notice}
	d.replaceMain(d.url())
	return d.render(http.StatusOK, nil)
}

// refuseInList puts the switch back and says why.
func (d *desk) refuseInList(refused *engine.NotReady) error {
	d.c.Response().Header().Set("HX-Retarget", "#on-"+views.ID(d.w.ID))
	answer := templ.Join(
		views.SwitchBack(d.w.ID, d.w.Title, "list"),
		views.ToastPartial(views.Notice{State: views.Error, Text: refused.Error()}),
	)
	return render(d.c, http.StatusUnprocessableEntity, answer, answer)
}

func (h *workflows) copy(c echo.Context) error {
	d, err := h.open(c)
	if err != nil {
		return err
	}
	made, err := h.engine.Revise(c.Request().Context(), actor(c), d.w.ID, "", "")
	if err != nil {
		return err
	}
	return done(c, "/workflows/"+views.ID(made.ID), "Copied. The copy is off.")
}

func (h *workflows) askDiscard(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	if !d.isDraft() {
		return errNoDraft
	}
	confirm := views.Confirm{
		Title: "Discard draft", Text: "All changes since the version that runs are gone. That version stays as it is.",
		Action: d.url() + "/discard", Do: "Discard draft", Back: d.url(),
	}
	return render(c, http.StatusOK, views.ConfirmPage(confirm), views.ConfirmDialog(confirm))
}

var errNoDraft = fault.New(fault.Gone, "This is not a draft any more: it was published or discarded.")

func (h *workflows) discard(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	if !d.isDraft() {
		return errNoDraft
	}
	if _, err := h.engine.DeleteWorkflow(c.Request().Context(), actor(c), d.w.ID); err != nil {
		return err
	}
	return done(c, "/workflows/"+views.ID(d.currentID()), "The draft is discarded.")
}

func (h *workflows) askRemove(c echo.Context) error {
	d, err := h.openFor(c, auth.Owner)
	if err != nil {
		return err
	}
	confirm := views.Confirm{
		Title: "Delete “" + d.w.Title + "”", Text: "The workflow is gone with all its versions. Its executions stay in the log, for those who manage all workflows.",
		Action: d.url() + "/delete", Do: "Delete workflow", Back: d.url(),
	}
	if slices.ContainsFunc(d.versions, func(v engine.Workflow) bool { return v.Enabled }) {
		confirm.Lines = []string{"It is on: nothing will start it any more."}
	}
	return render(c, http.StatusOK, views.ConfirmPage(confirm), views.ConfirmDialog(confirm))
}

func (h *workflows) remove(c echo.Context) error {
	d, err := h.openFor(c, auth.Owner)
	if err != nil {
		return err
	}
	if _, err := h.engine.DeleteWorkflow(c.Request().Context(), actor(c), d.currentID()); err != nil {
		return err
	}
	return done(c, "/workflows", "“"+d.w.Title+"” is deleted.")
}

// savedAt words when a version was last changed.
func savedAt(w views.Words, t time.Time) string { return "Saved " + w.When(t) }
