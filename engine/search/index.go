package search

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

const (
	// blockSize is how many texts a block of the index holds.
	blockSize = 16
	// batch is how many executions one round takes in.
	batch = 512
	// tailMost is how many texts wait for a block, so that they are written to the
	// index once: until then their executions may move on.
	tailMost = 1024
	// openMost is how many executions that are not over a round looks at.
	openMost = 2000
	// sweepMost is how many executions a round looks at for late ones.
	sweepMost = 10_000

	// settle is how old an execution must be: a moment earlier, others that began
	// before it may still turn up.
	settle = 2 * time.Second
	// rest is the pause when there is nothing to do.
	rest = time.Second
	// busyQueue is from how many queued executions on the index gives way: it then
	// takes a share of busyShare+1 of one connection's time, else half of it.
	busyQueue = 100
	busyShare = 20

	// What is read of one value, in characters, and of how many steps.
	readMost  = 4 * MaxText
	readSteps = 40
)

// Index keeps what is searched of executions.
type Index struct {
	DB  *pg.DB
	Now func() time.Time

	// About says which record an execution of a version is about, from the JSON of
	// its trigger data; "" for none.
	About func(ctx context.Context, workflowID int64, trigger string) (collection, record string, err error)
	// Clean takes the secrets out of a text; nil does nothing.
	Clean func(ctx context.Context) (func(string) string, error)
}

// place is how far the index is.
type place struct {
	SeenTo    int64 `db:"seen_to"`    // executions up to this id are in, as far as they were to be seen
	PackedTo  int64 `db:"packed_to"`  // texts below this id are in blocks
	FilledTo  int64 `db:"filled_to"`  // executions from before the index: those from here on are in; 0: all are
	SweptTo   int64 `db:"swept_to"`   // up to here none is missing
	OpenAt    int64 `db:"open_at"`    // where the look at those that are not over goes on
	CountedTo int64 `db:"counted_to"` // below this none can turn up any more

	ChasedTo int64 `db:"chased_to"` // up to here none is missing, unless its id is older than its transaction
	MarkID   int64 `db:"mark_id"`   // nor up to here, when all transactions below MarkXID are over
	MarkXID  int64 `db:"mark_xid"`
	OpenXID  int64 `db:"open_xid"` // transactions below this are over
	NextXID  int64 `db:"next_xid"` // those from this on have not begun
}

// Once takes in some of what is new, unless another process is at it, and returns
// how long there is nothing to do.
func (ix *Index) Once(ctx context.Context) (wait time.Duration, err error) {
	err = ix.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		began := ix.Now()
		wait = rest
		var at place
		err := tx.GetContext(ctx, &at, queries.Get("take"), began)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take up the index: %w", err)
		}
		worked, err := ix.round(ctx, tx, &at, began)
		if err != nil {
			return err
		}
		if worked {
			var queued int
			if err := tx.GetContext(ctx, &queued, queries.Get("busy"), busyQueue); err != nil {
				return fmt.Errorf("look at the queue: %w", err)
			}
			wait = ix.Now().Sub(began)
			if queued == busyQueue {
				wait *= busyShare
			}
		}
		_, err = tx.ExecContext(ctx, queries.Get("give_back"), began.Add(wait), at.SeenTo, at.PackedTo, at.FilledTo, at.SweptTo, at.OpenAt, at.ChasedTo, at.MarkID, at.MarkXID)
		return err
	})
	if err != nil {
		return rest, fmt.Errorf("index executions: %w", err)
	}
	return wait, nil
}

// round does one part of each kind of work. worked says that there may be more.
func (ix *Index) round(ctx context.Context, tx *pg.Tx, at *place, now time.Time) (worked bool, err error) {
	late, err := ix.late(ctx, tx, at, now)
	if err != nil {
		return false, err
	}
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, queries.Get("later"), at.SeenTo, snowflake.At(now.Add(-settle)), batch); err != nil {
		return false, fmt.Errorf("find new executions: %w", err)
	}
	if len(ids) > 0 {
		at.SeenTo, worked = ids[len(ids)-1], len(ids) == batch
	}
	moved, err := ix.moved(ctx, tx, at)
	if err != nil {
		return false, err
	}
	all := append(slices.Concat(ids, late), moved...)
	slices.Sort(all)
	texts, err := ix.write(ctx, tx, slices.Compact(all))
	if err != nil {
		return false, err
	}
	packed := slices.DeleteFunc(slices.Clone(texts), func(t text) bool { return t.ID >= at.PackedTo })
	if err := ix.repack(ctx, tx, packed); err != nil {
		return false, err
	}
	if len(texts) > 0 {
		if err := ix.pack(ctx, tx, at); err != nil {
			return false, err
		}
	}
	if !worked && at.FilledTo > 0 {
		worked = true
		err = ix.fill(ctx, tx, at)
	}
	return worked || len(late) >= batch || len(moved) == batch, err
}

