package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// maxShown is how much of an answer the page shows.
const maxShown = 100_000

// apiDocs shows people what the API can do for them, and lets them try it.
type apiDocs struct {
	server  *Server
	records *recordsAPI
}

// Routes registers the page.
func (h *apiDocs) Routes(g *Group) {
	g.GET("/api-docs", auth.UseRecords, h.show)
	g.POST("/api-docs", auth.UseRecords, h.try)
}

func (h *apiDocs) show(c echo.Context) error {
	doc, err := h.records.handler().Document(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	vm := describe(doc, c.QueryParam("resource"), "", nil)
	return render(c, http.StatusOK, views.APIDocsPage(vm), nil)
}

// try calls what the form says, as the person who sent it, and shows the answer.
func (h *apiDocs) try(c echo.Context) error {
	doc, err := h.records.handler().Document(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return fault.Wrap(fault.Invalid, "The form could not be read.", err)
	}
	call, ok := find(doc, form.Get("operation"))
	if !ok {
		return fault.New(fault.NotFound, "There is no such call. Choose one from the list.")
	}
	vm := describe(doc, call.tag(), call.op.OperationID, form)
	r, err := call.request(c.Request(), form)
	if err != nil {
		return err
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	h.server.echo.ServeHTTP(w, r)
	address, err := url.PathUnescape(r.URL.RequestURI())
	if err != nil {
		address = r.URL.RequestURI()
	}
	vm.Sent = &views.APIAnswer{Call: r.Method + " " + address, Status: w.status, Good: w.status < 300, Body: pretty(w.body.Bytes())}
	if len(vm.Sent.Body) > maxShown {
		vm.Sent.Body, vm.Sent.Cut = strings.ToValidUTF8(vm.Sent.Body[:maxShown], ""), true
	}
	return render(c, http.StatusOK, views.APIDocsPage(vm), nil)
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// apiCall is one operation of the document with its place.
type apiCall struct {
	method, path string
	op           *openapi3.Operation
}

func (a apiCall) tag() string { return a.op.Tags[0] }

// calls lists the operations of the document.
func calls(doc *openapi3.T) []apiCall {
	var all []apiCall
	for _, path := range doc.Paths.Keys() {
		for method, op := range doc.Paths.Value(path).Operations() {
			all = append(all, apiCall{method, path, op})
		}
	}
	return all
}

func find(doc *openapi3.T, id string) (apiCall, bool) {
	all := calls(doc)
	i := slices.IndexFunc(all, func(a apiCall) bool { return a.op.OperationID == id })
	if i < 0 {
		return apiCall{}, false
	}
	return all[i], true
}

// parameterOf is the parameter that ref leads to.
func parameterOf(doc *openapi3.T, ref *openapi3.ParameterRef) *openapi3.Parameter {
	return doc.Components.Parameters[ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]].Value
}

// request is the call with the values of the form. It carries the cookies of who
// sent the form, and nothing else of it.
func (a apiCall) request(from *http.Request, form url.Values) (*http.Request, error) {
	path, query := a.path, url.Values{}
	for name, values := range form {
		name, isParam := strings.CutPrefix(name, "p.")
		value := strings.TrimSpace(values[0])
		switch {
		case !isParam || value == "" && !strings.Contains(path, "{"+name+"}"):
		case strings.Contains(path, "{"+name+"}"):
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(cmp.Or(value, "_")))
		case strings.HasSuffix(name, "[]"):
			for part := range strings.SplitSeq(value, ",") {
				query.Add(name, strings.TrimSpace(part))
			}
		default:
			query.Set(name, value)
		}
	}
	address := "/api" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(from.Context(), a.method, address, strings.NewReader(form.Get("body")))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "These values do not make an address.", err)
	}
	r.Host, r.RemoteAddr, r.RequestURI = from.Host, from.RemoteAddr, address
	r.Header.Set("Content-Type", "application/json")
	for _, name := range []string{"Cookie", "User-Agent", "X-Forwarded-For", "Sec-Fetch-Site", "Origin"} {
		if v := from.Header.Get(name); v != "" {
			r.Header.Set(name, v)
		}
	}
	return r, nil
}

