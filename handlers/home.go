package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"alur/views"
)

// home is the first page after signing in.
type home struct{ server *Server }

// Routes registers the start page.
func (h *home) Routes(g *Group) {
	g.GET("/", Signed, h.show)
}

func (h *home) show(c echo.Context) error {
	return render(c, http.StatusOK, views.HomePage(views.Home{}), nil)
}
