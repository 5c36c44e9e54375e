package e2e

import (
	"strings"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"
)

// must fails the test with what was tried.
func (v *visitor) must(err error, doing string) {
	v.t.Helper()
	if err == nil {
		return
	}
	text := ""
	if el, err := v.Page.Timeout(time.Second).Element("body"); err == nil {
		text, _ = el.Text()
	}
	v.t.Fatalf("%s: %v\nThe page says:\n%.1500s", doing, err, text)
}

// size is the window, in CSS pixels.
func (v *visitor) size(width, height int) {
	v.t.Helper()
	v.must(v.SetViewport(&proto.EmulationSetDeviceMetricsOverride{Width: width, Height: height, DeviceScaleFactor: 1}), "resize the window")
}

// scheme turns light or dark, and motion off: colors on their way from one to
// the other would be measured.
func (v *visitor) scheme(name string) {
	v.t.Helper()
	v.must(proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{
		{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}}.Call(v.Page), "turn "+name)
}

// open goes to a path of the server, or to a whole address.
func (v *visitor) open(path string) {
	v.t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = v.server.URL + path
	}
	p := v.Page.Timeout(patience)
	v.must(p.Navigate(url), "open "+path)
	v.must(p.WaitLoad(), "load "+path)
}

// el waits for an element that matches a CSS selector.
func (v *visitor) el(selector string) *rod.Element {
	v.t.Helper()
	e, err := v.Page.Timeout(patience).Element(selector)
	v.must(err, "find "+selector)
	return e.CancelTimeout()
}

// named waits for a visible element that matches selector and has the text, or
// the aria-label. While a dialog is open only it counts.
func (v *visitor) named(selector, text string) *rod.Element {
	v.t.Helper()
	e, err := v.Page.Timeout(patience).ElementByJS(rod.Eval(`(selector, text) => {
		const name = (el) => (el.getAttribute("aria-label") || el.textContent).replace(/\s+/g, " ").trim();
		const root = document.querySelector("dialog:modal") || document;
		const seen = [...root.querySelectorAll(selector)].filter((el) => el.checkVisibility());
		return seen.find((el) => name(el) === text) || seen.find((el) => name(el).startsWith(text)) || null;
	}`, selector, text))
	v.must(err, "find "+selector+" “"+text+"”")
	return e.CancelTimeout()
}

// press clicks a button or link by its words.
func (v *visitor) press(text string) {
	v.t.Helper()
	v.at(v.named("button, a, summary, [role=button], [role=menuitem], [role=option]", text), "press “"+text+"”")
}

// at clicks the middle of an element with the mouse. Rod's own click refuses
// elements whose hit area is drawn by ::after.
func (v *visitor) at(e *rod.Element, doing string) {
	v.t.Helper()
	v.must(e.Timeout(patience).ScrollIntoView(), doing)
	shape, err := e.Timeout(patience).Shape()
	v.must(err, doing)
	v.must(v.Page.Mouse.MoveTo(*shape.OnePointInside()), doing)
	v.must(v.Page.Mouse.Click(proto.InputMouseButtonLeft, 1), doing)
}

// follow presses a link or button that leads to another page, and waits for it.
func (v *visitor) follow(text string) {
	v.t.Helper()
	p := v.Page.Timeout(patience)
	wait := p.WaitNavigation(proto.PageLifecycleEventNameLoad)
	v.press(text)
	wait()
	v.must(p.GetContext().Err(), "follow “"+text+"”")
}

// field finds a control by its label.
func (v *visitor) field(label string) *rod.Element {
	v.t.Helper()
	e, err := v.Page.Timeout(patience).ElementByJS(rod.Eval(`(label) => {
		const clean = (el) => el.textContent.replace(/\s+/g, " ").trim();
		const root = document.querySelector("dialog:modal") || document;
		for (const l of root.querySelectorAll("label")) {
			const small = l.querySelector("small, .help");
			const text = small ? clean(l).replace(clean(small), "").trim() : clean(l);
			if (text === label && l.checkVisibility()) return l.control;
		}
		return [...root.querySelectorAll("[aria-label]")].find((el) => el.getAttribute("aria-label") === label && el.checkVisibility()) || null;
	}`, label))
	v.must(err, "find the field “"+label+"”")
	return e.CancelTimeout()
}

// fill replaces the text of a field.
func (v *visitor) fill(label, text string) {
	v.t.Helper()
	e := v.field(label).Timeout(patience)
	v.must(e.SelectAllText(), "select the text of “"+label+"”")
	v.must(e.Input(text), "fill “"+label+"”")
}

// choose picks an option of a select by its words.
func (v *visitor) choose(label, option string) {
	v.t.Helper()
	e := v.field(label).Timeout(patience)
	_, err := e.Eval(`(text) => {
		const option = [...this.options].find((o) => o.textContent.trim() === text);
		if (!option) throw new Error("the options are " + [...this.options].map((o) => o.textContent.trim()).join(", "));
		this.value = option.value;
		this.dispatchEvent(new Event("input", { bubbles: true }));
		this.dispatchEvent(new Event("change", { bubbles: true }));
	}`, option)
	v.must(err, "choose “"+option+"” in “"+label+"”")
}

// check ticks a checkbox, a radio button or a switch by its label.
func (v *visitor) check(label string) {
	v.t.Helper()
	v.at(v.field(label), "tick “"+label+"”")
}

// keys presses keys where the focus is.
func (v *visitor) keys(keys ...input.Key) {
	v.t.Helper()
	v.must(v.Page.Keyboard.Type(keys...), "press keys")
}

// sees waits until the element has the text somewhere in it.
func (v *visitor) sees(selector, text string) {
	v.t.Helper()
	err := v.Page.Timeout(patience).Wait(rod.Eval(`(selector, text) =>
		[...document.querySelectorAll(selector)].some((el) => el.textContent.replace(/\s+/g, " ").includes(text))`, selector, text))
	v.must(err, "see “"+text+"” in "+selector)
}

// gone waits until nothing matches.
func (v *visitor) gone(selector string) {
	v.t.Helper()
	err := v.Page.Timeout(patience).Wait(rod.Eval(`(selector) => !document.querySelector(selector)`, selector))
	v.must(err, "see "+selector+" go")
}

// path is where the visitor is, without the server.
func (v *visitor) path() string {
	v.t.Helper()
	info, err := v.Page.Info()
	v.must(err, "see where the browser is")
	return strings.TrimPrefix(info.URL, v.server.URL)
}

// focused is the words of what has the focus.
func (v *visitor) focused() string {
	v.t.Helper()
	r, err := v.Page.Eval(`() => { const el = document.activeElement; return (el.getAttribute("aria-label") || el.textContent || el.name || el.localName).replace(/\s+/g, " ").trim(); }`)
	v.must(err, "see where the focus is")
	return r.Value.Str()
}

// focusOn waits until the focus is on what has these words.
func (v *visitor) focusOn(words string) {
	v.t.Helper()
	err := v.Page.Timeout(patience).Wait(rod.Eval(`(words) => {
		const el = document.activeElement;
		return (el.getAttribute("aria-label") || el.textContent || el.name || el.localName).replace(/\s+/g, " ").trim() === words;
	}`, words))
	if err != nil {
		v.t.Fatalf("the focus is on %q, want %q", v.focused(), words)
	}
}

// signIn signs in on the sign-in page.
func (v *visitor) signIn(email, password string) {
	v.t.Helper()
	v.open("/sign-in")
	v.fill("Email or user name", email)
	v.fill("Password", password)
	v.follow("Sign in")
}
