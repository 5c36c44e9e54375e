package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/sheet"
	"alur/engine/transfer"
	"alur/views"
)

// transfers bring records in from files.
type transfers struct {
	records *records
	store   *transfer.Store
}

// Routes registers the pages about imports and exports.
func (h *transfers) Routes(g *Group) {
	g.GET("/data/:collection/import", auth.UseRecords, h.start)
	g.Upload("/data/:collection/import", auth.UseRecords, sheet.MaxBytes+1<<20, h.upload)
	g.GET("/data/:collection/import/template", auth.UseRecords, h.template)
	g.GET("/data/:collection/export", auth.UseRecords, h.askExport)
	g.Download("/data/:collection/export", auth.UseRecords, h.export)
	g.GET("/imports/:id", auth.UseRecords, h.show)
	g.POST("/imports/:id", auth.UseRecords, h.begin)
	g.POST("/imports/:id/cancel", auth.UseRecords, h.cancel)
	g.GET("/imports/:id/report", auth.UseRecords, h.report)
}

func importPath(id int64) string { return "/imports/" + views.ID(id) }

// crumbs lead back to the records of a collection.
func crumbs(c *collection.Collection) []views.Link {
	return []views.Link{{Text: c.Title, URL: recordsPath(c.Name)}}
}

func (h *transfers) start(c echo.Context) error {
	coll, err := h.records.find(c)
	if err == nil {
		err = coll.RequireOn(actor(c), auth.Import)
	}
	if err != nil {
		return err
	}
	return h.startPage(c, http.StatusOK, coll, "")
}

func (h *transfers) startPage(c echo.Context, code int, coll *collection.Collection, problem string) error {
	recent, err := h.store.Recent(c.Request().Context(), actor(c), coll.Name)
	if err != nil {
		return err
	}
	base := recordsPath(coll.Name) + "/import"
	vm := views.ImportStart{
		Title: "Import into " + coll.Title, Crumbs: crumbs(coll), Action: base, Template: base + "/template", Problem: problem,
		Limits: fmt.Sprintf("Up to %s rows and %d MB.", views.Int(sheet.MaxRows), sheet.MaxBytes>>20),
	}
	w := words(c)
	for _, im := range recent {
		state, word := importState(im)
		vm.Recent = append(vm.Recent, views.ImportRow{
			File: im.FileName, URL: importPath(im.ID), State: state, Word: word, Rows: views.Int(im.Rows), Made: w.Moment(im.CreatedAt, w.Ago(im.CreatedAt)),
		})
	}
	return render(c, code, views.ImportStartPage(vm), nil)
}

// importState is the badge of an import.
func importState(im transfer.Import) (state, word string) {
	switch im.Status {
	case transfer.Queued:
		return views.Queued, "Queued"
	case transfer.Running:
		return views.Running, "Running"
	case transfer.Checked:
		return views.Waiting, "Checked"
	case transfer.Done:
		if im.Refused > 0 {
			return views.Failed, "Imported in part"
		}
		return views.Completed, "Imported"
	case transfer.Failed:
		return views.Error, "Not imported"
	case transfer.Canceled:
		return views.Cancelled, "Cancelled"
	}
	return views.Waiting, "Uploaded"
}

func (h *transfers) upload(c echo.Context) error {
	coll, err := h.records.find(c)
	if err != nil {
		return err
	}
	name, path, err := uploaded(c.Request(), "file")
	if err == nil {
		defer os.Remove(path)
		var im transfer.Import
		if im, err = h.store.Upload(c.Request().Context(), actor(c), coll.Name, name, path); err == nil {
			return done(c, importPath(im.ID), "")
		}
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return h.startPage(c, http.StatusUnprocessableEntity, coll, fmt.Sprintf("The file is larger than %d MB. Split it.", (e.Limit-1)>>20))
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Fields["file"] != "" {
		return h.startPage(c, http.StatusUnprocessableEntity, coll, f.Fields["file"])
	}
	return err
}

// uploaded writes the file that a form sends as field into a file of ours with a
// random name, which the caller deletes. A missing file is reported beside the
// field.
func uploaded(r *http.Request, field string) (name, path string, err error) {
	missing := fault.Fields(map[string]string{field: "Choose a file."})
	parts, err := r.MultipartReader()
	if err != nil {
		return "", "", missing
	}
	for {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return "", "", missing
		case err != nil:
			return "", "", err
		}
		if part.FormName() != field || part.FileName() == "" {
			continue
		}
		path, err := spool(part)
		return part.FileName(), path, err
	}
}

