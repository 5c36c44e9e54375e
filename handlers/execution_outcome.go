package handlers

import (
	"encoding/json"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/node"
	"alur/engine/value"
	"alur/views"
	"alur/views/nodeforms"
)

// outcome is the line under a step's title: what went wrong, else what came
// out, else what the step is set to do.
func (l *runLog) outcome(n *engine.TreeNode, j engine.Job) string {
	if j.Status < 0 {
		return views.Clip(l.problemWords(n, j), 160)
	}
	if n == nil {
		return ""
	}
	if j.DueAt != nil {
		return "Until " + l.w.When(*j.DueAt)
	}
	set := nodeforms.SummaryOf(n.Type, n.Config, l.env)
	if j.Status == node.Pending || j.Large {
		return set
	}
	if a := answersOf(n, j); a.known {
		return views.Clip(a.words(n, l.env), 160)
	}
	v, err := value.Decode(j.Result)
	if err != nil {
		return set
	}
	if said := l.said(n, v, set); said != "" {
		return views.Clip(said, 160)
	}
	return set
}

// said words a result by the type of its node; "" when there is nothing to say.
func (l *runLog) said(n *engine.TreeNode, v any, set string) string {
	count, isCount := v.(float64)
	list, isList := v.([]any)
	record, isRecord := v.(map[string]any)
	switch n.Type {
	case "condition":
		switch v {
		case true:
			return "True · " + set
		case false:
			return "Not true · " + set
		}
	case "query":
		switch {
		case v == nil:
			return "Found nothing"
		case isList:
			return "Found " + views.Count(len(list), "record", "records")
		case isRecord:
			return "Found " + l.recordTitle(n, record)
		}
	case "create":
		if isRecord {
			return "Created " + l.recordTitle(n, record)
		}
	case "update":
		if isList {
			count, isCount = float64(len(list)), true
		}
		if isCount {
			return views.Count(int(count), "record", "records") + " changed"
		}
	case "destroy":
		if isCount {
			return views.Count(int(count), "record", "records") + " deleted"
		}
	case "manual":
		return pressed(n.Config, record)
	case "delay":
		if isCount {
			return "Waited " + views.Duration(time.Duration(count)*time.Millisecond)
		}
	}
	return plainWords(v)
}

// plainWords words a value of any step; "" for what has no short form.
func plainWords(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return views.Number(v)
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case []any:
		return views.Count(len(v), "value", "values")
	}
	return ""
}

// recordTitle words a record by the collection that its node works on.
func (l *runLog) recordTitle(n *engine.TreeNode, record map[string]any) string {
	if c := l.env.Collection(collectionOf(n)); c != nil {
		return c.TitleOf(record)
	}
	return "1 record"
}

// collectionOf is the collection that a node works on, "" for none.
func collectionOf(n *engine.TreeNode) string {
	name, _ := nodeforms.Decode(n.Config)["collection"].(string)
	return name
}

// pressed is the title of the button with which people decided.
func pressed(config json.RawMessage, result map[string]any) string {
	key, _ := result["_"].(string)
	if key == "" {
		return ""
	}
	var c struct {
		Forms map[string]struct {
			Actions []struct{ Key, Title string }
		}
	}
	_ = json.Unmarshal(config, &c) // foreign shapes have no titles
	for _, f := range c.Forms {
		for _, a := range f.Actions {
			if a.Key == key && a.Title != "" {
				return "Decided: " + a.Title
			}
		}
	}
	return "Decided: " + strings.ToUpper(key[:1]) + key[1:]
}
