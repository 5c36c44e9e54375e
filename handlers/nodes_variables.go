package handlers

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/value"
	"alur/views"
	"alur/views/nodeforms"
)

// scope is the popover of the variable button, or the fields of one relation.
func (h *workflows) scope(c echo.Context) error {
	d, err := h.open(c)
	if err != nil {
		return err
	}
	key := c.QueryParam("node")
	names := d.env.Names
	names.Groups = d.scope(key)
	if key == "trigger" {
		names.Groups = slices.DeleteFunc(names.Groups, func(g engine.ScopeGroup) bool { return g.Path != "$system" }) // nothing has happened before the trigger
	}
	from, err := d.samples(&names)
	if err != nil {
		return err
	}
	address := d.url() + "/scope?" + url.Values{"node": {key}}.Encode()
	back := views.Link{Text: "Back to the workflow", URL: d.panelURL(key)}
	if of := c.QueryParam("of"); of != "" {
		items := nodeforms.PickerItems(names, of, c.QueryParam("path"), c.QueryParam("many") == "true", address)
		sheet := nodeforms.PickerSheet{Title: d.env.CollectionTitle(of), Crumbs: []views.Link{back, {Text: "Variables", URL: address}},
			Groups: []nodeforms.PickerGroup{{Title: d.env.CollectionTitle(of), Items: items}}}
		if trail := nodeforms.PickerTrail(names, c.QueryParam("path"), address); len(trail) > 0 {
			last := len(trail) - 1
			sheet.Title, sheet.Crumbs = trail[last].Text, append(sheet.Crumbs, trail[:last]...)
		}
		return render(c, http.StatusOK, nodeforms.PickerPage(sheet), nodeforms.PickerList(items))
	}
	groups := nodeforms.PickerGroups(names, address)
	sheet := nodeforms.PickerSheet{Title: "Variables", Crumbs: []views.Link{back}, Groups: groups}
	return render(c, http.StatusOK, nodeforms.PickerPage(sheet), nodeforms.Picker(groups, from))
}

// samples lets names show what variables held in the newest run, and says which
// run that was; "" when there was none. What no execution has yet has an example.
func (d *desk) samples(names *nodeforms.Names) (from string, err error) {
	ctx := d.c.Request().Context()
	run := runVars{"$system": d.h.engine.SystemVars()}
	names.Last = func(path string) (any, bool) { return expr.Resolve(run, path) }
	examples := runVars(d.h.engine.SampleVars(d.w, d.tree))
	names.Sample = func(path string) (any, bool) { return expr.Resolve(examples, path) }
	newest, _, err := d.h.engine.Executions(ctx, actor(d.c), engine.ExecutionFilter{Keys: []string{d.w.Key}, Limit: 1})
	if err != nil || len(newest) == 0 {
		return "", err
	}
	x, jobs, err := d.h.engine.Execution(ctx, actor(d.c), newest[0].ID)
	if fault.Is(err, fault.NotFound) {
		return "", nil // deleted between the two reads
	}
	if err != nil {
		return "", err
	}
	data, _ := value.Decode(x.Context) // what is not JSON has no samples
	results := map[string]any{}
	for _, j := range jobs {
		if v, err := value.Decode(j.Result); err == nil && len(j.Result) > 0 {
			results[j.NodeKey] = v
		}
	}
	run["$context"], run["$jobsMapByNodeKey"] = data, results
	return "Values from run " + views.ID(x.ID) + ", " + words(d.c).When(x.CreatedAt), nil
}

// runVars are the variables of a run that is over, and those of the system.
type runVars map[string]any

func (r runVars) Root(name string) (any, bool) {
	v, ok := r[name]
	return v, ok
}