// describe words the operations of a resource; the operation called open shows
// the values of form.
func describe(doc *openapi3.T, resource, open string, form url.Values) views.APIDocs {
	all := calls(doc)
	var names []string
	for _, a := range all {
		if !slices.Contains(names, a.tag()) {
			names = append(names, a.tag())
		}
	}
	slices.Sort(names)
	if !slices.Contains(names, resource) {
		resource = names[0]
	}
	vm := views.APIDocs{Title: resource}
	for _, name := range names {
		vm.Resources = append(vm.Resources, views.Option{Value: name, Text: name, Selected: name == resource})
	}
	all = slices.DeleteFunc(all, func(a apiCall) bool { return a.tag() != resource })
	slices.SortStableFunc(all, func(a, b apiCall) int {
		return cmp.Or(cmp.Compare(strings.Count(a.path, "/"), strings.Count(b.path, "/")), cmp.Compare(a.method, b.method), cmp.Compare(a.path, b.path))
	})
	for _, a := range all {
		vm.Operations = append(vm.Operations, operation(doc, a, open, form))
	}
	return vm
}

func operation(doc *openapi3.T, a apiCall, open string, form url.Values) views.APIOperation {
	op := views.APIOperation{ID: a.op.OperationID, Method: a.method, Path: "/api" + a.path, Summary: a.op.Summary, Open: open == a.op.OperationID}
	value := func(name, otherwise string) string {
		if op.Open {
			return form.Get(name)
		}
		return otherwise
	}
	for _, r := range a.op.Parameters {
		p := parameterOf(doc, r)
		op.Params = append(op.Params, views.Field{Name: "p." + p.Name, ID: "f-" + op.ID + "-" + p.Name, Label: p.Name, Help: p.Description,
			Value: value("p."+p.Name, ""), Width: "w-3", Mono: true})
	}
	if body := a.op.RequestBody; body != nil && body.Value.Content.Get("application/json") != nil { // else a form with a file
		op.Body = &views.Field{Name: "body", ID: "f-" + op.ID + "-body", Label: "Body", Rows: 6, Mono: true,
			Value: value("body", sampleOf(doc, body.Value.Content.Get("application/json").Schema, 0))}
	}
	for _, status := range []string{"200", "202"} {
		answer := a.op.Responses.Value(status)
		if answer == nil || answer.Value.Content.Get("application/json") == nil {
			continue
		}
		op.Answer = sampleOf(doc, answer.Value.Content.Get("application/json").Schema, 0)
	}
	return op
}

// sampleOf is JSON as a schema describes it.
func sampleOf(doc *openapi3.T, s *openapi3.SchemaRef, depth int) string {
	raw, err := json.MarshalIndent(instance(doc, s, depth), "", "  ")
	if err != nil {
		return ""
	}
	return string(raw)
}

// instance makes a value of a schema; deeper than three levels of records it
// leaves things out.
func instance(doc *openapi3.T, s *openapi3.SchemaRef, depth int) any {
	v := s.Value
	if s.Ref != "" {
		depth++
		v = doc.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]].Value
	}
	switch {
	case v.Example != nil:
		return v.Example
	case len(v.Enum) > 0:
		return v.Enum[0]
	case len(v.OneOf) > 0:
		return instance(doc, v.OneOf[0], depth)
	case len(v.AnyOf) > 0:
		return instance(doc, v.AnyOf[0], depth)
	case len(v.AllOf) > 0:
		return instance(doc, v.AllOf[0], depth)
	case v.Type.Is(openapi3.TypeArray):
		if depth > 1 && v.Items.Ref != "" {
			return []any{}
		}
		return []any{instance(doc, v.Items, depth)}
	case v.Type.Is(openapi3.TypeObject):
		out := map[string]any{}
		for name, member := range v.Properties {
			if m := member.Value; depth > 0 && (member.Ref != "" || m.Type.Is(openapi3.TypeArray) && m.Items.Ref != "" || len(m.AllOf) > 0) {
				continue // other records
			}
			out[name] = instance(doc, member, depth)
		}
		return out
	case v.Type.Is(openapi3.TypeInteger), v.Type.Is(openapi3.TypeNumber):
		return 1
	case v.Type.Is(openapi3.TypeBoolean):
		return true
	case v.Type.Is(openapi3.TypeString):
		return map[string]string{"date-time": "2026-05-07T14:30:00.000Z", "date": "2026-05-07", "": "text"}[v.Format]
	}
	return nil
}

// pretty indents JSON; what is none stays as it is.
func pretty(raw []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return strings.TrimSpace(out.String())
}
