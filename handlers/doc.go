// Package handlers turns requests into calls of the engine and its answers into
// pages, fragments and JSON. It has no SQL and no business rules.
//
// # A resource
//
// One file, one struct with what it needs, Routes first:
//
//	type Tasks struct{ Store *task.Store }
//
//	func (h *Tasks) Routes(g *Group) {
//		g.GET("/tasks", Signed, h.list)
//		g.GET("/tasks/:id", Signed, h.show)
//		g.POST("/tasks/:id/decide", auth.UseRecords, h.decide)
//		g.Stream("/executions/:id/events", auth.UseWorkflows, h.events)
//	}
//
// Every route states the right it needs: [Public], [Signed] or an auth.Right.
// The router asks for it before the handler runs, and TestRights is generated
// from the same table. The engine asks again, with the actor as an argument and
// for the row in question. The resource gets its line in [Server.resources].
//
// # Inside a handler
//
//   - actor(c) is who asks; words(c) puts times into their zone.
//   - render(c, status, page, fragment) answers with the fragment when htmx
//     asked for a part of the page. A whole page finds its frame in the context.
//   - done(c, url, "Saved.") ends a POST: redirect 303 and a toast on the next
//     page; with htmx the browser is sent there.
//   - return an error of engine/fault for everything else: the error handler
//     words it as page, toast or JSON. An invalid form is not an error but a
//     page: render it with 422, the typed values and the problems.
//   - A path parameter named token is a secret: such pages are not cached, not
//     indexed, send no referrer, and are masked in the log.
//
// GET changes nothing, ever; TestReadOnly calls every GET as every role and
// compares the database. Every form works without JavaScript.
package handlers
