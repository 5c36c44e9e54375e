// Package static holds the stylesheet, the scripts and the icons, and serves
// them from the binary.
//
// Every address carries a hash over all files, so that browsers may keep them
// for ever: a new build has new addresses. Nothing is built or fetched at run
// time. Scripts are progressive enhancement; every page works without them.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// Prefix is where [Handler] is to be mounted.
const Prefix = "/static/"

//go:embed css js icons.svg favicon.svg
var files embed.FS

// HasIcon reports whether the sprite has a symbol of this name.
func HasIcon(name string) bool {
	sprite, err := files.ReadFile("icons.svg")
	return err == nil && name != "" && bytes.Contains(sprite, []byte(`id="`+name+`"`))
}

// file is one asset, ready to be sent.
type file struct {
	mime  string
	plain []byte
	gzip  []byte
}

// Made when they are first needed: the same program also runs as a script
// process, which starts often and needs none.
var (
	assets = sync.OnceValue(load)
	hash   = sync.OnceValue(sum)
)

// Path returns the address of a file, for example Path("css/alur.css"). It
// panics when there is no such file: a broken build, not a bad request.
func Path(name string) string {
	if _, ok := assets()[name]; !ok {
		panic("static: no file " + name)
	}
	return Prefix + hash() + "/" + name
}

// Has reports whether the sprite has an icon of that name.
func Has(icon string) bool {
	return bytes.Contains(assets()["icons.svg"].plain, []byte(`<symbol id="`+icon+`"`))
}

// Handler answers requests under [Prefix]. An address with the hash of another
// build is answered too, with today's file and without caching: during a
// deployment a page may come from one process and its style from the next.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		build, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
		f, ok := assets()[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.mime)
		h.Set("Vary", "Accept-Encoding")
		h.Set("Cache-Control", "no-cache")
		if build == hash() {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		body := f.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
		if r.Method == http.MethodHead {
			return
		}
		w.Write(body)
	})
}

func load() map[string]file {
	all := map[string]file{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		zip, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		zip.Write(plain)
		zip.Close()
		all[name] = file{mime: mimeOf(name), plain: plain, gzip: b.Bytes()}
		return nil
	})
	if err != nil {
		panic(err) // the files are part of the binary
	}
	return all
}

// mimeOf does not trust the machine's tables for the types that matter.
func mimeOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func sum() string {
	h := sha256.New()
	fs.WalkDir(files, ".", func(name string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			h.Write([]byte(name))
			h.Write(assets()[name].plain)
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:12]
}
