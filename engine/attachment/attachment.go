package attachment

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var text string

var queries = pg.LoadQueries(text)

const (
	// looseFor is how long a file is kept that no record holds.
	looseFor = 24 * time.Hour
	// mostADay is how many files a person adds within looseFor at most, so that
	// nobody fills the disk with what no record needs.
	mostADay = 1000
	// DefaultMost is how large a file may be when nobody says otherwise, in bytes.
	DefaultMost = 20 << 20
)

// Store keeps files. All fields are needed.
type Store struct {
	DB      *pg.DB
	IDs     *snowflake.Source
	Now     func() time.Time
	Log     *slog.Logger
	Records *collection.Store
	Places  map[string]Place // by the names that rows have
	Into    string           // the place of new files
	Most    int64            // bytes of a file

	swept int // the directory that was looked at last, see SweepOnce
}

// Upload is a file that somebody adds.
type Upload struct {
	Name  string        // what it was called; anything
	Bytes io.ReadSeeker // its content
	Field string        // that it is for, "orders.photos"; "" when nobody said
}

// TooLarge is what a file of more than most bytes is refused with.
func TooLarge(most int64) error {
	return fault.New(fault.TooLarge, fmt.Sprintf("The file is larger than %s. Choose a smaller one.", collection.Bytes(most)))
}

// Add keeps a file and returns its record. Who adds it needs the right to write
// the field that it is for, or some field that holds files. What is wrong with
// the file is reported beside "file".
func (s *Store) Add(ctx context.Context, a collection.Access, up Upload) (collection.Record, error) {
	rules, err := s.rules(ctx, a.Actor, up.Field)
	if err != nil {
		return nil, err
	}
	var today int
	if err := s.DB.GetContext(ctx, &today, queries.Get("added_today"), a.Actor.UserID, s.Now().Add(-looseFor)); err != nil {
		return nil, fmt.Errorf("count added files: %w", err)
	}
	if today >= mostADay {
		return nil, fault.New(fault.Conflict, fmt.Sprintf("You have added %d files within a day, which is as many as one person can. Go on tomorrow.", mostADay))
	}
	size, err := up.Bytes.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("measure a file: %w", err)
	}
	if size > s.Most {
		return nil, TooLarge(s.Most)
	}
	title, ending := names(up.Name)
	called := title + ending // as people know it, whatever it turns out to be
	mime, ending, err := sniff(up.Bytes, size, ending)
	if err != nil {
		return nil, err
	}
	about := collection.Record{"name": called, "extname": ending, "mimetype": mime, "size": float64(size)}
	if problem := rules.Refuses(about); problem != "" {
		return nil, fault.Fields(map[string]string{"file": problem})
	}
	if _, err := up.Bytes.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	name := newName()
	if err := s.Places[s.Into].Put(ctx, name, up.Bytes); err != nil {
		return nil, err
	}
	id := s.IDs.Next()
	_, err = s.DB.ExecContext(ctx, queries.Get("add"), id, title, ending, name+ending, size, mime, s.Into, a.Actor.UserID, s.Now().UTC())
	if err != nil {
		return nil, fmt.Errorf("add file %d: %w", id, err) // whether it is there nobody knows: the bytes wait for SweepOnce
	}
	return s.Records.First(ctx, s.DB, a, collection.Attachments, collection.Query{Filter: id})
}

// rules are those of the field that a file is for, when the actor may write it.
func (s *Store) rules(ctx context.Context, a auth.Actor, field string) (collection.FileRules, error) {
	if err := a.Require(auth.UseRecords); err != nil {
		return collection.FileRules{}, err
	}
	all, err := s.Records.Collections(ctx)
	if err != nil {
		return collection.FileRules{}, err
	}
	in, name, _ := strings.Cut(field, ".")
	known := false
	for _, c := range all {
		for _, f := range c.Fields {
			if !f.HoldsFiles() || field != "" && (c.Name != in || f.Name != name) {
				continue
			}
			known = true
			for _, act := range []auth.Action{auth.Create, auth.Update} {
				if c.Allows(a, act) && c.Takes(a, act, f) {
					if field == "" {
						return collection.FileRules{}, nil
					}
					return f.FileRules(), nil
				}
			}
		}
	}
	if field != "" && !known {
		return collection.FileRules{}, fault.New(fault.Invalid, "There is no such field for files. Name it as in orders.photos.")
	}
	return collection.FileRules{}, fault.New(fault.Forbidden, "You do not have the right to add files. Ask an administrator.")
}

