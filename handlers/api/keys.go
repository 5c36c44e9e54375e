package api

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// Keys lets people make keys for their programs.
type Keys struct {
	Store   *auth.Store
	Session func(c echo.Context) auth.Session
	Rows    RowLister
}

// Routes registers the resource apiKeys.
func (h *Keys) Routes(r Router) {
	r.GET(`/api/apiKeys\:list`, auth.UseRecords, h.list)
	r.POST(`/api/apiKeys\:list`, auth.UseRecords, h.list)
	r.POST(`/api/apiKeys\:create`, auth.UseRecords, h.create)
	for _, key := range []string{"", "/:id"} {
		r.GET(`/api/apiKeys\:get`+key, auth.UseRecords, h.get)
		r.POST(`/api/apiKeys\:destroy`+key, auth.UseRecords, h.destroy)
	}
}

func keyJSON(k auth.APIKey) map[string]any {
	return map[string]any{
		"id": k.ID, "name": k.Name, "roleName": string(k.Role), "role": map[string]any{"name": k.Role}, "hint": k.Hint, "createdById": k.UserID,
		"createdAt": timeJSON(&k.CreatedAt), "expiresAt": timeJSON(k.ExpiresAt), "lastUsedAt": timeJSON(k.UsedAt), "lastUsedIp": orNull(k.UsedIP),
	}
}

// create answers {"data": {"token"}}: the only time that the token is shown.
func (h *Keys) create(c echo.Context) error {
	var in struct {
		Name      string
		Role      *roleName
		ExpiresIn json.RawMessage // "30d", 30 or "never"
	}
	if err := read(c, &in); err != nil {
		return err
	}
	var life string
	if json.Unmarshal(in.ExpiresIn, &life) != nil && len(in.ExpiresIn) > 0 {
		life = string(in.ExpiresIn)
	}
	token, k, err := h.Store.CreateKey(c.Request().Context(), h.Session(c), in.Name, auth.Role(value(in.Role)), life)
	if err != nil {
		return err
	}
	out := keyJSON(k)
	out["token"] = token
	return data(c, out)
}

// keyTypes are the members of an API key.
var keyTypes = map[string]string{"id": collection.BigInt, "name": collection.String, "roleName": collection.String, "hint": collection.String,
	"createdById": collection.BigInt, "createdAt": collection.Datetime, "expiresAt": collection.Datetime, "lastUsedAt": collection.Datetime,
	"lastUsedIp": collection.String}

// list answers the own keys that still open something, the newest first.
func (h *Keys) list(c echo.Context) error {
	keys, err := h.own(c)
	if err != nil {
		return err
	}
	rows := collection.Rows{Title: "API keys", Types: keyTypes}
	for _, k := range keys {
		rows.List = append(rows.List, keyJSON(k))
	}
	return h.Rows.answer(c, rows)
}

func (h *Keys) own(c echo.Context) ([]auth.APIKey, error) {
	all, err := h.Store.Keys(c.Request().Context(), h.Session(c).Actor, false)
	var keys []auth.APIKey
	for _, k := range all {
		if k.RevokedAt == nil {
			keys = append(keys, k)
		}
	}
	return keys, err
}

func keyID(c echo.Context) int64 {
	key := keyOf(c, "id")
	id, _ := strconv.ParseInt(key, 10, 64)
	return id
}

func (h *Keys) get(c echo.Context) error {
	keys, err := h.own(c)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.ID == keyID(c) {
			return data(c, keyJSON(k))
		}
	}
	return data(c, nil)
}

func (h *Keys) destroy(c echo.Context) error {
	id := keyID(c)
	if id == 0 {
		return fault.New(fault.Invalid, fmt.Sprintf("Say which API key with filterByTk; “%s” is none.", c.QueryParam("filterByTk")))
	}
	if err := h.Store.RevokeKey(c.Request().Context(), h.Session(c).Actor, id); err != nil {
		return err
	}
	return data(c, 1)
}
