// Package triggers holds Acme's trigger type: a file that appears in a folder.
package triggers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/node"
	"alur/engine/pg"
)

var _ = engine.RegisterTrigger(folder{})

// FolderConfig is the settings of the trigger.
type FolderConfig struct {
	Folder string `json:"folder"` // on the server, from /
	Ending string `json:"ending"` // of the names that count: ".csv"; "" for all
}

const (
	lookEvery = 500 * time.Millisecond
	atOnce    = 100 // files that one look takes
	taken     = "taken"
)

// folder starts a workflow for each file that appears, and moves the file into the
// folder "taken" below.
type folder struct{}

func (folder) Name() string { return "acme-folder" } // stored in workflows: never rename

func (folder) Decode(raw json.RawMessage) (any, node.Problems) {
	var c FolderConfig
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, node.Problems{"": "These settings are not readable: " + err.Error()}
		}
	}
	return c, nil
}

// Check is asked when the settings are saved, and before the workflow is on.
func (t folder) Check(raw json.RawMessage, _ node.Catalogue) node.Problems {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return p
	}
	c := decoded.(FolderConfig)
	switch info, err := os.Stat(c.Folder); {
	case !filepath.IsAbs(c.Folder):
		return node.Problems{"folder": "Enter the folder from the root of the server on: /var/orders."}
	case err != nil || !info.IsDir():
		return node.Problems{"folder": "There is no such folder on the server. Make it, or enter another."}
	}
	return nil
}

// Outputs are the variables below $context.
func (folder) Outputs(json.RawMessage, node.Catalogue) []node.Variable {
	return []node.Variable{{Path: "name", Title: "File name", Type: "string"}, {Path: "text", Title: "Content", Type: "text"}}
}

func (folder) Bind(*engine.Engine) {}

// Plan has nothing to prepare: Tick asks which workflows are on.
func (folder) Plan(context.Context, *engine.Engine, *pg.Tx, string, *engine.Armed) error { return nil }

// Tick looks into the folders of all workflows that are on. Every process does: an
// event key is what makes one execution of a file.
func (folder) Tick(ctx context.Context, e *engine.Engine) (next time.Time, err error) {
	all, err := e.Armed(ctx, "acme-folder")
	if err != nil || len(all) == 0 {
		return time.Time{}, err
	}
	for _, w := range all {
		if failed := look(ctx, e, w); failed != nil {
			err = errors.Join(err, fmt.Errorf("workflow %d: %w", w.ID, failed))
		}
	}
	return e.Now().Add(lookEvery), err
}

func look(ctx context.Context, e *engine.Engine, w *engine.Armed) error {
	c := w.Config.(FolderConfig)
	files, err := os.ReadDir(c.Folder)
	if err != nil {
		return err
	}
	var found []string
	var events []engine.Event
	for _, f := range files {
		if f.IsDir() || !strings.HasSuffix(f.Name(), c.Ending) || len(events) == atOnce {
			continue
		}
		path := filepath.Join(c.Folder, f.Name())
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process was faster
		}
		if err != nil {
			return err
		}
		info, err := f.Info()
		if err != nil {
			continue
		}
		found = append(found, path)
		events = append(events, engine.Event{
			Workflow: w, Context: map[string]any{"name": f.Name(), "text": string(text)},
			EventKey: fmt.Sprintf("acme-folder/%s/%s/%d", w.Key, path, info.ModTime().UnixNano()),
		})
	}
	if len(events) == 0 {
		return nil
	}
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error { return e.Start(ctx, tx, events) })
	if err != nil {
		return err
	}
	// Once the executions are written: after a crash before this the files are found
	// again and their keys start nothing.
	if err := os.MkdirAll(filepath.Join(c.Folder, taken), 0o755); err != nil {
		return err
	}
	for _, path := range found {
		err := os.Rename(path, filepath.Join(c.Folder, taken, filepath.Base(path)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Asks and Manual let people start the workflow by hand.
func (folder) Asks(any) (collection string, record bool) { return "", false }

func (folder) Manual(_ context.Context, _ *engine.Engine, _ pg.Q, _ any, values map[string]any) (map[string]any, bool, error) {
	given := map[string]any{"name": "by-hand.txt", "text": ""}
	for _, name := range []string{"name", "text"} {
		if v, ok := values[name].(string); ok {
			given[name] = v
		}
	}
	return given, true, nil
}
