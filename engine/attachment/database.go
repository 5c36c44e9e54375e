package attachment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"alur/engine/pg"
)

// partBytes is how much of a file one row holds: so much of it is in memory.
const partBytes = 256 << 10

// Database keeps bytes in the database, where a backup of that has them too.
type Database struct {
	DB  *pg.DB
	Now func() time.Time
}

// Put writes all parts in one transaction.
func (d Database) Put(ctx context.Context, name string, r io.ReadSeeker) error {
	err := d.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if _, err := r.Seek(0, io.SeekStart); err != nil { // it may run twice
			return err
		}
		buf := make([]byte, partBytes)
		for part := 0; ; part++ {
			n, err := io.ReadFull(r, buf)
			end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !end {
				return err
			}
			if n > 0 || part == 0 {
				if _, err := tx.ExecContext(ctx, queries.Get("put_part"), name, part, buf[:n], d.Now()); err != nil {
					return err
				}
			}
			if end {
				return nil
			}
		}
	})
	if err != nil {
		return fmt.Errorf("write file %s: %w", name, err)
	}
	return nil
}

// Open reads parts when they are asked for.
func (d Database) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	var size *int64
	if err := d.DB.GetContext(ctx, &size, queries.Get("length"), name); err != nil {
		return nil, fmt.Errorf("read file %s: %w", name, err)
	}
	if size == nil {
		return nil, fmt.Errorf("read file %s: %w", name, fs.ErrNotExist)
	}
	src := &parts{ctx: ctx, db: d.DB, name: name, at: -1}
	return struct {
		io.ReadSeeker
		io.Closer
	}{io.NewSectionReader(src, 0, *size), io.NopCloser(nil)}, nil
}

// parts reads a file by its parts, one of which it remembers.
type parts struct {
	ctx  context.Context
	db   *pg.DB
	name string
	at   int64 // part in bytes, −1 for none
	part []byte
}

// ReadAt reads within one part: [io.SectionReader] asks again for the rest.
func (p *parts) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		if part := (off + int64(n)) / partBytes; part != p.at {
			p.at = -1
			err := p.db.GetContext(p.ctx, &p.part, queries.Get("part"), p.name, part)
			if errors.Is(err, sql.ErrNoRows) {
				return n, io.EOF
			}
			if err != nil {
				return n, fmt.Errorf("read part %d of file %s: %w", part, p.name, err)
			}
			p.at = part
		}
		from := (off + int64(n)) % partBytes
		if from >= int64(len(p.part)) {
			return n, io.EOF
		}
		n += copy(b[n:], p.part[from:])
	}
	return n, nil
}

// Remove deletes all parts.
func (d Database) Remove(ctx context.Context, name string) error {
	if _, err := d.DB.ExecContext(ctx, queries.Get("remove"), name); err != nil {
		return fmt.Errorf("delete file %s: %w", name, err)
	}
	return nil
}

// Old looks at first parts.
func (d Database) Old(ctx context.Context, digits string, before time.Time) ([]string, error) {
	var names []string
	if err := d.DB.SelectContext(ctx, &names, queries.Get("old"), digits, digits+"g", before); err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return names, nil
}
