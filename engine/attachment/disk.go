package attachment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// unfinished ends the names of files that are being written.
const unfinished = ".part"

// Disk keeps bytes in files below a directory, which is made when it is needed.
// Only the server's user can read them.
type Disk struct{ Dir string }

// path is where a name's bytes are. Names are ours: they never come from outside.
func (d Disk) path(name string) string { return filepath.Join(d.Dir, name[:2], name) }

// Put writes a file beside its place, makes sure that it is on the disk, and
// gives it its name then.
func (d Disk) Put(_ context.Context, name string, r io.ReadSeeker) (err error) {
	path := d.path(name)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for files: %w", err)
	}
	f, err := os.OpenFile(path+unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write file %s: %w", name, err)
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err != nil {
		os.Remove(path + unfinished)
		return fmt.Errorf("write file %s: %w", name, err)
	}
	for _, dir := range []string{dir, d.Dir} { // so that the names are on the disk too
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("write file %s: %w", name, err)
		}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Open opens a file.
func (d Disk) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, fmt.Errorf("read file %s: %w", name, err)
	}
	return f, nil
}

// Remove deletes a file.
func (d Disk) Remove(_ context.Context, name string) error {
	for _, path := range []string{d.path(name), d.path(name) + unfinished} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete file %s: %w", name, err)
		}
	}
	return nil
}

// Old looks into one directory.
func (d Disk) Old(_ context.Context, digits string, before time.Time) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.Dir, digits))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list files: %w", err)
	}
	var names []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), unfinished)
		info, err := e.Info()
		if err == nil && validName(name) && info.ModTime().Before(before) {
			names = append(names, name)
		}
	}
	return names, nil
}
