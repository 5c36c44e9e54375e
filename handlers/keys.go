package handlers

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// keys lets people make keys for their programs, and managers see all of them.
type keys struct{ store *auth.Store }

// Routes registers the pages about API keys.
func (h *keys) Routes(g *Group) {
	g.GET("/account/keys", Signed, h.own)
	g.POST("/account/keys", Signed, h.create)
	g.POST("/account/keys/:id/revoke", Signed, h.revokeTo("/account/keys"))
	g.GET("/api-keys", auth.ManageKeys, h.all)
	g.POST("/api-keys/:id/revoke", auth.ManageKeys, h.revokeTo("/api-keys"))
}

// lives are how long a key may work.
var lives = []views.Option{{Value: "30d", Text: "30 days"}, {Value: "90d", Text: "90 days"}, {Value: "365d", Text: "1 year"}, {Value: "never", Text: "Ever"}}

func (h *keys) own(c echo.Context) error { return h.ownPage(c, http.StatusOK, nil) }

func (h *keys) ownPage(c echo.Context, status int, problems map[string]string) error {
	rows, err := h.rows(c, false)
	if err != nil {
		return err
	}
	vm := views.Keys{Rows: rows, Name: c.FormValue("name"), Lives: lives, Problems: problems}
	for _, r := range session(c).Roles {
		vm.Roles = append(vm.Roles, views.Option{Value: string(r), Text: string(r)})
	}
	return render(c, status, views.OwnKeysPage(vm), nil)
}

func (h *keys) all(c echo.Context) error {
	rows, err := h.rows(c, true)
	if err != nil {
		return err
	}
	return render(c, http.StatusOK, views.AllKeysPage(views.Keys{All: true, Rows: rows, Tabs: peopleTabs(c, "/api-keys")}), nil)
}

// rows words one's own keys, or everybody's.
func (h *keys) rows(c echo.Context, all bool) ([]views.KeyRow, error) {
	list, err := h.store.Keys(c.Request().Context(), actor(c), all)
	if err != nil {
		return nil, err
	}
	w, below := words(c), "/account/keys/"
	if all {
		below = "/api-keys/"
	}
	var rows []views.KeyRow
	for _, k := range list {
		r := views.KeyRow{
			Name: k.Name, Hint: "…" + k.Hint, Person: k.Person, Role: string(k.Role), Until: keyUntil(w, k), UsedIP: k.UsedIP,
			Over: k.Over(w.Now), Action: below + views.ID(k.ID) + "/revoke",
		}
		if k.UsedAt != nil {
			r.Used = w.Moment(*k.UsedAt, w.Ago(*k.UsedAt))
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// keyUntil says until when a key works.
func keyUntil(w views.Words, k auth.APIKey) string {
	switch {
	case k.RevokedAt != nil:
		return "Revoked"
	case k.ExpiresAt == nil:
		return "Never expires"
	case k.Over(w.Now):
		return "Expired"
	}
	return "Works until " + w.When(*k.ExpiresAt)
}

// create answers with the page that shows the key; it can be shown from nowhere
// later.
func (h *keys) create(c echo.Context) error {
	token, k, err := h.store.CreateKey(c.Request().Context(), session(c), c.FormValue("name"), auth.Role(c.FormValue("role")), c.FormValue("expiresIn"))
	if fault.Is(err, fault.Invalid) {
		return h.ownPage(c, http.StatusUnprocessableEntity, classify(err).Fields)
	}
	if err != nil {
		return err
	}
	return render(c, http.StatusCreated, views.NewKeyPage(views.NewKey{Name: k.Name, Token: token, Until: keyUntil(words(c), k)}), nil)
}

// revokeTo ends a key and goes back to a list.
func (h *keys) revokeTo(list string) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, _ := strconv.ParseInt(c.Param("id"), 10, 64) // 0 is none
		if err := h.store.RevokeKey(c.Request().Context(), actor(c), id); err != nil {
			return err
		}
		return done(c, list, "The key was revoked. Programs that use it are refused from now on.")
	}
}
