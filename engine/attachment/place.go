package attachment

import (
	"context"
	"io"
	"time"
)

// Place is somewhere to keep bytes, by names of 32 hexadecimal digits. It is safe
// for concurrent use.
type Place interface {
	// Put keeps what r gives; once it returns, a crash of the machine does not
	// lose it. A name is put once.
	Put(ctx context.Context, name string, r io.ReadSeeker) error
	// Open reads what was put; an error that is [io/fs.ErrNotExist] says that there
	// is nothing.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
	// Remove forgets what was put. It is no error that there is nothing.
	Remove(ctx context.Context, name string) error
	// Old lists the names that begin with two digits and were put before a time,
	// those of broken-off puts too.
	Old(ctx context.Context, digits string, before time.Time) ([]string, error)
}

// Names of places, as rows and settings have them.
const (
	OnDisk     = "disk"
	InDatabase = "database"
)
