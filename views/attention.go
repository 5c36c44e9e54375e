package views

import "github.com/a-h/templ"

// AttentionPage lists what needs a person.
type AttentionPage struct {
	Parts   []AttentionPart
	Watched []Fact // what is watched, and when it shows here
	Tag     string // of what is shown, for asking whether it changed
}

// AttentionPart is everything of one kind.
type AttentionPart struct {
	ID    string // "failed"
	Title string
	Count string
	Items []Attention
	Note  string // what is not shown; "" for nothing
}

// Attention is one thing that went wrong, with its cause and what helps.
type Attention struct {
	ID      string // of the element; "" for none
	State   string
	Warning bool // nothing has failed or waits, but something is odd
	Title   string
	URL     string // where to look; "" for nowhere
	Cause   string // in a sentence
	Facts   string // since when, how often
	Do      Act
	Also    Act // empty Text for none
}

// Act is a button: it leads to URL, or posts there.
type Act struct {
	Text   string
	About  string // what it is about, for those who hear the button alone
	URL    string
	Fields []Hidden // nil: a link
	Ask    bool     // a link to a confirmation
}

// about names the thing of a button among many that say the same.
func about(a Act) templ.Attributes {
	if a.About == "" {
		return nil
	}
	return templ.Attributes{"aria-label": a.Text + ": " + a.About}
}
