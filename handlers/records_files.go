package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

const (
	// aroundFile is how much longer than its file an upload may be.
	aroundFile = 1 << 20
	// filesAtOnce is how many files of full size a form takes without JavaScript,
	// which sends them one by one.
	filesAtOnce = 10
	// thumbBytes is up to which size a picture is shown where its file is named.
	thumbBytes = 4 << 20
	// newFile begins the names of controls that send files.
	newFile = "_file."
)

// formMost is how long the form of a record may be.
func (h *records) formMost() int64 { return filesAtOnce*h.files.Most + aroundFile }

// fileColumns are what pages read of files.
var fileColumns = []string{"id", "name", "url", "mimetype", "size"}

// pictures are the types that browsers show as pictures, without anything in them
// that could run.
var pictures = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// fileList is the value of a field that holds files, as a list.
func fileList(v any) []any {
	switch x := v.(type) {
	case nil:
		return nil
	case []any:
		return x
	}
	return []any{v}
}

// fileIDs are the ids in such a value.
func fileIDs(v any) []string {
	var ids []string
	for _, item := range fileList(v) {
		if r, ok := item.(collection.Record); ok {
			item = r["id"]
		}
		if id := collection.Format(item); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func anyOf(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// fileItems are the files that were read with a record, for a page.
func fileItems(v any) []views.FileItem {
	var items []views.FileItem
	for _, file := range fileList(v) {
		r, ok := file.(collection.Record)
		if !ok {
			continue
		}
		size, _ := r["size"].(float64)
		item := views.FileItem{ID: collection.Format(r["id"]), Name: collection.Format(r["name"]), URL: collection.Format(r["url"]), Size: collection.Bytes(int64(size))}
		if slices.Contains(pictures, collection.Format(r["mimetype"])) && size <= thumbBytes {
			item.Picture = item.URL
		}
		items = append(items, item)
	}
	return items
}

// filesNamed reads files by their ids, in that order; those that are not there, or
// not for the reader, are left out.
func (h *records) filesNamed(c echo.Context, ids []string) ([]any, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	page, err := h.store.List(c.Request().Context(), h.db, access(c), collection.Attachments,
		collection.Query{Filter: map[string]any{"id": map[string]any{"$in": anyOf(ids)}}, Fields: fileColumns, All: true})
	if err != nil {
		return nil, err
	}
	var list []any
	for _, id := range ids {
		i := slices.IndexFunc(page.Records, func(r collection.Record) bool { return collection.Format(r["id"]) == id })
		if i >= 0 {
			list = append(list, page.Records[i])
		}
	}
	return list, nil
}

// fileWords names files: those of a record, those that the history remembers by
// name, or ids.
func (h *records) fileWords(c echo.Context, v any) (string, error) {
	var names, ids []string
	for _, item := range fileList(v) {
		if r, ok := item.(collection.Record); ok {
			names = append(names, collection.Format(r["name"]))
		} else if id := collection.Format(item); id != "" {
			ids = append(ids, id)
		}
	}
	found, err := h.filesNamed(c, ids)
	for _, f := range fileItems(found) {
		names = append(names, f.Name)
	}
	return strings.Join(names, shownList), err
}

// loadFiles puts into rec, which was read without its relations, what its fields
// hold.
func (h *records) loadFiles(c echo.Context, coll *collection.Collection, rec collection.Record) error {
	var names []string
	for _, f := range coll.Fields {
		if f.HoldsFiles() && f.ToMany() && coll.Shows(actor(c), f) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	now, err := h.store.First(c.Request().Context(), h.db, access(c), coll.Name, collection.Query{Filter: coll.Keyed(coll.ID(rec)), Appends: names})
	if err != nil || now == nil {
		return err
	}
	for _, name := range names {
		rec[name] = now[name]
	}
	return nil
}

// filesControl makes r, whose Value is set, the control of a field that holds files.
func (h *records) filesControl(c echo.Context, in recordForm, f *collection.Field, r *views.RecordField) error {
	rules := f.FileRules()
	files, err := h.filesNamed(c, strings.Fields(r.Value))
	if err != nil {
		return err
	}
	r.Kind, r.Files, r.Multiple = views.KindFiles, fileItems(files), f.ToMany()
	r.Upload = recordsPath(in.coll.Name) + "/files/" + url.PathEscape(f.Name)
	r.Accept = strings.Join(rules.Accept, ",")
	most := h.files.Most
	if rules.Size > 0 {
		most = min(most, rules.Size)
	}
	limit := "Up to " + collection.Bytes(most) + "."
	if f.ToMany() {
		limit = fmt.Sprintf("Up to %d files of %s.", rules.Most, collection.Bytes(most))
	}
	if len(rules.Accept) > 0 {
		limit += " " + rules.Types() + "."
	}
	r.Help = strings.TrimSpace(r.Help + " " + limit)
	return nil
}

// fileField is the field that holds files which an address or a control names, as
// far as somebody may write it.
func fileField(a auth.Actor, coll *collection.Collection, name string) *collection.Field {
	f := coll.Field(name)
	if f == nil || !f.HoldsFiles() || !takes(coll, a, auth.Create, f) && !takes(coll, a, auth.Update, f) {
		return nil
	}
	return f
}

// addFile keeps one file for a field of a form that is still being filled in, and
// answers its line, or the line that says why not (files.js).
func (h *records) addFile(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	f := fileField(actor(c), coll, c.Param("field"))
	if f == nil {
		return fault.New(fault.NotFound, "There is no such field for files.")
	}
	name, path, err := uploaded(c.Request(), "file")
	if err == nil {
		defer os.Remove(path)
		var rec collection.Record
		if rec, err = h.keep(c, coll, f, name, path); err == nil {
			part := views.FileRow(f.Name, fileItems(rec)[0])
			return render(c, http.StatusOK, part, part)
		}
	}
	code, problem, err := h.notKept(err)
	if err != nil {
		return err
	}
	part := views.FileRefused(views.Clip(name, 80), problem)
	return render(c, code, part, part)
}

// keep makes a file of what was uploaded to path.
func (h *records) keep(c echo.Context, coll *collection.Collection, f *collection.Field, name, path string) (collection.Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read an upload: %w", err)
	}
	defer file.Close()
	return h.files.Add(c.Request().Context(), access(c), attachment.Upload{Name: name, Bytes: file, Field: coll.Name + "." + f.Name})
}

// notKept words why a file was not kept; err is what is no fault of the file.
func (h *records) notKept(err error) (code int, problem string, _ error) {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok && e != nil {
		err = attachment.TooLarge(h.files.Most)
	}
	switch f := classify(err); f.Kind {
	case fault.Invalid, fault.TooLarge, fault.Conflict:
		return status(f.Kind, false), sentence(f), nil
	}
	return 0, "", err
}

// sent reads the form of a record. Files in it are kept at once and become ids
// among the values of their fields, so that none is lost when the form is refused
// for something else; problems says which were not kept, by field.
func (h *records) sent(c echo.Context, coll *collection.Collection) (form url.Values, problems map[string]string, err error) {
	if server(c).uploads(c) == 0 {
		form, err = c.FormParams()
		return form, nil, err
	}
	parts, err := c.Request().MultipartReader()
	if err != nil {
		return nil, nil, fault.Wrap(fault.Invalid, "The form could not be read.", err)
	}
	form, problems = c.QueryParams(), map[string]string{}
	for room := int64(bodyBytes); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, problems, nil
		}
		if err == nil && part.FileName() != "" {
			err = h.sentFile(c, coll, part, form, problems)
		} else if err == nil && !strings.HasPrefix(part.FormName(), newFile) {
			var value []byte
			if value, err = io.ReadAll(io.LimitReader(part, room+1)); int64(len(value)) > room {
				return nil, nil, &http.MaxBytesError{Limit: bodyBytes}
			}
			room -= int64(len(value))
			form.Add(part.FormName(), string(value))
		}
		if e, ok := errors.AsType[*http.MaxBytesError](err); ok && e != nil {
			return nil, nil, fault.New(fault.TooLarge, fmt.Sprintf("These files are more than %s together. Go back and add fewer at once.", collection.Bytes(filesAtOnce*h.files.Most)))
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// sentFile keeps one file of a form.
func (h *records) sentFile(c echo.Context, coll *collection.Collection, part *multipart.Part, form url.Values, problems map[string]string) error {
	name, ok := strings.CutPrefix(part.FormName(), newFile)
	f := fileField(actor(c), coll, name)
	if !ok || f == nil {
		return nil
	}
	path, err := spool(io.LimitReader(part, h.files.Most+1))
	if err != nil {
		return err
	}
	defer os.Remove(path)
	if _, err := io.Copy(io.Discard, part); err != nil { // of one that is too large
		return err
	}
	rec, err := h.keep(c, coll, f, part.FileName(), path)
	if err == nil {
		form.Add(f.Name, collection.Format(rec["id"]))
		return nil
	}
	_, problem, err := h.notKept(err)
	if err == nil {
		problems[f.Name] = problem
	}
	return err
}