// spool writes what r gives into a file of ours with a random name, which the
// caller deletes.
func spool(r io.Reader) (path string, err error) {
	f, err := os.CreateTemp("", "alur-upload-*")
	if err != nil {
		return "", fmt.Errorf("keep an uploaded file: %w", err)
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// find returns the import of the address with its collection.
func (h *transfers) find(c echo.Context) (im transfer.Import, coll *collection.Collection, err error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return im, nil, fault.New(fault.NotFound, "There is no such import.")
	}
	ctx := c.Request().Context()
	if im, err = h.store.Get(ctx, actor(c), id); err != nil {
		return im, nil, err
	}
	coll, err = h.records.store.Collection(ctx, im.Collection)
	return im, coll, err
}

func (h *transfers) show(c echo.Context) error {
	im, coll, err := h.find(c)
	if err != nil {
		return err
	}
	return h.page(c, http.StatusOK, im, coll, nil)
}

// begin checks or runs the import with the settings of the form.
func (h *transfers) begin(c echo.Context) error {
	im, coll, err := h.find(c)
	if err != nil {
		return err
	}
	set := transfer.Settings{
		Columns: make([]string, len(im.Heads)),
		Match:   c.FormValue("match"), Existing: c.FormValue("existing"), Missing: c.FormValue("missing"),
		Whole: c.FormValue("whole") == "true", Decimal: c.FormValue("decimal"), Dates: c.FormValue("dates"),
	}
	for i := range set.Columns {
		set.Columns[i] = c.FormValue("columns." + strconv.Itoa(i))
	}
	_, err = h.store.Begin(c.Request().Context(), actor(c), im.ID, set, c.FormValue("do") != "run")
	if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) > 0 {
		im.Settings = set
		return h.page(c, http.StatusUnprocessableEntity, im, coll, f.Fields)
	}
	if err != nil {
		return err
	}
	return done(c, importPath(im.ID), "")
}

func (h *transfers) cancel(c echo.Context) error {
	im, _, err := h.find(c)
	if err != nil {
		return err
	}
	if err := h.store.Cancel(c.Request().Context(), actor(c), im.ID); err != nil {
		return err
	}
	return done(c, importPath(im.ID), "Cancelled the import.")
}

// problemsShown is how many rows with a problem a page lists.
const problemsShown = 50

func (h *transfers) page(c echo.Context, code int, im transfer.Import, coll *collection.Collection, wrong map[string]string) error {
	ctx := c.Request().Context()
	state, word := importState(im)
	url := importPath(im.ID)
	vm := views.Import{
		Title: im.FileName, Sub: fmt.Sprintf("%s rows for %s", views.Int(im.Rows), coll.Title), URL: url, State: state, Word: word,
		Crumbs: append(crumbs(coll), views.Link{Text: "Import", URL: recordsPath(coll.Name) + "/import"}),
		Open:   im.Open(), Done: im.Position, Total: im.Rows, Step: "Importing", Problem: im.Reason,
		Setup: im.Status == transfer.New || im.Status == transfer.Checked, Checked: im.Status == transfer.Checked,
	}
	if im.Rehearsing {
		vm.Step = "Checking"
	}
	if im.Status == transfer.Done || im.Status == transfer.Canceled {
		vm.Records = recordsPath(coll.Name)
	}
	if im.Status != transfer.New {
		vm.Facts = importFacts(im)
	}
	problems, err := h.store.Problems(ctx, im, problemsShown)
	if err != nil {
		return err
	}
	for _, p := range problems {
		text := strings.Join(p.Cells, " · ")
		vm.Problems = append(vm.Problems, views.ImportProblem{Row: views.Int(p.Number), Text: views.Clip(text, 60), Problem: *p.Problem})
	}
	if len(problems) > 0 {
		vm.Report = url + "/report"
	}
	if im.Refused > problemsShown {
		vm.More = fmt.Sprintf("The first %d of %s are shown.", problemsShown, views.Int(im.Refused))
	}
	if vm.Setup {
		if err := h.setup(c, &vm, im, coll, wrong); err != nil {
			return err
		}
	}
	return render(c, code, views.ImportPage(vm), views.ImportBody(vm))
}

// importFacts say what came of an import, or will.
func importFacts(im transfer.Import) []views.Fact {
	made, changed := "Created", "Changed"
	if im.Rehearsing || im.Status == transfer.Checked {
		made, changed = "Would be created", "Would be changed"
	}
	return []views.Fact{
		{Name: made, Value: views.Int(im.Created)},
		{Name: changed, Value: views.Int(im.Updated)},
		{Name: "Skipped", Value: views.Int(im.Skipped)},
		{Name: "With a problem", Value: views.Int(im.Refused)},
	}
}

