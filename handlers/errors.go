package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

var (
	errUnsigned = auth.Actor{}.Require(auth.UseRecords)
	errNotSetUp = fault.New(fault.Overloaded, "This server is not set up yet. Open the one-time setup link that it printed on its console when it started. The link works for one hour; start the server again for a new one.")
)

// fail is the one place where errors become answers. What nobody classified is
// logged and never shown.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	f := classify(err)
	r := c.Request()
	if f.Kind == fault.Internal && !errors.Is(r.Context().Err(), context.Canceled) {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("request_id", requestID(c)), slog.String("method", r.Method),
			slog.String("path", mask(r.URL.Path)), slog.Any("err", err))
	}
	var sent error
	switch {
	case r.Method == http.MethodHead:
		sent = c.NoContent(status(f.Kind, isAPI(r.URL.Path)))
	case isAPI(r.URL.Path):
		sent = failJSON(c, f)
	case f.Kind == fault.Unsigned:
		sent = s.toSignIn(c)
	case isPartial(r):
		sent = failPartial(c, f)
	default:
		sent = s.failPage(c, f)
	}
	if sent != nil && r.Context().Err() == nil { // nobody is told when they are gone
		s.Log.ErrorContext(r.Context(), "error page failed", "request_id", requestID(c), "err", sent)
	}
}

// classify finds the fault in err. The router's own errors become ours; a
// missed deadline or a lost database means "try again".
func classify(err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		return f
	}
	if h, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch h.Code {
		case http.StatusNotFound, http.StatusMethodNotAllowed:
			return fault.New(fault.NotFound, "There is no such page.")
		case http.StatusBadRequest:
			return fault.New(fault.Invalid, "The server could not read what was sent. Open the page again and try once more.")
		}
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.New(fault.Invalid, fmt.Sprintf("This is more than %d MB. Send less at once.", e.Limit>>20))
	}
	if pg.IsExhausted(err) {
		title, _ := engine.OutageWords(err)
		return fault.Wrap(fault.Overloaded, "Nothing was saved: "+lower(title)+". Tell those who look after this server, and try again once it has what it needs.", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Overloaded, "The server is busy and gave up after half a minute. Try again in a moment.", err)
	}
	return fault.Wrap(fault.Internal, "Something broke on our side. Nothing was saved. The administrator finds the cause in the log.", err)
}

// status is the HTTP status for a kind; the JSON API answers 400 where pages
// answer 422, as its clients expect.
func status(k fault.Kind, api bool) int {
	switch k {
	case fault.Invalid:
		if api {
			return http.StatusBadRequest
		}
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.Conflict:
		return http.StatusConflict
	case fault.Gone:
		return http.StatusGone
	case fault.Overloaded:
		return http.StatusServiceUnavailable
	case fault.Unsigned:
		return http.StatusUnauthorized
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

// apiError is one problem of a JSON answer.
type apiError struct {
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	Code    string `json:"code,omitempty"`
	Record  string `json:"record,omitempty"`
}

// failJSON answers {"errors":[{"message","field","code","record"}]}, one entry for
// each field.
func failJSON(c echo.Context, f *fault.Error) error {
	var list []apiError
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		list = append(list, apiError{Message: f.Fields[name], Field: name, Code: f.Code, Record: f.Record})
	}
	if len(list) == 0 {
		list = []apiError{{Message: f.Msg, Code: f.Code, Record: f.Record}}
	}
	if f.Kind == fault.Overloaded {
		c.Response().Header().Set("Retry-After", "2")
	}
	code := status(f.Kind, true)
	if f.Code == engine.CodeRefused {
		code = http.StatusUnprocessableEntity // spec/triggers-core.md §2.6
	}
	return c.JSON(code, map[string]any{"errors": list})
}

// toSignIn sends the browser to the sign-in page and from there back.
func (s *Server) toSignIn(c echo.Context) error {
	r := c.Request()
	if isPartial(r) {
		from, _ := url.Parse(r.Header.Get("HX-Current-URL"))
		c.Response().Header().Set("HX-Redirect", signInURL(from))
		return c.NoContent(http.StatusUnauthorized)
	}
	from := r.URL
	if r.Method != http.MethodGet {
		from, _ = url.Parse(r.Header.Get("Referer"))
	}
	return c.Redirect(http.StatusSeeOther, signInURL(from))
}

// signInURL is the address of the sign-in page that leads back to from.
func signInURL(from *url.URL) string {
	if from == nil || from.Path == "" || from.Path == "/" {
		return "/sign-in"
	}
	back := url.URL{Path: from.Path, RawQuery: from.RawQuery}
	return "/sign-in?next=" + url.QueryEscape(local(back.String()))
}

// failPartial shows the sentence as a toast, whatever the request's target
// was: an error page has no place in a card.
func failPartial(c echo.Context, f *fault.Error) error {
	h := c.Response().Header()
	h.Set("HX-Retarget", "#toasts")
	h.Set("HX-Reswap", "beforeend")
	notice := views.Toast(views.Notice{State: views.Error, Text: sentence(f)})
	return render(c, status(f.Kind, false), notice, notice)
}

// sentence is the one thing to say, also when the problems lie in fields that
// are not shown.
func sentence(f *fault.Error) string {
	if len(f.Fields) == 0 {
		return f.Msg
	}
	names := slices.Sorted(maps.Keys(f.Fields))
	return cmp.Or(f.Fields[names[0]], f.Msg)
}

// failPage shows the sentence on a page: inside the shell for who is signed in.
func (s *Server) failPage(c echo.Context, f *fault.Error) error {
	vm := views.Failure{Title: failTitles[f.Kind], Text: f.Msg, Back: "/"}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		if f.Fields[name] != f.Msg {
			vm.Problems = append(vm.Problems, f.Fields[name])
		}
	}
	switch {
	case errors.Is(f, errNotSetUp):
		vm.Title, vm.Back = "Waiting for its set-up", ""
	case f.Kind == fault.Internal:
		vm.Reference = requestID(c)
	}
	if f.Kind == fault.Overloaded {
		c.Response().Header().Set("Retry-After", "5")
	}
	page := views.FailureSole(vm)
	if actor(c).Signed() {
		page = views.FailurePage(vm)
	}
	err := render(c, status(f.Kind, false), page, nil)
	if err != nil { // the frame needs the database, and that may be what broke
		return render(withoutActor(c), status(f.Kind, false), views.FailureSole(vm), nil)
	}
	return nil
}

var failTitles = map[fault.Kind]string{
	fault.Internal:   "Something broke",
	fault.Invalid:    "Not saved",
	fault.NotFound:   "Not found",
	fault.Forbidden:  "Not allowed",
	fault.Conflict:   "Somebody was faster",
	fault.Gone:       "This is over",
	fault.Overloaded: "Busy right now",
	fault.TooLarge:   "Too large",
}
