package static_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"alur/static"
)

// TestVendored holds the libraries to what was reviewed: a changed byte fails.
func TestVendored(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"js/htmx-4.0.1.min.js":   "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
		"js/hx-sse-4.0.1.min.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
	} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got := sha256.Sum256(b)
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%s has hash %x, want %s", name, got, want)
		}
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	css := static.Path("css/alur.css")
	old := strings.Replace(css, strings.Split(css, "/")[2], "0123456789ab", 1)
	for _, tc := range []struct {
		name, path, cache string
		status            int
	}{
		{"this build", css, "public, max-age=31536000, immutable", 200},
		{"another build", old, "no-cache", 200},
		{"icons", static.Path("icons.svg"), "public, max-age=31536000, immutable", 200},
		{"no such file", "/static/0123456789ab/css/none.css", "", 404},
		{"outside", "/static/0123456789ab/../static.go", "", 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			static.Handler().ServeHTTP(w, httptest.NewRequest("GET", tc.path, nil))
			if w.Code != tc.status {
				t.Fatalf("status %d, want %d", w.Code, tc.status)
			}
			if got := w.Header().Get("Cache-Control"); got != tc.cache {
				t.Errorf("Cache-Control %q, want %q", got, tc.cache)
			}
		})
	}
}

func TestHandlerGzip(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", static.Path("css/alur.css"), nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	zip, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(zip)
	want, _ := os.ReadFile("css/alur.css")
	if string(got) != string(want) {
		t.Error("the unpacked stylesheet differs from the file")
	}
}
