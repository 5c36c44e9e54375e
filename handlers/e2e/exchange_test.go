package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/proto"
)

// TestExchange downloads a workflow from the list, changes the file as one does by
// hand, and brings it in again: it asks who is meant, says what is missing, and
// makes a draft and a workflow of its own.
func TestExchange(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)
	v.open("/workflows")
	v.check("Select Leave requests")
	v.sees("#bulk", "1 selected")
	v.inspect("workflows-chosen")

	dir := t.TempDir()
	v.must(proto.BrowserSetDownloadBehavior{Behavior: proto.BrowserSetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
		BrowserContextID: v.Page.Browser().BrowserContextID, EventsEnabled: true}.Call(v.Page.Browser()), "allow downloads")
	var name string
	ended := v.Page.Browser().Timeout(patience).EachEvent(func(e *proto.BrowserDownloadWillBegin) { name = e.SuggestedFilename },
		func(e *proto.BrowserDownloadProgress) bool {
			return e.State == proto.BrowserDownloadProgressStateCompleted
		})
	v.press("Export")
	ended()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	v.must(err, "read the download")
	if name != "Leave requests.json" || !strings.Contains(string(raw), `"format": "alur.workflows"`) {
		t.Fatalf("downloaded %q:\n%s", name, raw)
	}

	text := strings.Replace(string(raw), `"assignees": [`, `"assignees": [{"$person": {"name": "Nora Neumann"}},`, 1)
	text = strings.Replace(text, `"collection": "employees"`, `"collection": "staff"`, 1)
	changed := filepath.Join(dir, "changed.json")
	v.must(os.WriteFile(changed, []byte(text), 0o600), "write a file")
	broken := filepath.Join(dir, "broken.json")
	v.must(os.WriteFile(broken, raw[:len(raw)/2], 0o600), "write a file")

	v.follow("Import")
	v.must(v.el("#f-file").SetFiles([]string{broken}), "choose the broken file")
	v.follow("Show what it makes")
	v.sees("#f-file-error", "the file breaks off")
	v.inspect("import-broken")
	v.must(v.el("#f-file").SetFiles([]string{changed}), "choose the changed file")
	v.follow("Show what it makes")
	v.sees("#workflow-0 table", "staff")
	v.sees("#workflow-0 table", "Nora Neumann")
	v.inspect("import-preview")
	v.choose("Nora Neumann", "Ann Bauer")
	v.check("A new version of “Leave requests”")
	v.follow("Import")
	v.sees("#toasts", "“Leave requests” is imported. It is off.")
	v.sees("main", "Draft of v1")
	v.open("/workflows")
	v.sees("#workflows", "Draft")
}
