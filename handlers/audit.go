package handlers

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/views"
)

// auditExport is how many entries a CSV file of the audit log holds at most.
const auditExport = 50_000

// auditLog shows who did what.
type auditLog struct{ store *auth.Store }

// Routes registers the audit log as page, file and JSON.
func (h *auditLog) Routes(g *Group) {
	g.GET("/audit", auth.ReadAudit, h.list)
	g.GET("/audit.csv", auth.ReadAudit, h.csv)
	g.GET(`/api/auditLogs\:list`, auth.ReadAudit, h.json)
}

// origin notes in the context where a request comes from.
func (s *Server) origin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, from := c.Request(), client(c)
		o := audit.Origin{Channel: "page", IP: from.IP, Agent: from.Agent}
		switch {
		case session(c).Kind == auth.Key:
			o.Channel = "key"
		case isAPI(r.URL.Path):
			o.Channel = "api"
		case strings.HasPrefix(r.URL.Path, "/links/"):
			o.Channel = "link"
		}
		c.SetRequest(r.WithContext(audit.With(r.Context(), o)))
		return next(c)
	}
}

// channels are the words for the channels of entries.
var channels = map[string]string{"page": "Page", "api": "API", "key": "API key", "link": "Mailed link", "engine": "Server"}

// filterOf reads the filter of the log from the query.
func (h *auditLog) filterOf(c echo.Context) audit.Filter {
	f := audit.Filter{Kind: audit.Kind(c.QueryParam("kind")), Text: views.Clip(c.QueryParam("q"), 200)}
	f.UserID, _ = strconv.ParseInt(c.QueryParam("person"), 10, 64)
	f.Below, _ = strconv.ParseInt(c.QueryParam("below"), 10, 64)
	if t, err := time.ParseInLocation(time.DateOnly, c.QueryParam("since"), zone(c)); err == nil {
		f.Since = t
	}
	if t, err := time.ParseInLocation(time.DateOnly, c.QueryParam("until"), zone(c)); err == nil {
		f.Until = t.AddDate(0, 0, 1)
	}
	return f
}

func (h *auditLog) list(c echo.Context) error {
	f := h.filterOf(c)
	entries, more, err := h.store.Log(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	w := words(c)
	vm := views.Audit{Query: f.Text, Since: c.QueryParam("since"), Until: c.QueryParam("until"), Kinds: []views.Option{{Text: "Everything", Selected: f.Kind == ""}}}
	for _, k := range audit.Kinds {
		vm.Kinds = append(vm.Kinds, views.Option{Value: string(k), Text: views.Capital(string(k)), Selected: k == f.Kind})
	}
	query := c.QueryParams()
	query.Del("below")
	vm.File = "/audit.csv?" + query.Encode()
	if f.UserID != 0 {
		vm.Everybody = "/audit?" + without(query, "person").Encode()
	}
	for _, e := range entries {
		row := views.AuditRow{When: w.Moment(e.At, w.When(e.At)), Kind: views.Capital(string(e.Kind)), Person: e.Person, Text: e.Text,
			Channel: channels[e.Channel], From: e.IP, Client: views.ClientName(e.Agent)}
		switch {
		case e.Person == "" && e.Kind == audit.Records:
			row.Person = "Workflow"
		case e.Person == "":
			row.Person = "Nobody"
		}
		if e.ExecutionID != 0 {
			row.Execution = "/executions/" + views.ID(e.ExecutionID)
		}
		if e.UserID != 0 {
			q := without(query, "person")
			q.Set("person", views.ID(e.UserID))
			row.PersonURL = "/audit?" + q.Encode()
		}
		vm.Rows = append(vm.Rows, row)
	}
	if more {
		query.Set("below", views.ID(entries[len(entries)-1].ID))
		vm.Pager.Next = "/audit?" + query.Encode()
	}
	vm.Pager.Text = views.Count(len(entries), "entry", "entries")
	return render(c, http.StatusOK, views.AuditPage(vm), nil)
}

// without is a copy of q without one parameter.
func without(q url.Values, name string) url.Values {
	out := url.Values{}
	for k, v := range q {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// csv answers with what the filter matches, the newest entries first.
func (h *auditLog) csv(c echo.Context) error {
	f := h.filterOf(c)
	f.Limit = 1000
	entries, more, err := h.store.Log(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	head := c.Response().Header()
	head.Set("Content-Type", "text/csv; charset=utf-8")
	head.Set("Content-Disposition", `attachment; filename="audit-log.csv"`)
	c.Response().WriteHeader(http.StatusOK)
	out := csv.NewWriter(c.Response())
	if err := out.Write([]string{"Time (UTC)", "Kind", "Person", "Person (id)", "What", "Channel", "Address", "Program", "Workflow (id)", "Execution"}); err != nil {
		return err
	}
	for n := 0; ; {
		for _, e := range entries {
			if err := out.Write([]string{e.At.UTC().Format(time.RFC3339), string(e.Kind), plainCell(e.Person), views.ID(e.UserID), plainCell(e.Text), e.Channel, e.IP, plainCell(e.Agent),
				known(e.WorkflowID), known(e.ExecutionID)}); err != nil {
				return err
			}
		}
		if n += len(entries); !more || n >= auditExport {
			break
		}
		f.Below = entries[len(entries)-1].ID
		if entries, more, err = h.store.Log(c.Request().Context(), actor(c), f); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// known is an id as text; "" for none.
func known(id int64) string {
	if id == 0 {
		return ""
	}
	return views.ID(id)
}

// plainCell keeps a spreadsheet from taking text for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// json answers a page of the log: filter with kind, person, q, since and until,
// and with below for what is older.
func (h *auditLog) json(c echo.Context) error {
	f := h.filterOf(c)
	f.Limit, _ = strconv.Atoi(c.QueryParam("pageSize"))
	entries, more, err := h.store.Log(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	out := []map[string]any{}
	for _, e := range entries {
		out = append(out, map[string]any{"id": e.ID, "createdAt": e.At.UTC(), "kind": e.Kind, "userId": e.UserID, "person": e.Person,
			"text": e.Text, "channel": e.Channel, "ip": e.IP, "agent": e.Agent, "workflowId": e.WorkflowID, "executionId": e.ExecutionID})
	}
	return c.JSON(http.StatusOK, map[string]any{"data": out, "meta": map[string]any{"hasNext": more, "page": 1, "pageSize": max(f.Limit, len(out))}})
}
