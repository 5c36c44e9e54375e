// Package views is what people see: templ components, their view models, and
// the Go that words things (times, durations, states, errors).
//
// A component takes a view model: strings that are already worded, times
// already in the reader's zone. It asks nobody: no queries, no engine calls, no
// clock. The one thing that comes through the context is the [Shell], the frame
// around every page (who is signed in, the navigation, a message to show once);
// the handlers put it there, so that a page only states what is its own:
//
//	templ TasksPage(vm Tasks) {
//		@Layout(Page{Title: "Tasks"}) {
//			@Content() {
//				@PageHead(Head{Title: "Tasks"}) {
//					@LinkButton(Link{Text: "New request", URL: "/tasks/new", Icon: "plus"}, "btn-primary")
//				}
//				@TaskList(vm)
//			}
//		}
//	}
//
// Layout gives <main id="main">, Content the column inside it. Pages outside of
// the shell (sign-in, set-up, mailed decisions) use [Sole].
//
// Classes are those of static/css/alur.css. The content security policy forbids
// inline scripts and styles, style attributes included. Behavior is attached by
// the scripts in static/js to attributes that these components set; a page
// works without it.
package views
