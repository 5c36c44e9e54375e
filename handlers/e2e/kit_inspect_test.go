package e2e

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed testdata/axe.min.js
var axe string

// TestVendoredAxe holds the library (axe-core 4.14.1, MPL 2.0, for tests only)
// to what was reviewed.
func TestVendoredAxe(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(axe))
	if got := hex.EncodeToString(sum[:]); got != "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" {
		t.Errorf("axe.min.js has hash %s", got)
	}
}

// Widths of a desk, a tablet and a phone.
var widths = []struct{ width, height int }{{1440, 900}, {768, 1024}, {360, 740}}

// inspect looks at the open page in all widths, light and dark: nothing may
// stick out at the side, and axe must find nothing. name is for messages and
// pictures.
func (v *visitor) inspect(name string) {
	v.t.Helper()
	for _, w := range widths {
		v.size(w.width, w.height)
		v.fits(fmt.Sprintf("%s at %d", name, w.width))
		for _, scheme := range []string{"light", "dark"} {
			v.scheme(scheme)
			if w.width != 768 { // between the two nothing new is shown
				v.axe(fmt.Sprintf("%s at %d, %s", name, w.width, scheme))
			}
			v.shot(fmt.Sprintf("%s-%d-%s", name, w.width, scheme))
		}
	}
	v.scheme("light")
	v.size(widths[0].width, widths[0].height)
}

// fits fails when the page is wider than the window, and names what sticks out.
func (v *visitor) fits(name string) {
	v.t.Helper()
	r, err := v.Page.Eval(`() => {
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= width) return "";
		const out = [...document.querySelectorAll("body *")].filter((el) => el.getBoundingClientRect().right > width + 1 && el.checkVisibility());
		return out.slice(0, 5).map((el) => el.localName + "." + el.className + "#" + el.id).join(", ") || "something";
	}`)
	v.must(err, "measure "+name)
	if out := r.Value.Str(); out != "" {
		v.t.Errorf("%s is wider than the window: %s", name, out)
	}
}

// axe fails when axe-core finds anything. It is put in by the debugger, which
// the content security policy does not concern.
func (v *visitor) axe(name string) {
	v.t.Helper()
	p := v.Page.Timeout(patience)
	if r, err := p.Eval(`() => typeof axe`); err != nil || r.Value.Str() == "undefined" {
		_, err := p.Eval("() => {" + axe + "}")
		v.must(err, "load axe into "+name)
	}
	r, err := p.Eval(`async () => {
		const found = await axe.run(document, { resultTypes: ["violations"] });
		return JSON.stringify(found.violations.map((v) => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " | " + (n.any[0] || n.all[0] || n.none[0] || {}).message) })));
	}`)
	v.must(err, "run axe on "+name)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(r.Value.Str()), &found); err != nil {
		v.t.Fatal(err)
	}
	for _, f := range found {
		v.t.Errorf("axe on %s: %s (%s)\n\t%s", name, f.Help, f.ID, strings.Join(f.Nodes, "\n\t"))
	}
}

// shot saves a picture of the whole page when the environment names a place
// for it.
func (v *visitor) shot(name string) {
	v.t.Helper()
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	png, err := v.Page.Timeout(patience).Screenshot(true, nil)
	v.must(err, "take a picture of "+name)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		v.t.Fatal(err)
	}
}
