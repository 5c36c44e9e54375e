package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
)

// filePolicy is the content security policy of files: whatever is in them, nothing
// of it runs or loads, were a browser to show it (promises.md S15).
const filePolicy = "sandbox; default-src 'none'"

// files gives the files of records to those who see them.
type files struct {
	store *attachment.Store
}

// Routes registers the addresses of files, which nobody can guess and which are no
// secrets: rights are asked each time.
func (h *files) Routes(g *Group) {
	g.Stream("/files/:name", auth.UseRecords, h.serve)
}

// serve answers a file, or the part of it that is asked for. A browser keeps it
// but asks each time whether it still may.
func (h *files) serve(c echo.Context) error {
	f, err := h.store.Open(c.Request().Context(), access(c), c.Param("name"))
	if err != nil {
		return err
	}
	defer f.Close()
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, collection.Format(f.Record["mimetype"]))
	header.Set(echo.HeaderContentDisposition, disposition(collection.Format(f.Record["name"])))
	header.Set("Content-Security-Policy", filePolicy)
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("ETag", `"`+collection.Format(f.Record["filename"])+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, f)
	return nil
}

// disposition makes a browser save an answer under a name (RFC 6266): in UTF-8, and
// for old programs in what every system takes.
func disposition(name string) string {
	plain, ending := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		plain, ending = name[:i], "."+fileName(name[i+1:])
	}
	// PathEscape leaves a few signs that the header does not take.
	escaped := strings.NewReplacer("'", "%27", "(", "%28", ")", "%29", "*", "%2A", ":", "%3A", "=", "%3D", "@", "%40", ",", "%2C", ";", "%3B", "/", "%2F").Replace(url.PathEscape(name))
	return `attachment; filename="` + fileName(plain) + ending + `"; filename*=UTF-8''` + escaped
}