// setup fills in the form of the settings.
func (h *transfers) setup(c echo.Context, vm *views.Import, im transfer.Import, coll *collection.Collection, wrong map[string]string) error {
	ctx := c.Request().Context()
	sample, err := h.store.Sample(ctx, im, 3)
	if err != nil {
		return err
	}
	targets := []views.Option{{Text: "Do not import"}}
	match := []views.Option{{Text: "Every row is a new record"}}
	all, err := h.store.Targets(ctx, actor(c), coll)
	if err != nil {
		return err
	}
	for _, t := range all {
		targets = append(targets, views.Option{Value: t.Path, Text: t.Title})
		if t.By == nil {
			match = append(match, views.Option{Value: t.Path, Text: "A record with the same " + t.Title})
		}
	}
	set := im.Settings
	for i, head := range im.Heads {
		name := "columns." + strconv.Itoa(i)
		col := views.ImportColumn{Head: head, Target: views.Field{
			Name: name, ID: "f-columns-" + strconv.Itoa(i), Options: targets, Value: set.Columns[i], Error: wrong[name],
			Attrs: map[string]any{"aria-label": "Field for " + head},
		}}
		for _, r := range sample {
			if i < len(r.Cells) && r.Cells[i] != "" {
				col.Samples = append(col.Samples, views.Clip(r.Cells[i], 40))
			}
		}
		vm.Columns = append(vm.Columns, col)
	}
	if wrong["columns"] != "" {
		vm.Problem = wrong["columns"]
	}
	whole := ""
	if set.Whole {
		whole = "true"
	}
	vm.Match = views.Field{Name: "match", Label: "Find records by", Value: set.Match, Options: match, Error: wrong["match"], Width: "w-2"}
	vm.Existing = views.Field{Name: "existing", Label: "If it is there", Value: set.Existing, Width: "w-2", Options: []views.Option{
		{Value: transfer.Update, Text: "Change the record"}, {Value: transfer.Skip, Text: "Skip the row"},
	}}
	vm.Missing = views.Field{Name: "missing", Label: "If it is not there", Value: set.Missing, Error: wrong["missing"], Width: "w-2", Options: []views.Option{
		{Value: transfer.Create, Text: "Create a record"}, {Value: transfer.Skip, Text: "Skip the row"},
	}}
	vm.Decimal = views.Field{Name: "decimal", Label: "Numbers", Value: set.Decimal, Width: "w-2", Options: []views.Option{
		{Value: ".", Text: "1,234.50"}, {Value: ",", Text: "1.234,50"},
	}}
	vm.Dates = views.Field{Name: "dates", Label: "Dates", Value: set.Dates, Width: "w-2", Help: "2026-05-07 is always understood.", Options: []views.Option{
		{Value: "dmy", Text: "Day first: 7.5.2026"}, {Value: "mdy", Text: "Month first: 5/7/2026"},
	}}
	vm.Whole = views.Field{Name: "whole", Label: "If rows have a problem", Value: whole, Width: "w-2", Options: []views.Option{
		{Text: "Import the others"}, {Value: "true", Text: "Import nothing"},
	}}
	return nil
}

// sheetFile names the file that an answer is.
func sheetFile(c echo.Context, format sheet.Format, name string) {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, format.ContentType())
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+fileName(name)+"."+string(format)+`"`)
}

// fileName keeps of a name what every system takes.
func fileName(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == ' ', r == '.':
			return '-'
		}
		return -1
	}, name)
	if clean == "" {
		return "records"
	}
	return clean[:min(len(clean), 80)]
}

// report answers with the rows that were refused.
func (h *transfers) report(c echo.Context) error {
	im, _, err := h.find(c)
	if err != nil {
		return err
	}
	sheetFile(c, sheet.CSV, im.FileName+" problems")
	w, err := sheet.NewWriter(c.Response(), sheet.CSV, "Problems", transfer.ReportHeads(im))
	if err != nil {
		return err
	}
	if err := h.store.Report(c.Request().Context(), im, w); err != nil {
		return brokenOff(c, err)
	}
	return w.Close()
}

// template answers with an empty file that has the right columns.
func (h *transfers) template(c echo.Context) error {
	coll, err := h.records.find(c)
	if err != nil {
		return err
	}
	targets, err := h.store.Targets(c.Request().Context(), actor(c), coll)
	if err != nil {
		return err
	}
	var heads []string
	for _, t := range targets {
		if t.Field != coll.Key() && !slices.Contains(heads, t.Field.Title) {
			heads = append(heads, t.Field.Title)
		}
	}
	sheetFile(c, sheet.XLSX, coll.Title)
	w, err := sheet.NewWriter(c.Response(), sheet.XLSX, coll.Title, heads)
	if err != nil {
		return err
	}
	return w.Close()
}
