package views

import (
	"slices"
	"strings"
	"testing"
)

func TestTextParts(t *testing.T) {
	t.Parallel()
	const text = "Hello,\nApprove: https://alur.test/links/x?a=ok\nReason: see https://evil.example/a, please.\nApprove: https://alur.test.evil.example/\njavascript:alert(1)\n"
	var whole, links []string
	for _, p := range TextParts(text, "https://alur.test") {
		whole = append(whole, p.Text)
		if p.URL != "" {
			links = append(links, p.Text+" → "+p.URL)
		}
	}
	want := []string{"Approve → https://alur.test/links/x?a=ok", "https://evil.example/a → https://evil.example/a",
		"https://alur.test.evil.example/ → https://alur.test.evil.example/"}
	if !slices.Equal(links, want) {
		t.Errorf("links are %q, want %q", links, want)
	}
	if got := TextParts("Approve: https://alur.test/links/alur_lnk_…?a=ok", "https://alur.test"); len(got) != 1 || got[0].URL != "" {
		t.Errorf("a link without its secret became %v", got)
	}
	if got := strings.Join(whole, ""); got != strings.Replace(text, ": https://alur.test/links/x?a=ok", "", 1) {
		t.Errorf("the text became %q", got)
	}
}