// late finds executions that were not yet to be seen when those after them were
// taken in: what writes them took longer than settle.
//
// Nearly all of them turn up when the transactions are over that were open when their
// ids were made. That is marked in each round, and looked at in the next one in which
// they are; mostly that is before those ids are taken in, and nothing is to be done.
// The rest, whose transactions began after their ids were made, are found when
// housekeeping is sure that nothing more can turn up.
func (ix *Index) late(ctx context.Context, tx *pg.Tx, at *place, now time.Time) (ids []int64, err error) {
	if at.MarkXID <= at.OpenXID {
		if ids, err = ix.sweep(ctx, tx, &at.ChasedTo, min(at.MarkID, at.SeenTo)); err != nil {
			return nil, err
		}
		if at.ChasedTo >= min(at.MarkID, at.SeenTo) {
			at.ChasedTo = max(at.ChasedTo, at.MarkID)
			at.MarkID, at.MarkXID = max(snowflake.At(now), at.MarkID), at.NextXID
		}
	}
	more, err := ix.sweep(ctx, tx, &at.SweptTo, min(at.CountedTo, at.SeenTo))
	return append(ids, more...), err
}

// sweep finds executions above from, up to to, that are not in the index. It moves
// from to where it got to.
func (ix *Index) sweep(ctx context.Context, tx *pg.Tx, from *int64, to int64) ([]int64, error) {
	if *from >= to {
		return nil, nil
	}
	var found struct {
		Looked  int           `db:"looked"`
		Last    int64         `db:"last"`
		Missing pq.Int64Array `db:"missing"`
	}
	if err := tx.GetContext(ctx, &found, queries.Get("sweep"), *from, to, sweepMost, batch); err != nil {
		return nil, fmt.Errorf("find executions that turned up late: %w", err)
	}
	switch {
	case len(found.Missing) == batch:
		*from = found.Missing[batch-1]
	case found.Looked == sweepMost:
		*from = found.Last
	default:
		*from = to
	}
	return found.Missing, nil
}

// moved finds executions that have moved on since they were taken in.
func (ix *Index) moved(ctx context.Context, tx *pg.Tx, at *place) ([]int64, error) {
	var found struct {
		Looked int           `db:"looked"`
		Last   int64         `db:"last"`
		Moved  pq.Int64Array `db:"moved"`
	}
	if err := tx.GetContext(ctx, &found, queries.Get("moved"), at.OpenAt, openMost, batch); err != nil {
		return nil, fmt.Errorf("find executions that have moved on: %w", err)
	}
	switch {
	case len(found.Moved) == batch:
		at.OpenAt = found.Moved[batch-1]
	case found.Looked == openMost:
		at.OpenAt = found.Last
	default:
		at.OpenAt = 0
	}
	return found.Moved, nil
}

// fill takes in executions from before there was the index, the newest first.
func (ix *Index) fill(ctx context.Context, tx *pg.Tx, at *place) error {
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, queries.Get("earlier"), at.FilledTo, batch); err != nil {
		return fmt.Errorf("find older executions: %w", err)
	}
	if len(ids) == 0 {
		at.FilledTo = 0
		return nil
	}
	slices.Sort(ids)
	texts, err := ix.write(ctx, tx, ids)
	if err != nil {
		return err
	}
	var blocks []block
	hi := at.FilledTo
	for len(texts) > 0 {
		from := max(len(texts)-blockSize, 0)
		blocks = append(blocks, newBlock(texts[from].ID, hi, texts[from:]))
		hi, texts = texts[from].ID, texts[:from]
	}
	at.FilledTo = ids[0]
	return ix.insert(ctx, tx, blocks)
}

// text is what is searched of one execution.
type text struct {
	ID   int64  `db:"id"`
	Open bool   `db:"open"`
	Body string `db:"body"`
}

