// Package api is the JSON API: /api/<resource>:<action>, the language of the
// public JavaScript SDK (spec/platform.md §1 to §3).
//
// [Records] gives every collection the same actions. A resource with actions of
// its own is a struct with Routes that registers them by name, as [Auth] and
// [Users] do:
//
//	r.POST(`/api/users\:create`, auth.ManageUsers, h.create)
//
// Answers are {"data": …}, with "meta" for pages; an error of engine/fault
// becomes {"errors": […]}, worded by the package handlers. GET reaches only
// actions that change nothing, and is 404 for the others: so no link and no image
// on another site changes anything.
//
// Lists without a table behind them (fields, API keys, members) take the same
// parameters as those of records; see [collection.Store.ListRows]. With
// paginate=false a list has up to 20,000 records, and so has each relation in
// appends.
//
// Lists of executions and jobs count what matches one by one up to
// 10,000. Above that, count and totalPage are PostgreSQL's estimate, so that a
// list of millions is as quick as any. Their createdAt is sorted by the id,
// which grows with it.
package api
