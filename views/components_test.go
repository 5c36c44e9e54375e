package views

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"alur/static"
)

var iconName = regexp.MustCompile(`(?:@IconS?\(|Icon: +|iconOr\()"([a-z]+)"`)

// TestIcons finds names that the sprite does not have, in components and view
// models alike.
func TestIcons(t *testing.T) {
	t.Parallel()
	found := 0
	for _, pattern := range []string{"*.templ", "*.go", "*/*.templ", "*/*.go", "../handlers/*.go", "../engine/nodes/*.go", "../engine/triggers/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range iconName.FindAllSubmatch(text, -1) {
				found++
				if !static.Has(string(m[1])) {
					t.Errorf("%s shows the icon %q, which static/icons.svg does not have", file, m[1])
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d icons found: the pattern is wrong", found)
	}
	for _, state := range []string{Queued, Running, Waiting, Completed, Failed, Error, Cancelled, Rejected, Idle} {
		if !static.Has(state) || !static.Has(alertIcon(state)) {
			t.Errorf("state %q has no icon", state)
		}
	}
}

// TestNoInlineStyle keeps out what the content security policy would block.
func TestNoInlineStyle(t *testing.T) {
	t.Parallel()
	bad := regexp.MustCompile(`\sstyle=|\son[a-z]+=|<style|hx-on|"js:|templ\.Raw`)
	files, err := filepath.Glob("*.templ")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("*/*.templ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, deeper...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := bad.Find(text); m != nil {
			t.Errorf("%s has %q, which the browser will refuse", file, m)
		}
	}
}

func draw(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	d, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTextField(t *testing.T) {
	t.Parallel()
	d := draw(t, TextField(Field{Name: "quantity", Label: "Quantity", Value: "2.5", Help: "In pieces.", Error: "Write a whole number from 1 to 999."}))
	input := d.Find("label.label[for=f-quantity] ~ input#f-quantity[name=quantity]")
	if input.AttrOr("value", "") != "2.5" || input.AttrOr("aria-invalid", "") != "true" {
		t.Errorf("the control is %v", input.Nodes)
	}
	for _, id := range strings.Fields(input.AttrOr("aria-describedby", "")) {
		if d.Find("#"+id).Length() != 1 {
			t.Errorf("described by %s, which is not there", id)
		}
	}
}

func TestChoices(t *testing.T) {
	t.Parallel()
	d := draw(t, Choices(Field{Name: "v", Label: "Which version", Value: "5", Options: []Option{{Value: "6", Text: "Version 6"}, {Value: "5", Text: "Version 5"}}}))
	if got := d.Find("fieldset input[type=radio][checked]").AttrOr("value", ""); got != "5" {
		t.Errorf("%q is chosen", got)
	}
	d = draw(t, Choices(Field{Name: "sample", Multiple: true, Options: []Option{{Value: "a", Text: "A", Selected: true}, {Value: "b", Text: "B"}}}))
	if n := d.Find("input[type=checkbox][checked]").Length(); n != 1 {
		t.Errorf("%d are ticked", n)
	}
}

// TestConfirm draws the same question as dialog and as page.
func TestConfirm(t *testing.T) {
	t.Parallel()
	c := Confirm{Title: "Delete workflow", Text: "It has run 12 times.", Action: "/workflows/1/delete", Do: "Delete workflow", Back: "/workflows", Hidden: map[string]string{"revision": "3"}}
	for name, d := range map[string]*goquery.Document{"dialog": draw(t, ConfirmDialog(c)), "page": draw(t, ConfirmPage(c))} {
		form := d.Find("form[method=post][action='/workflows/1/delete']")
		if form.Find("button.btn-danger-fill").Text() != "Delete workflow" || form.Find("input[name=revision]").AttrOr("value", "") != "3" {
			t.Errorf("the %s asks %q", name, form.Text())
		}
		if form.Find("a[href='/workflows']").Length() != 1 {
			t.Errorf("the %s has no way back", name)
		}
	}
}
