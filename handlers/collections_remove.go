package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// usesShown is how many workflows a question names.
const usesShown = 5

// lossLines say in words and numbers what goes with a field or collection.
func lossLines(loss collection.Loss) []string {
	var lines []string
	if len(loss.Also) > 0 {
		lines = append(lines, "With it goes the other side of the relation: "+strings.Join(loss.Also, ", ")+".")
	}
	for _, what := range []string{"workflow", "view"} {
		var titles []string
		for _, u := range loss.Uses {
			if u.What == what {
				titles = append(titles, "“"+u.Title+"”")
			}
		}
		if len(titles) == 0 {
			continue
		}
		verb := " use it: "
		if len(titles) == 1 {
			verb = " uses it: "
		}
		text := views.Count(len(titles), what, what+"s") + verb + strings.Join(titles[:min(len(titles), usesShown)], ", ")
		if n := len(titles) - usesShown; n > 0 {
			text += " and " + views.Int(n) + " more"
		}
		lines = append(lines, text+".")
	}
	return lines
}

// unused ends a question with what calms: nothing breaks.
func unused(loss collection.Loss) string {
	if len(loss.Uses) > 0 {
		return ""
	}
	return " No workflow or view uses it."
}

// agreedTo is the number of values that somebody saw and agreed to lose.
func agreedTo(c echo.Context) (collection.Agreed, error) {
	n, err := strconv.Atoi(c.FormValue("agreed"))
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "Open the question again to see what would be lost.")
	}
	return collection.Agreed(n), nil
}

