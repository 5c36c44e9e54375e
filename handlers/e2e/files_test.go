package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-rod/rod"
)

// TestFiles adds files in a form: they are sent at once, one that does not fit is
// refused with words, one is dropped, one taken out again; saved, the list shows
// them. A page among them is downloaded, never shown.
func TestFiles(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	s.program(adminEmail, adminPassword).call("collections:create", map[string]any{"name": "claims", "title": "Claims", "recordHistory": true, "fields": []any{
		map[string]any{"name": "title", "type": "string", "allowNull": false, "uiSchema": map[string]any{"title": "Title"}},
		map[string]any{"name": "receipts", "type": "attachment", "uiSchema": map[string]any{"title": "Receipts"}},
		map[string]any{"name": "photo", "type": "belongsTo", "interface": "attachment", "accept": []any{"image/png"}, "uiSchema": map[string]any{"title": "Photo"}},
	}}, nil)
	dir := t.TempDir()
	file := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		v.must(os.WriteFile(path, []byte(content), 0o600), "write a file")
		return path
	}
	const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0P\x0f\x00\x04\x85\x01\x80\x84\xa9\x8c!\x00\x00\x00\x00IEND\xaeB`\x82"
	const page = `<!DOCTYPE html><title>Taken over</title><script>document.title = "taken over"</script>`

	v.open("/data/claims/new")
	v.must(v.el("[data-field=receipts] input[type=file]").SetFiles([]string{file("hotel.pdf", "%PDF-1.7"), file("page.html", page)}), "choose files")
	v.sees("[data-field=receipts] li:nth-child(1)", "hotel.pdf")
	v.sees("[data-field=receipts] li:nth-child(2)", "page.html")
	v.sees("[data-changes]", "1 field changed")
	v.must(v.el("[data-field=photo] input[type=file]").SetFiles([]string{file("me.png", "no picture")}), "choose a photo")
	v.sees("[data-field=photo] li .error", "no file of these types: PNG")
	v.must(v.el("[data-field=photo] input[type=file]").SetFiles([]string{file("me.png", png)}), "choose a photo")
	v.el(`[data-field=photo] li [type=checkbox]`)

	_, err := v.Page.Eval(`() => {
		const data = new DataTransfer();
		data.items.add(new File(["a;b"], "dropped.csv"));
		document.querySelector("[data-field=receipts]").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
	}`)
	v.must(err, "drop a file")
	v.sees("[data-field=receipts] li:nth-child(3)", "dropped.csv")
	v.el("[data-field=receipts] li:nth-child(3) [type=checkbox]")

	// A refused form loses none of them.
	v.follow("Save")
	v.sees(".error", "Fill this in.")
	v.sees("[data-field=receipts] ul", "dropped.csv")
	v.fill("Title", "Trip")
	v.must(v.el(`[aria-label="Remove hotel.pdf"]`).Focus(), "go to the button")
	v.at(v.el(`[aria-label="Remove hotel.pdf"]`), "take a file out")
	v.follow("Save")
	v.sees("#records", "Trip")
	v.sees("#records td[data-label=Receipts]", "page.html")
	shown, err := v.el("#records td[data-label=Photo] img").Evaluate(rod.Eval(`() => this.decode().then(() => this.naturalWidth)`).ByPromise())
	v.must(err, "see the photo")
	if shown.Value.Int() != 1 {
		t.Errorf("the photo is %d pixels wide", shown.Value.Int())
	}
	if text, err := v.el("#records td[data-label=Receipts]").Text(); err != nil || strings.Contains(text, "hotel.pdf") {
		t.Errorf("receipts are %q, %v", text, err)
	}

	// Whoever opens the address of the page gets a download.
	url, err := v.el(`#records a[title^="page.html"]`).Attribute("href")
	v.must(err, "find the file")
	if err := v.Page.Timeout(patience).Navigate(s.URL + *url); err == nil || !strings.Contains(err.Error(), "net::ERR_ABORTED") {
		t.Errorf("the address of a page: %v, want a download instead of a page", err)
	}
	if title, err := v.Page.Eval(`() => document.title`); err != nil || title.Value.Str() != "Claims · Alur" {
		t.Errorf("the page is called %v, %v", title, err)
	}
}
