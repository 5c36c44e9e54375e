package attachment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"
)

// TestPlaces holds both places to what [attachment.Place] says.
func TestPlaces(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, place := range d.Places {
		t.Run(name, func(t *testing.T) {
			for i, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 700_000} {
				name := fmt.Sprintf("%032x", i+1)
				want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
				if err := place.Put(t.Context(), name, bytes.NewReader(want)); err != nil {
					t.Fatal(err)
				}
				f, err := place.Open(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				got, err := io.ReadAll(f)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
				}
				if end, err := f.Seek(0, io.SeekEnd); err != nil || end != int64(size) {
					t.Errorf("the end is at %d, %v; want %d", end, err, size)
				}
				if from := int64(size / 2); size > 0 {
					if _, err := f.Seek(from, io.SeekStart); err != nil {
						t.Fatal(err)
					}
					if rest, err := io.ReadAll(f); err != nil || !bytes.Equal(rest, want[from:]) {
						t.Errorf("from %d on: %d bytes, %v", from, len(rest), err)
					}
				}
			}
			old, err := place.Old(t.Context(), "00", time.Now().Add(24*365*time.Hour))
			if err != nil || len(old) != 5 {
				t.Errorf("Old: %v, %v; want 5 names", old, err)
			}
			for range 2 {
				if err := place.Remove(t.Context(), fmt.Sprintf("%032x", 1)); err != nil {
					t.Errorf("Remove: %v", err)
				}
			}
			if _, err := place.Open(t.Context(), fmt.Sprintf("%032x", 1)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open of nothing: %v, want ErrNotExist", err)
			}
		})
	}
}