// newName is a name that nobody can guess: 128 random bits.
func newName() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var namePattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

func validName(name string) bool { return namePattern.MatchString(name) }

// stored is the name in a place of the file that is stored as filename.
func stored(filename string) string {
	name, _, _ := strings.Cut(filename, ".")
	return name
}

// File is a file to read; the caller closes it.
type File struct {
	io.ReadSeekCloser
	Record collection.Record
}

// Open reads the file that is stored as filename. It answers NotFound for a file
// that the actor may not see, as for none.
func (s *Store) Open(ctx context.Context, a collection.Access, filename string) (File, error) {
	missing := fault.New(fault.NotFound, "There is no such file, or not for you.")
	rec, err := s.Records.First(ctx, s.DB, a, collection.Attachments, collection.Query{Filter: map[string]any{"filename": map[string]any{"$eq": filename}}})
	if err != nil {
		return File{}, err
	}
	if rec == nil {
		return File{}, missing
	}
	place := s.Places[collection.Format(rec["storage"])]
	if place == nil {
		return File{}, fmt.Errorf("file %s is in %q, which this server does not know", filename, rec["storage"])
	}
	r, err := place.Open(ctx, stored(filename))
	switch {
	case errors.Is(err, fs.ErrNotExist): // a backup without the directory, or servers without a shared one
		s.Log.ErrorContext(ctx, "bytes of a file are missing", "attachment_id", rec["id"], "storage", rec["storage"])
		return File{}, fault.Wrap(fault.Gone, "The content of this file is missing on the server. Ask an administrator to restore it.", err)
	case err != nil:
		return File{}, err
	}
	return File{r, rec}, nil
}

// Destroy deletes files that no record holds and returns how many. It answers
// Conflict when a record holds one of them: there it is taken out.
func (s *Store) Destroy(ctx context.Context, a collection.Access, filter any) (int, error) {
	page, err := s.Records.List(ctx, s.DB, a, collection.Attachments, collection.Query{Filter: filter, Fields: []string{"id"}, All: true})
	if err != nil || len(page.Records) == 0 {
		return 0, err
	}
	var ids []int64
	for _, r := range page.Records {
		id, _ := r["id"].(float64)
		ids = append(ids, int64(id))
	}
	var gone []row
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		gone = nil
		if err := tx.SelectContext(ctx, &gone, queries.Get("lock"), pq.Array(ids)); err != nil {
			return fmt.Errorf("lock files: %w", err)
		}
		loose, err := s.Records.Loose(ctx, tx, ids)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(gone, func(r row) bool { return !slices.Contains(loose, r.ID) }); i >= 0 {
			held := fault.New(fault.Conflict, "A record holds this file. Take it out there; it is deleted a day later.")
			return fault.OfOne(held, len(gone), "File", gone[i].ID)
		}
		_, err = tx.ExecContext(ctx, queries.Get("delete"), pq.Array(ids))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete files: %w", err)
	}
	return len(gone), s.remove(ctx, gone)
}

// row is what deleting needs to know of a file.
type row struct {
	ID         int64      `db:"id"`
	Filename   string     `db:"filename"`
	Storage    string     `db:"storage"`
	LooseSince *time.Time `db:"loose_since"`
}

// remove deletes the bytes of files whose rows are gone. What fails here is found
// by SweepOnce later.
func (s *Store) remove(ctx context.Context, gone []row) error {
	var errs []error
	for _, r := range gone {
		if place := s.Places[r.Storage]; place != nil {
			errs = append(errs, place.Remove(ctx, stored(r.Filename)))
		}
	}
	return errors.Join(errs...)
}
