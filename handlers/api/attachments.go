package api

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"

	"alur/engine/attachment"
	"alur/engine/collection"
)

// aroundFile is how much longer than its file an upload may be.
const aroundFile = 1 << 20

// upload keeps the file of a form's field "file". The parameter attachmentField
// names the field that it is for, as in orders.photos: what that does not take is
// refused at once.
func (h *Records) upload(c echo.Context) error {
	params, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	access := collection.Access{Actor: h.Actor(c), Zone: h.zone(c), Via: collection.ViaAPI}
	name, path, err := h.Uploaded(c.Request(), "file")
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok && e != nil {
		return attachment.TooLarge(h.Files.Most)
	}
	if err != nil {
		return err
	}
	defer os.Remove(path)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read an upload: %w", err)
	}
	defer f.Close()
	rec, err := h.Files.Add(c.Request().Context(), access, attachment.Upload{Name: name, Bytes: f, Field: params.Text("attachmentField")})
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, envelope(rec))
}

// destroyFiles deletes files that no record holds.
func (h *Records) destroyFiles(c *call) (any, error) {
	filter, err := h.writeFilter(c)
	if err != nil {
		return nil, err
	}
	n, err := h.Files.Destroy(c.ctx, c.access(), filter)
	return float64(n), err
}
