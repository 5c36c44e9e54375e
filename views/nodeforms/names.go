package nodeforms

import (
	"cmp"
	"strconv"
	"strings"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
)

// Names words variables for people: "{{$jobsMapByNodeKey.k3f.stock}}" is "Find
// the product / Stock". References hold keys, so renaming a node is free.
type Names struct {
	Groups    []engine.ScopeGroup // what is in scope
	Catalogue node.Catalogue
	Record    func(collection string) string // what one record is called: "Order"
	Last      func(path string) (any, bool)  // the last real value of a variable; nil: nobody knows
	Sample    func(path string) (any, bool)  // an example, for what has no real value yet; nil: none
}

// Label is a variable in words.
type Label struct {
	Icon   string
	Group  string // where it comes from
	Rest   string // what of it; "" for all
	Short  string // both, as short as can be understood on a card
	Broken bool   // it leads nowhere
}

// Piece is text, or a variable in it.
type Piece struct {
	Text string
	Var  *Label
}

// Pieces cuts a text at its variables.
func (n Names) Pieces(text string) []Piece {
	var pieces []Piece
	end := 0
	for _, p := range expr.Placeholders(text) {
		if p.Start > end {
			pieces = append(pieces, Piece{Text: text[end:p.Start]})
		}
		label := n.Label(p.Path)
		pieces = append(pieces, Piece{Text: text[p.Start:p.End], Var: &label})
		end = p.End
	}
	if end < len(text) {
		pieces = append(pieces, Piece{Text: text[end:]})
	}
	return pieces
}

// Short replaces the variables in text by their short names.
func (n Names) Short(text string) string {
	var b strings.Builder
	for _, p := range n.Pieces(text) {
		if p.Var != nil {
			b.WriteString(p.Var.Short)
		} else {
			b.WriteString(p.Text)
		}
	}
	return strings.TrimSpace(b.String())
}

// Label words one variable.
func (n Names) Label(path string) Label {
	path = strings.TrimPrefix(path, "ctx.") // everything stands there once more
	for _, g := range n.Groups {
		rest, ok := strings.CutPrefix(path, g.Path)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		return n.label(g, strings.TrimPrefix(rest, "."))
	}
	switch {
	case strings.HasPrefix(path, "$jobsMapByNodeKey."), strings.HasPrefix(path, "$scopes."):
		return Label{Icon: "attention", Group: "removed or later node", Short: "removed node", Broken: true}
	case strings.HasPrefix(path, "$"):
		name := strings.TrimPrefix(path, "$")
		return Label{Icon: "braces", Group: name, Short: name}
	}
	return Label{Icon: "attention", Group: path, Short: path, Broken: true}
}

func (n Names) label(g engine.ScopeGroup, path string) Label {
	l := Label{Icon: GroupIcon(g), Group: n.GroupTitle(g)}
	variables := n.unwrap(g.Variables)
	if record, ok := started(g); ok {
		if rest, ok := strings.CutPrefix(path, record.Path); ok && (rest == "" || rest[0] == '.') {
			l.Group = n.Record(record.Target)
			path, variables = strings.TrimPrefix(rest, "."), n.below(record)
		}
	}
	var titles []string
	for path != "" {
		v, rest, ok := find(variables, path)
		switch {
		case ok:
			titles = append(titles, strings.TrimSuffix(cmp.Or(v.Title, v.Path), " (id)"))
			path, variables = rest, n.below(v)
		default:
			segment, rest, _ := strings.Cut(path, ".")
			l.Broken = l.Broken || len(variables) > 0 && segment != "length" && !isIndex(segment)
			titles = append(titles, segmentWords(segment))
			path = rest
		}
	}
	l.Rest = strings.Join(titles, " / ")
	if l.Rest == "" && g.Node != nil && len(g.Variables) == 1 && g.Variables[0].Path == "" {
		l.Rest = g.Variables[0].Title
	}
	switch {
	case len(titles) == 0:
		l.Short = l.Group
	case g.Node == nil && g.Path == "$context":
		l.Short = l.Group + " / " + strings.Join(titles, " / ")
	case g.Node != nil && l.Rest == "ID":
		l.Short = l.Group + " / ID" // "ID is ID" would say nothing
	default:
		l.Short = strings.Join(titles, " / ")
	}
	if l.Broken {
		l.Icon = "attention"
	}
	return l
}