// write takes executions in, in the order of their ids.
func (ix *Index) write(ctx context.Context, tx *pg.Tx, ids []int64) ([]text, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	clean := func(s string) string { return s }
	if ix.Clean != nil {
		var err error
		if clean, err = ix.Clean(ctx); err != nil {
			return nil, err
		}
	}
	var rows []struct {
		text
		WorkflowID int64         `db:"workflow_id"`
		Key        string        `db:"key"`
		Segments   int64         `db:"segments"`
		Reason     string        `db:"reason"`
		CreatedBy  int64         `db:"created_by"`
		Context    string        `db:"context"`
		Output     string        `db:"output"`
		Deciders   pq.Int64Array `db:"deciders"`
	}
	if err := tx.SelectContext(ctx, &rows, queries.Get("executions"), pq.Array(ids), readMost); err != nil {
		return nil, fmt.Errorf("read executions: %w", err)
	}
	var results []struct {
		ExecutionID int64  `db:"execution_id"`
		Result      string `db:"result"`
	}
	if err := tx.SelectContext(ctx, &results, queries.Get("results"), pq.Array(ids), readMost, readSteps); err != nil {
		return nil, fmt.Errorf("read what steps came to: %w", err)
	}
	var texts []text
	var keys, lists, bodies []string
	var open []bool
	var segments, about, subjects []int64
	for _, x := range rows {
		var b body
		b.add(clean(x.Reason))
		b.addJSON(x.Context, clean)
		b.addJSON(x.Output, clean)
		for len(results) > 0 && results[0].ExecutionID <= x.ID {
			if results[0].ExecutionID == x.ID {
				b.addJSON(results[0].Result, clean)
			}
			results = results[1:]
		}
		x.Body = b.text.String()
		var of []int64
		for _, person := range append(slices.Clone(x.Deciders), x.CreatedBy) {
			if person != 0 {
				of = append(of, Person(person))
			}
		}
		collection, record, err := ix.About(ctx, x.WorkflowID, x.Context)
		if err != nil {
			return nil, err
		}
		if record != "" {
			of = append(of, Record(collection, record))
		}
		slices.Sort(of)
		of = slices.Compact(of)
		for _, s := range of {
			about, subjects = append(about, x.ID), append(subjects, s)
		}
		texts = append(texts, x.text)
		keys, lists, bodies = append(keys, x.Key), append(lists, array(of)), append(bodies, x.Body)
		open, segments = append(open, x.Open), append(segments, x.Segments)
	}
	found := make([]int64, len(texts))
	for i, t := range texts {
		found[i] = t.ID
	}
	if _, err := tx.ExecContext(ctx, queries.Get("write"), pq.Array(found), pq.Array(keys), pq.Array(open), pq.Array(segments), pq.Array(lists), pq.Array(bodies)); err != nil {
		return nil, fmt.Errorf("write texts: %w", err)
	}
	if _, err := tx.ExecContext(ctx, queries.Get("write_subjects"), pq.Array(about), pq.Array(subjects)); err != nil {
		return nil, fmt.Errorf("write subjects: %w", err)
	}
	return texts, nil
}

// block is a stretch of ids with the pieces of all texts in it. Blocks do not
// overlap, and new texts go into the block that has their id.
type block struct {
	lo, hi int64
	grams  []int16
}

func newBlock(lo, hi int64, texts []text) block {
	set := map[int16]struct{}{}
	for _, t := range texts {
		addGrams(set, t.Body)
	}
	return block{lo, hi, sorted(set)}
}

// pack makes blocks of the oldest texts that are in none, as soon as their
// executions are over, or too many wait.
func (ix *Index) pack(ctx context.Context, tx *pg.Tx, at *place) error {
	var tail []text
	if err := tx.SelectContext(ctx, &tail, queries.Get("tail"), at.PackedTo, tailMost+batch); err != nil {
		return fmt.Errorf("read texts without a block: %w", err)
	}
	var blocks []block
	for len(tail) > blockSize {
		next := tail[:blockSize]
		if len(tail) < tailMost && slices.ContainsFunc(next, func(t text) bool { return t.Open }) {
			break
		}
		hi := tail[blockSize].ID
		blocks = append(blocks, newBlock(at.PackedTo, hi, next))
		at.PackedTo, tail = hi, tail[blockSize:]
	}
	return ix.insert(ctx, tx, blocks)
}

