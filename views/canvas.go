package views

import (
	"strings"

	"github.com/a-h/templ"
)

// Canvas is the tree of one workflow version as a flowchart: in the editor with
// a + between the cards, in the log with a state on each.
type Canvas struct {
	Label string     // read aloud: "Workflow", "What happened"
	Cards []FlowCard // the trigger first
	Edit  bool
	Ended bool // "End" stands below the last card
}

// FlowCard is one node of a [Canvas].
type FlowCard struct {
	Key     string // the id of the card is "n-" + Key
	Icon    string
	Title   string
	Summary string // one line: "Products · sets Stock"
	URL     string
	Attrs   templ.Attributes // of the link: hx-get and the like
	Current bool             // its panel is open
	Trigger bool
	Problem string // editor: why it cannot run yet; "" when it can

	State  string // log: a state; "" in the editor
	Word   string // log: instead of the state's own word
	Figure string // log, at the right: "2 ms · attempt 2"

	Menu     []Link // editor: behind the dots; Ask dialogs
	Add      AddPoint
	Branches []CanvasBranch
}

// CanvasBranch is one way out of a card.
type CanvasBranch struct {
	Name     string
	Cards    []FlowCard
	Add      AddPoint // before its first card
	NotTaken bool     // log: the run went another way
	State    string   // log: of its condition, with Word; "" when nobody knows
	Word     string   // "met"
}

// AddPoint is a + on the wire. Without URL there is only the wire.
type AddPoint struct {
	URL   string
	Label string // "Add a node after Find the product"
}

// OutlineEntry is one line of the list beside the canvas.
type OutlineEntry struct {
	Name    string
	Icon    string
	URL     string // of the card on the canvas; "" for the name of a branch
	Current bool
	Inside  []OutlineEntry
}

// Outline lists the cards of a canvas as a tree of links to them.
func Outline(cards []FlowCard) []OutlineEntry {
	var list []OutlineEntry
	for _, c := range cards {
		list = append(list, OutlineEntry{Name: c.Title, Icon: c.Icon, URL: "#n-" + c.Key, Current: c.Current})
		for _, b := range c.Branches {
			inside := []OutlineEntry{{Name: b.Name}}
			list = append(list, OutlineEntry{Inside: append(inside, Outline(b.Cards)...)})
		}
	}
	return list
}

func branchTaken(b CanvasBranch) templ.Attributes {
	if b.NotTaken {
		return templ.Attributes{"data-taken": "no"}
	}
	return nil
}

func branchName(b CanvasBranch) string {
	switch {
	case b.Word != "":
		return b.Name + " · " + b.Word
	case b.NotTaken:
		return b.Name + " · not taken"
	}
	return b.Name
}

func currentCard(yes bool) templ.Attributes {
	if !yes {
		return nil
	}
	return templ.Attributes{"aria-current": "true"}
}

func cardState(c FlowCard) templ.Attributes {
	if c.State == "" {
		return nil
	}
	return templ.Attributes{"data-state": c.State}
}

func lowerFirst(s string) string {
	first := firstRune(s)
	return strings.ToLower(first) + strings.TrimPrefix(s, first)
}
