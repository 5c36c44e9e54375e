package collection

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Attachments is the collection of the files that people have added. Package
// attachment writes it; records hold its files by relations to it.
//
// A file belongs to whoever holds it: it is seen by who sees the record and the
// field that hold it, and until a record does by who added it.
const Attachments = "attachments"

// MostFiles is how many files a field of one record holds at most.
const MostFiles = 100

// attachments describes the table of files.
func attachments() *Collection {
	return system(Attachments, "Files", "attachments", "name", auth.UseRecords,
		field("name", String, "Name"), field("title", String, "Title"), field("filename", String, "Stored as"), field("extname", String, "Ending"),
		field("size", BigInt, "Size in bytes"), field("mimetype", String, "Type"), field("url", Text, "Address"), field("path", String, "Path"),
		field("meta", JSON, "Details"), field("storage", String, "Storage"),
		field("createdById", BigInt, "Added by (id)"), one("createdBy", "Added by", "users", "createdById"),
		field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")).big()
}

// HoldsFiles reports whether f is a relation to files.
func (f *Field) HoldsFiles() bool {
	return f.Target == Attachments && !f.ReadOnly && (f.Type == BelongsTo || f.Type == BelongsToMany)
}

// FileRules say which files a field holds.
type FileRules struct {
	Accept []string // types, "image/*" or "application/pdf", or endings, ".csv"; none: every one
	Most   int      // files of one record, 1 to [MostFiles]
	Size   int64    // bytes of each; 0 is as much as the server takes
}

// FileRules are the options accept, maxFiles and maxSize of a field that holds
// files.
func (f *Field) FileRules() FileRules {
	r := FileRules{Most: whole(f.Options["maxFiles"])}
	switch list := f.Options["accept"].(type) {
	case []any:
		for _, v := range list {
			r.Accept = append(r.Accept, Format(v))
		}
	case string:
		for part := range strings.SplitSeq(list, ",") {
			if part = strings.TrimSpace(part); part != "" {
				r.Accept = append(r.Accept, part)
			}
		}
	}
	if r.Most < 1 || r.Most > MostFiles {
		r.Most = MostFiles
	}
	if f.ToOne() {
		r.Most = 1
	}
	n, _ := number(f.Options["maxSize"])
	r.Size = int64(max(n, 0))
	return r
}

var acceptPattern = regexp.MustCompile(`^([a-z]+/(\*|[a-z0-9][a-z0-9.+-]*)|\.[a-z0-9]{1,10})$`)

func (f *Field) checkFileRules(p map[string]string) {
	rules := f.FileRules()
	if len(rules.Accept) > 50 {
		p["accept"] = "Name at most 50 types of files."
	}
	for _, a := range rules.Accept {
		if !acceptPattern.MatchString(a) {
			p["accept"] = fmt.Sprintf("“%s” is no type of files. Write types such as image/* and application/pdf, or endings such as .csv.", short(a))
		}
	}
	if n, ok := number(f.Options["maxFiles"]); f.Options["maxFiles"] != nil && f.Options["maxFiles"] != "" && (!ok || n != float64(int(n)) || n < 1 || n > MostFiles) {
		p["maxFiles"] = fmt.Sprintf("Write a whole number from 1 to %d.", MostFiles)
	}
	if n, ok := number(f.Options["maxSize"]); f.Options["maxSize"] != nil && f.Options["maxSize"] != "" && (!ok || n < 1) {
		p["maxSize"] = "Write a number of bytes that is more than 0."
	}
}

// Refuses says in words why the rules do not take a file, a record of
// [Attachments] with name, extname, mimetype and size; "" when they do.
func (r FileRules) Refuses(file Record) string {
	kind, ending := Format(file["mimetype"]), Format(file["extname"])
	kind, _, _ = strings.Cut(kind, ";")
	fits := slices.ContainsFunc(r.Accept, func(a string) bool {
		ok, _ := path.Match(a, kind)
		return ok || a == ending
	})
	name := short(Format(file["name"]))
	if len(r.Accept) > 0 && !fits {
		return fmt.Sprintf("“%s” is no file of these types: %s. Choose another one.", name, r.Types())
	}
	if size, _ := number(file["size"]); r.Size > 0 && int64(size) > r.Size {
		return fmt.Sprintf("“%s” is larger than %s. Choose a smaller file.", name, Bytes(r.Size))
	}
	return ""
}

// typeWords are what people call types of files.
var typeWords = map[string]string{
	"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WebP", "image/*": "pictures", "application/pdf": "PDF",
	"application/zip": "ZIP", "text/plain": "text", "text/csv": "CSV", "text/markdown": "Markdown", "audio/*": "audio", "video/*": "video",
}

// Types words what the rules accept: "PNG, JPEG, .docx"; "" for everything.
func (r FileRules) Types() string {
	words := make([]string, len(r.Accept))
	for i, a := range r.Accept {
		if words[i] = typeWords[a]; words[i] == "" {
			words[i] = a
		}
	}
	return strings.Join(words, ", ")
}

// Bytes words a number of bytes: "20 MB", "1.5 kB".
func Bytes(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	text := strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	return text + " " + units[unit]
}

// files adds the defaults of a field that holds files: f is of the type
// "attachment", or names its interface only.
func (f *Field) files() {
	if f.Type == "attachment" {
		f.Type, f.Interface = BelongsToMany, "attachment"
	}
	if f.Interface == "attachment" && f.Target == "" && (f.Type == BelongsTo || f.Type == BelongsToMany) {
		f.Target = Attachments
	}
}

// seesFiles is on whose behalf a writer looks for files to hold: who restores a
// record gets back what it held.
func (w *writer) seesFiles() Access {
	if w.a.restoring {
		return w.a.trusted()
	}
	return w.a
}

// takeFiles checks the files that f is about to hold anew, before they are: that
// the actor may see them, and that they are what f takes.
func (w *writer) takeFiles(ctx context.Context, f *Field, ids []any) (problem string, err error) {
	if len(ids) == 0 {
		return "", nil
	}
	page, err := w.s.List(ctx, w.tx, w.seesFiles(), Attachments, Query{Filter: Record{"id": map[string]any{"$in": ids}},
		Fields: []string{"id", "name", "extname", "mimetype", "size"}, All: true})
	if err != nil {
		return "", err
	}
	if len(page.Records) < len(ids) {
		return noSuchRecord, nil
	}
	rules := f.FileRules()
	for _, file := range page.Records {
		if problem := rules.Refuses(file); problem != "" {
			return problem, nil
		}
	}
	return "", nil
}

// takeMore is takeFiles for links that f gets beside those that stay.
func (w *writer) takeMore(ctx context.Context, f *Field, fresh []wantedLink, stay int) error {
	if most := f.FileRules().Most; len(fresh) > 0 && len(fresh)+stay > most {
		return fault.Fields(map[string]string{f.Name: fmt.Sprintf("This field holds %d files at most. Take some out first.", most)})
	}
	ids := make([]any, len(fresh))
	for i, l := range fresh {
		ids[i] = l.key
	}
	problem, err := w.takeFiles(ctx, f, ids)
	if err == nil && problem != "" {
		err = fault.Fields(map[string]string{f.Name: problem})
	}
	return err
}

// takeKeys is takeFiles for the fields of c that hold one file.
func (w *writer) takeKeys(ctx context.Context, c *Collection, values Record) error {
	problems := map[string]string{}
	for _, key := range c.own {
		rel, id := c.byName[key.Relation], values[key.Name]
		if rel == nil || !rel.HoldsFiles() || blank(id) {
			continue
		}
		if _, problem := key.arg(id, w.a.zone()); problem != "" {
			continue // which is said where values are read
		}
		problem, err := w.takeFiles(ctx, rel, []any{id})
		if err != nil {
			return err
		}
		if problem != "" {
			problems[rel.Name] = problem
		}
	}
	return fault.Fields(problems)
}

// fileLimit is the condition for the files of sc that the actor may see.
func (sc *scope) fileLimit() (string, error) {
	b, a := sc.b, sc.b.a.Actor
	var seen []string
	for _, c := range b.cat.list {
		if c.System || c.Options["isThrough"] == true || !c.Allows(a, auth.View) { // who sees a link does not see what it leads to
			continue
		}
		for _, f := range c.Fields {
			if !f.HoldsFiles() || !c.Shows(a, f) {
				continue
			}
			cond, err := sc.heldBy(c, f)
			if err != nil {
				return "", err
			}
			if cond != "" {
				seen = append(seen, cond)
			}
		}
	}
	own := sc.c.byName["createdById"].col(sc.alias) + " = " + b.param(a.UserID)
	if held := b.cat.held(sc.c.key.col(sc.alias)); held != "" {
		own += " AND NOT " + held
	}
	return "(" + strings.Join(append(seen, "("+own+")"), " OR ") + ")", nil
}

// heldBy is the condition that a record of c, which the actor may see, holds the
// file by f; "" when f leads nowhere any more.
func (sc *scope) heldBy(c *Collection, f *Field) (string, error) {
	up := sc.b.scope(c)
	limit, err := up.limit(auth.View)
	if err != nil {
		return "", err
	}
	mine := sc.c.named(f.TargetKey)
	if mine == nil {
		return "", nil
	}
	if f.Type == BelongsTo {
		is := c.byName[f.ForeignKey].col(up.alias) + " = " + mine.col(sc.alias)
		return "EXISTS (SELECT FROM " + up.from() + " WHERE " + glue([]string{is, limit}, " AND ") + ")", nil
	}
	through, source := sc.b.cat.byName[f.Through], c.named(f.SourceKey)
	if through == nil || source == nil || through.byName[f.ForeignKey] == nil || through.byName[f.OtherKey] == nil {
		return "", nil
	}
	link := sc.b.alias()
	is := through.byName[f.OtherKey].col(link) + " = " + mine.col(sc.alias)
	joined := through.byName[f.ForeignKey].col(link) + " = " + source.col(up.alias)
	return fmt.Sprintf("EXISTS (SELECT FROM %s %s JOIN %s ON %s WHERE %s)", through.from(), link, up.from(), joined, glue([]string{is, limit}, " AND ")), nil
}

// held is the condition that any record at all holds the file whose id is in the
// column; "" when no field could.
func (cat *catalogue) held(column string) string {
	seen := map[string]bool{}
	for _, c := range cat.list {
		for _, f := range c.Fields {
			if c.System || !f.HoldsFiles() {
				continue
			}
			in, key := c, c.byName[f.ForeignKey]
			if f.Type == BelongsToMany {
				if in = cat.byName[f.Through]; in == nil {
					continue
				}
				key = in.byName[f.OtherKey]
			}
			if key != nil && key.Column != "" {
				seen[fmt.Sprintf("EXISTS (SELECT FROM %s h WHERE %s = %s)", in.from(), key.col("h"), column)] = true
			}
		}
	}
	if len(seen) == 0 {
		return ""
	}
	return "(" + strings.Join(slices.Sorted(maps.Keys(seen)), " OR ") + ")"
}

// Loose are those of the files that no record holds, and no deleted one that can
// be restored. Lock the files before, so that nobody comes to hold one meanwhile.
func (s *Store) Loose(ctx context.Context, tx *pg.Tx, ids []int64) ([]int64, error) {
	s.Invalidate() // a field that was added just now counts
	cat, err := s.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	query := changeQueries.Get("loose")
	if held := cat.held("a.id"); held != "" {
		query += " AND NOT " + held
	}
	var loose []int64
	if err := tx.SelectContext(ctx, &loose, query, pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("look which files are held: %w", s.stale(err))
	}
	return loose, nil
}