// started is the record that started the workflow, which comes first of what its
// trigger hands over.
func started(g engine.ScopeGroup) (node.Variable, bool) {
	if g.Node != nil || len(g.Variables) == 0 || g.Variables[0].Target == "" {
		return node.Variable{}, false
	}
	return g.Variables[0], true
}

// unwrap steps into a result that is one value with parts.
func (n Names) unwrap(variables []node.Variable) []node.Variable {
	if len(variables) == 1 && variables[0].Path == "" {
		return n.below(variables[0])
	}
	return variables
}

func (n Names) below(v node.Variable) []node.Variable {
	if len(v.Children) > 0 || v.Target == "" || n.Catalogue == nil {
		return v.Children
	}
	fields, _ := n.Catalogue.Fields(v.Target)
	return fields
}

func find(variables []node.Variable, path string) (v node.Variable, rest string, ok bool) {
	for _, v := range variables {
		if rest, ok := strings.CutPrefix(path, v.Path); ok && v.Path != "" && (rest == "" || rest[0] == '.') {
			return v, strings.TrimPrefix(rest, "."), true
		}
	}
	return node.Variable{}, "", false
}

func isIndex(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

func segmentWords(s string) string {
	if i, err := strconv.ParseUint(s, 10, 32); err == nil {
		return "item " + strconv.FormatUint(i+1, 10)
	}
	if s == "length" {
		return "Number of items"
	}
	return s
}

// GroupTitle is what a source of variables is called.
func (n Names) GroupTitle(g engine.ScopeGroup) string {
	title := g.Title
	if title == "" && g.Node != nil {
		title = TitleOf(g.Node.Type)
	}
	switch {
	case strings.HasPrefix(g.Path, "$scopes."):
		return "Inside “" + title + "”"
	case title == "":
		return "Trigger"
	}
	return title
}

// GroupIcon is the icon of a source of variables.
func GroupIcon(g engine.ScopeGroup) string {
	switch {
	case g.Node != nil:
		return IconOf(g.Node.Type)
	case g.Path == "$context":
		return "bolt"
	}
	return "sliders"
}

// TypeIcon is the icon of a value's type.
func TypeIcon(v node.Variable) string {
	switch field := (collection.Field{Type: v.Type}); {
	case v.Target != "":
		return "relation"
	case v.Type == "dateRange":
		return "calendar"
	case v.Type == "" || v.Type == collection.JSON:
		return "braces"
	default:
		return baseIcon(field.Base())
	}
}

func baseIcon(base string) string {
	switch base {
	case collection.Integer, collection.BigInt, collection.Double, collection.Decimal:
		return "number"
	case collection.Boolean:
		return "toggle"
	case collection.Datetime, collection.DatetimeNoTz, collection.DateOnly, collection.Time, collection.UnixTimestamp:
		return "calendar"
	case collection.String, collection.Text, collection.UUID:
		return "text"
	}
	return "braces"
}

// Singular is what one record of a collection is called: "Order" for "Orders".
func Singular(title string) string {
	lower := strings.ToLower(title)
	switch {
	case strings.HasSuffix(lower, "ies") && len(title) > 4:
		return title[:len(title)-3] + "y"
	case strings.HasSuffix(lower, "sses"), strings.HasSuffix(lower, "xes"), strings.HasSuffix(lower, "ches"), strings.HasSuffix(lower, "shes"):
		return title[:len(title)-2]
	case strings.HasSuffix(lower, "ss"), strings.HasSuffix(lower, "us"), strings.HasSuffix(lower, "is"):
		return title
	case strings.HasSuffix(lower, "s") && len(title) > 2:
		return title[:len(title)-1]
	}
	return title
}
