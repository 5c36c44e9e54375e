package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/views"
)

// fingerprint stands for the text of a control: what the form showed at first is
// compared with what comes back, without sending it twice.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(text)))
	return hex.EncodeToString(sum[:8])
}

// base is what the form shows of the stored record, for [readBase]. A form that
// comes again goes on with what the editor started from.
func (in recordForm) base(w views.Words) string {
	if in.typed != nil && in.typed.Has("_base") && in.lost == nil {
		return in.typed.Get("_base")
	}
	var parts []string
	for _, f := range in.coll.Fields {
		if !editable(f) {
			continue
		}
		v := storedValue(f, in.rec)
		if in.lost != nil {
			v = storedValue(f, in.lost.Theirs)
		}
		parts = append(parts, f.Name+"="+fingerprint(formText(w, f, v)))
	}
	return strings.Join(parts, " ")
}

// readBase gives the fingerprints by field.
func readBase(text string) map[string]string {
	base := map[string]string{}
	for part := range strings.FieldsSeq(text) {
		if name, sum, ok := strings.Cut(part, "="); ok {
			base[name] = sum
		}
	}
	return base
}

// storedValue is the value of a field in a record: of a relation the key.
func storedValue(f *collection.Field, rec collection.Record) any {
	if f.Type == collection.BelongsTo {
		return rec[f.ForeignKey]
	}
	return rec[f.Name]
}

// differences shows both versions of a record that somebody else changed too. It
// returns the form with the other's values where the editor had changed nothing.
func (h *records) differences(c echo.Context, in recordForm, vm *views.RecordForm) (recordForm, error) {
	w := words(c)
	base := readBase(in.typed.Get("_base"))
	in.typed = maps.Clone(in.typed)
	for _, f := range in.coll.Fields {
		if !editable(f) {
			continue
		}
		theirs := storedValue(f, in.lost.Theirs)
		stored := formText(w, f, theirs)
		mine, changed := in.lost.Mine[f.Name]
		if !changed {
			if _, sent := in.typed[f.Name]; sent || f.Type == collection.Boolean {
				in.typed.Set(f.Name, stored)
			}
			was, known := base[f.Name]
			if !known || was == fingerprint(stored) {
				continue
			}
		} else if stored == formText(w, f, mine) {
			continue
		}
		d := views.Difference{Field: f.Name, Name: f.Title, Choose: changed}
		var err error
		if d.Theirs, err = h.storedWords(c, f, in.lost.Theirs); err != nil {
			return in, err
		}
		d.Mine = d.Theirs
		if changed {
			if d.Mine, err = h.storedWords(c, f, collection.Record{f.Name: mine, f.ForeignKey: mine}); err != nil {
				return in, err
			}
		}
		vm.Conflict = append(vm.Conflict, d)
	}
	return in, nil
}