func (h *collections) askRemove(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	loss, err := h.store.Losses(c.Request().Context(), actor(c), coll.Name, "")
	if err != nil {
		return err
	}
	url := definitionPath(coll.Name)
	vm := views.Confirm{
		Title: "Delete collection", Text: fmt.Sprintf("“%s” will be gone, with %s. This cannot be undone.", coll.Title, views.Count(loss.Values, "record", "records")) + unused(loss),
		Lines: lossLines(loss), Action: url + "/delete", Do: "Delete collection", Back: url, Hidden: map[string]string{"agreed": strconv.Itoa(loss.Values)},
	}
	if coll.Adopted() {
		vm.Title, vm.Do, vm.Calm = "Forget collection", "Forget collection", true
		vm.Text = fmt.Sprintf("“%s” will no longer be a collection. Its table “%s” stays, with all its %s.", coll.Title, coll.Table, views.Count(loss.Records, "row", "rows"))
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *collections) remove(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	agreed, err := agreedTo(c)
	if err != nil {
		return err
	}
	if coll.Adopted() { // nothing is lost
		agreed = collection.All
	}
	if err := h.store.DropCollection(c.Request().Context(), actor(c), coll.Name, false, agreed); err != nil {
		return err
	}
	return done(c, "/collections", fmt.Sprintf("Deleted “%s”.", coll.Title))
}

func fieldPath(coll *collection.Collection, f *collection.Field) string {
	return definitionPath(coll.Name) + "/fields/" + f.Name
}

func (h *collections) askRemoveField(c echo.Context) error {
	coll, f, err := h.ownField(c)
	if err != nil {
		return err
	}
	loss, err := h.store.Losses(c.Request().Context(), actor(c), coll.Name, f.Name)
	if err != nil {
		return err
	}
	path := fieldPath(coll, f)
	vm := views.Confirm{
		Title: "Delete field", Text: fmt.Sprintf("“%s” will be gone from “%s”. %s This cannot be undone.", f.Title, coll.Title, lostWords(loss)) + unused(loss),
		Lines: lossLines(loss), Action: path + "/delete", Do: "Delete field", Back: path, Hidden: map[string]string{"agreed": strconv.Itoa(loss.Values)},
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// lostWords says how many records have a value: "412 of 1,034 records have a
// value here."
func lostWords(loss collection.Loss) string {
	switch {
	case loss.Records == 0:
		return "There are no records."
	case loss.Values == 0 && loss.Records == 1:
		return "The only record has no value here."
	case loss.Values == 0:
		return fmt.Sprintf("None of the %s has a value here.", views.Count(loss.Records, "record", "records"))
	}
	return ofAll(loss, "has", "have") + " a value here."
}

// ofAll is “412 of 1,034 records have”, “1 of 3 records has”.
func ofAll(loss collection.Loss, one, many string) string {
	verb := many
	if loss.Values == 1 {
		verb = one
	}
	return fmt.Sprintf("%s of %s %s", views.Int(loss.Values), views.Count(loss.Records, "record", "records"), verb)
}

func (h *collections) removeField(c echo.Context) error {
	coll, f, err := h.ownField(c)
	if err != nil {
		return err
	}
	agreed, err := agreedTo(c)
	if err != nil {
		return err
	}
	if err := h.store.DropField(c.Request().Context(), actor(c), coll.Name, f.Name, agreed); err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("Deleted the field “%s”.", f.Title))
}

// conversion is the change of a type that the address or form asks for.
func (h *collections) conversion(c echo.Context) (coll *collection.Collection, f *collection.Field, changes map[string]any, err error) {
	if coll, f, err = h.ownField(c); err != nil {
		return nil, nil, nil, err
	}
	to := c.FormValue("to")
	if !slices.Contains(f.Becomes(), to) {
		return nil, nil, nil, fault.New(fault.Invalid, fmt.Sprintf("“%s” cannot become that. Choose one of the types that are offered.", f.Title))
	}
	return coll, f, map[string]any{"type": to}, nil
}

func (h *collections) askConvert(c echo.Context) error {
	coll, f, changes, err := h.conversion(c)
	if err != nil {
		return err
	}
	loss, err := h.store.Conversion(c.Request().Context(), actor(c), coll.Name, f.Name, changes)
	if err != nil {
		return err
	}
	to := kindOf(&collection.Field{Type: c.FormValue("to"), Interface: "-"}).title
	path := fieldPath(coll, f)
	vm := views.Confirm{
		Title: "Change type", Text: fmt.Sprintf("“%s” will become: %s. Every value that is there fits, nothing is lost.", f.Title, to),
		Action: path + "/type", Do: "Change type", Back: path, Calm: true,
		Hidden: map[string]string{"agreed": strconv.Itoa(loss.Values), "to": c.FormValue("to")},
	}
	if loss.Values > 0 {
		vm.Calm, vm.Do = false, "Change type and lose them"
		vm.Text = fmt.Sprintf("“%s” will become: %s. %s a value that does not fit here, and it will be lost. This cannot be undone.",
			f.Title, to, ofAll(loss, "holds", "hold")) + unused(loss)
		vm.Lines = append([]string{"For example: “" + strings.Join(loss.Examples, "”, “") + "”."}, lossLines(loss)...)
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *collections) convert(c echo.Context) error {
	coll, f, changes, err := h.conversion(c)
	if err != nil {
		return err
	}
	agreed, err := agreedTo(c)
	if err != nil {
		return err
	}
	if _, err := h.store.UpdateField(c.Request().Context(), actor(c), coll.Name, f.Name, changes, agreed); err != nil {
		return h.fieldAgain(c, fieldForm{coll: coll, kind: kindOf(f), field: f}, err)
	}
	return done(c, fieldPath(coll, f), fmt.Sprintf("“%s” has its new type.", f.Title))
}

// collectionNotes say what is unlike other collections.
func collectionNotes(coll *collection.Collection) []string {
	var notes []string
	if coll.Adopted() {
		notes = append(notes, fmt.Sprintf("The table “%s” was there before: deleting this collection only forgets it.", coll.Table))
	}
	if coll.Key() == nil {
		notes = append(notes, "There is no primary key: records can be read but not changed.")
	}
	return notes
}

func (h *collections) tables(c echo.Context) error {
	list, err := h.store.Tables(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	var vm views.Tables
	for i, t := range list {
		row := views.TableRow{Name: t.Name, ID: "table-" + strconv.Itoa(i), Warnings: t.Warnings, What: "Table"}
		switch {
		case t.View:
			row.What = "View"
		case t.Rows >= 0:
			row.What = "Table, about " + views.Count(t.Rows, "row", "rows")
		}
		for _, col := range t.Columns {
			row.Columns = append(row.Columns, tableColumn(col))
		}
		vm.Rows = append(vm.Rows, row)
	}
	return render(c, http.StatusOK, views.TablesPage(vm), nil)
}

func tableColumn(col collection.Column) views.TableColumn {
	out := views.TableColumn{Name: col.Name, SQL: col.SQL}
	f := col.Field
	if f == nil {
		return out
	}
	out.Field, out.Icon, out.Type = f.Name, fieldIcon(f), kindOf(f).title
	for _, mark := range []struct {
		text string
		on   bool
	}{{"Primary key", col.Key}, {"Required", f.Required}, {"Unique", f.Unique}, {"Filled by the database", col.Default}} {
		if mark.on {
			out.Marks = append(out.Marks, mark.text)
		}
	}
	return out
}

func (h *collections) adopt(c echo.Context) error {
	coll, err := h.store.Adopt(c.Request().Context(), actor(c), c.FormValue("table"))
	if err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("“%s” is a collection now.", coll.Title))
}