func (ix *Index) insert(ctx context.Context, tx *pg.Tx, blocks []block) error {
	if len(blocks) == 0 {
		return nil
	}
	var lo, hi []int64
	var grams []string
	for _, b := range blocks {
		lo, hi, grams = append(lo, b.lo), append(hi, b.hi), append(grams, array(b.grams))
	}
	if _, err := tx.ExecContext(ctx, queries.Get("pack"), pq.Array(lo), pq.Array(hi), pq.Array(grams)); err != nil {
		return fmt.Errorf("write blocks: %w", err)
	}
	return nil
}

// repack adds texts that were written anew to the blocks that hold them.
func (ix *Index) repack(ctx context.Context, tx *pg.Tx, texts []text) error {
	if len(texts) == 0 {
		return nil
	}
	ids := make([]int64, len(texts))
	for i, t := range texts {
		ids[i] = t.ID
	}
	var held []struct {
		ID    int64  `db:"id"`
		Lo    int64  `db:"lo"`
		Grams string `db:"grams"`
	}
	if err := tx.SelectContext(ctx, &held, queries.Get("blocks_of"), pq.Array(ids)); err != nil {
		return fmt.Errorf("find blocks: %w", err)
	}
	sets, sizes := map[int64]map[int16]struct{}{}, map[int64]int{}
	var fresh []block
	for i, h := range held {
		if h.Lo == 0 { // its block was deleted with all that it held
			fresh = append(fresh, newBlock(h.ID, h.ID+1, texts[i:i+1]))
			continue
		}
		if sets[h.Lo] == nil {
			sets[h.Lo] = map[int16]struct{}{}
			for part := range strings.SplitSeq(strings.Trim(h.Grams, "{}"), ",") {
				if n, err := strconv.ParseInt(part, 10, 16); err == nil {
					sets[h.Lo][int16(n)] = struct{}{}
				}
			}
			sizes[h.Lo] = len(sets[h.Lo])
		}
		addGrams(sets[h.Lo], texts[i].Body)
	}
	var lo []int64
	var grams []string
	for at, set := range sets {
		if len(set) > sizes[at] {
			lo, grams = append(lo, at), append(grams, array(sorted(set)))
		}
	}
	if _, err := tx.ExecContext(ctx, queries.Get("repack"), pq.Array(lo), pq.Array(grams)); err != nil {
		return fmt.Errorf("write blocks again: %w", err)
	}
	return ix.insert(ctx, tx, fresh)
}

// array is a list of numbers as PostgreSQL writes it.
func array[T int16 | int64](list []T) string {
	out := []byte{'{'}
	for i, n := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(n), 10)
	}
	return string(append(out, '}'))
}

// Person and Record are the subjects of executions: who started one, or decided in
// it, and what it is about.
func Person(id int64) int64 { return subject("person", strconv.FormatInt(id, 10)) }

// Record is the subject for a record, by its key as text.
func Record(collection, id string) int64 { return subject("record", collection, id) }

func subject(parts ...string) int64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0})
	}
	return int64(h.Sum64())
}

// Hold keeps the index as it is until the end of tx, so that no execution is taken
// in while it is deleted.
func Hold(ctx context.Context, tx *pg.Tx) error {
	if _, err := tx.ExecContext(ctx, queries.Get("hold")); err != nil {
		return fmt.Errorf("hold the index of executions: %w", err)
	}
	return nil
}

// Forget drops those of ids that are deleted. Call [Hold] before deleting them, and
// Forget in the same transaction.
func Forget(ctx context.Context, tx *pg.Tx, ids []int64) error {
	if _, err := tx.ExecContext(ctx, queries.Get("forget"), pq.Array(ids)); err != nil {
		return fmt.Errorf("drop the texts of %d executions: %w", len(ids), err)
	}
	return nil
}

// Behind says what the index does not hold yet.
type Behind struct {
	Newest *time.Time `db:"newest"` // executions from this time on; nil: all are in
	Oldest *time.Time `db:"oldest"` // and those up to this time; nil: all are in
}

// Behind reads how far the index is.
func (ix *Index) Behind(ctx context.Context) (b Behind, err error) {
	if err := ix.DB.GetContext(ctx, &b, queries.Get("behind")); err != nil {
		return b, fmt.Errorf("read how far the index is: %w", err)
	}
	return b, nil
}
