package views

import "context"

// Shell is the frame around every page. Handlers put it into the context of
// whole pages; a fragment has none.
type Shell struct {
	Person  Person     // who is signed in
	Groups  []NavGroup // the navigation, already cut to what the person may see
	Flash   *Notice    // shown once as a toast; nil: nothing to say
	Outage  *Outage    // stands above every page; nil: all is well
	Version string     // of the program, for the account menu
	Account string     // the person's own page
	SignOut string     // where the sign-out form posts to
}

// Person is a name and what stands for it.
type Person struct {
	Name  string
	Email string
	Role  string // worded: "Administrator"
}

// NavGroup is a titled part of the navigation.
type NavGroup struct {
	Title string // "" for the first group
	Links []NavLink
}

// NavLink is one line of the navigation.
type NavLink struct {
	Name    string
	URL     string
	Icon    string
	Count   int  // shown behind the name; 0: nothing
	Bad     bool // Count counts what went wrong
	Current bool // the page is at or below URL
}

// Outage says that nothing can be saved.
type Outage struct {
	Title string
	Text  string // what to do
}

// Notice is one sentence about what just happened.
type Notice struct {
	State string // "completed", "error", "waiting"; colors and icon follow
	Text  string
}

type shellKey struct{}

// WithShell puts the frame where [Layout] finds it.
func WithShell(ctx context.Context, s Shell) context.Context {
	return context.WithValue(ctx, shellKey{}, s)
}

func shellOf(ctx context.Context) Shell {
	s, _ := ctx.Value(shellKey{}).(Shell)
	return s
}

// Page is what a page inside the shell says about itself.
type Page struct {
	Title   string   // in the browser's tab; " · Alur" is added
	Query   string   // what the search of the top bar shows
	Editor  bool     // fills the window beside a narrow rail (canvas, log)
	Scripts []string // further files of static/js, for example "canvas.js"
}

// SolePage is a page without the shell: sign-in, set-up, a mailed decision.
type SolePage struct {
	Title   string
	Wide    bool     // 40 instead of 28 rem
	Note    string   // small, at the right of the brand
	NoIndex bool     // a page behind a secret link: no search engines, no referrer
	Scripts []string // further files of static/js
}

// scripts are loaded by every page.
var scripts = []string{"htmx-4.0.1.min.js", "hx-sse-4.0.1.min.js", "menu.js", "dialog.js", "toast.js", "forms.js", "keys.js"}
