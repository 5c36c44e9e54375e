package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/value"
	"alur/views"
	"alur/views/nodeforms"
)

// testNode tests a node as its settings are stored, with typed values.
func (h *workflows) testNode(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	n, err := d.node()
	if err != nil {
		return err
	}
	typed, err := c.FormParams()
	if err != nil {
		return err
	}
	v := d.drawer(d.nodePanel(n))
	if v.TestURL == "" {
		return fault.New(fault.Invalid, "Nodes of this type cannot be tested on their own.")
	}
	v.Tab = "test"
	t, values, err := d.trial(n, typed)
	if err != nil {
		return err
	}
	v.Trial = t
	if values == nil {
		return d.renderTrial(http.StatusUnprocessableEntity, v)
	}
	began := server(c).Now()
	out, err := h.engine.TestNode(c.Request().Context(), actor(c), engine.Trial{
		WorkflowID: d.w.ID, NodeID: n.ID, Type: n.Type, Config: n.Config, Values: values,
	})
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case f != nil && len(f.Fields) > 0:
		for _, field := range slices.Sorted(maps.Keys(f.Fields)) {
			t.Problems = append(t.Problems, f.Fields[field])
		}
		return d.renderTrial(http.StatusUnprocessableEntity, v)
	case err != nil:
		return err
	}
	raw := value.Encode(out.Result)
	t.Result = &views.TrialResult{State: engine.StateOf(out.Status), Took: views.Duration(server(c).Now().Sub(began))}
	if out.Log != "" {
		t.Result.Log = strings.Split(strings.TrimSuffix(out.Log, "\n"), "\n")
	}
	if out.Status < 0 {
		t.Result.Problem = engine.Job{Status: out.Status, Result: raw, Meta: value.Encode(out.Meta)}.Problem()
	} else {
		t.Result.Value = dataFold("trial", "Result", raw, "")
	}
	return d.renderTrial(http.StatusOK, v)
}

// renderTrial answers with the drawer; nothing else on the page has changed.
func (d *desk) renderTrial(status int, v *views.Drawer) error {
	return render(d.c, status, views.EditorPage(d.editor(v)), views.NodeDrawer(*v))
}

// trial is the tab that tests n, and the values to test with: those that were
// typed, or what the variables held in the newest run. Values are nil when one
// of them cannot be read.
func (d *desk) trial(n *engine.TreeNode, typed url.Values) (*views.Trial, map[string]any, error) {
	t := &views.Trial{Says: nodeforms.Lookup(n.Type).Test}
	names := d.env.Names
	names.Groups = d.scope(n.Key)
	from, err := d.samples(&names)
	if err != nil {
		return nil, nil, err
	}
	values, examples := map[string]any{}, false
	seen, wrong, env := map[string]bool{}, false, false
	for _, ref := range engine.References(n.Node) {
		if seen[ref.Path] {
			continue
		}
		seen[ref.Path] = true
		if strings.HasPrefix(strings.TrimPrefix(ref.Path, "ctx."), "$env.") {
			env = true // nobody has to type a secret
			continue
		}
		f := views.Field{
			Name: "value." + ref.Path, ID: fmt.Sprintf("t-%d", len(t.Fields)), Label: labelText(names.Label(ref.Path)),
			Mono: true, Complete: "off", Value: typed.Get("value." + ref.Path), Placeholder: "No value",
		}
		if !typed.Has(f.Name) {
			if last, ok := names.Last(ref.Path); ok {
				f.Value = trialText(last)
			} else if example, ok := names.Sample(ref.Path); ok {
				f.Value, examples = trialText(example), true
			}
		}
		if n := strings.Count(f.Value, "\n") + 1; n > 1 {
			f.Rows = min(n, 12)
		}
		if f.Error = nodeforms.JSONProblem(f.Value); f.Error != "" {
			wrong = true
		}
		if f.Value != "" {
			values[ref.Path] = nodeforms.Literal(f.Value)
		}
		t.Fields = append(t.Fields, f)
	}
	if typed == nil {
		t.From = from
		if examples {
			t.From = strings.TrimPrefix(from+". What no execution has yet is an example", ". ")
		}
	}
	if env {
		t.Says += " Variables and secrets are those of the server."
	}
	if wrong {
		return t, nil, nil
	}
	return t, values, nil
}

// labelText is a variable's name as a label: "Order / Quantity".
func labelText(l nodeforms.Label) string {
	if l.Rest == "" {
		return l.Group
	}
	return l.Group + " / " + l.Rest
}

// trialText is a value as people type it: JSON over several lines for lists and
// objects.
func trialText(v any) string {
	switch v := v.(type) {
	case map[string]any, []any:
		if raw, err := json.MarshalIndent(v, "", "  "); err == nil {
			return string(raw)
		}
	case string:
		if v == "" {
			return `""`
		}
	}
	return nodeforms.LiteralText(v)
}
