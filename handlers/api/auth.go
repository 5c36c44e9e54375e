package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
)

// Router registers routes with the right that each needs; 0 is for everybody.
// handlers.Group is one.
type Router interface {
	GET(path string, need auth.Right, h echo.HandlerFunc)
	POST(path string, need auth.Right, h echo.HandlerFunc)
}

// public is the need of a route that anybody may call.
const public auth.Right = 0

// timeForm is how times stand in JSON.
const timeForm = "2006-01-02T15:04:05.000Z"

// Auth signs programs in and out.
type Auth struct {
	Store   *auth.Store
	Session func(c echo.Context) auth.Session // of who asks
	Client  func(c echo.Context) auth.Client
}

// Routes registers the actions of the resource auth.
func (h *Auth) Routes(r Router) {
	r.POST(`/api/auth\:signIn`, public, h.signIn)
	r.POST(`/api/auth\:signUp`, public, h.signUp)
	r.GET(`/api/auth\:check`, auth.UseRecords, h.check)
	r.POST(`/api/auth\:check`, auth.UseRecords, h.check)
	r.POST(`/api/auth\:signOut`, auth.UseRecords, h.signOut)
	r.POST(`/api/auth\:changePassword`, auth.UseRecords, h.changePassword)
}

// signUp refuses everybody: people are invited.
func (h *Auth) signUp(echo.Context) error {
	return fault.New(fault.Forbidden, "Nobody signs up here. Ask an administrator for an invitation.")
}

// signIn answers {"data": {"user", "token"}}. The token goes into the header
// "Authorization: Bearer" of later requests; it is read from nowhere else.
func (h *Auth) signIn(c echo.Context) error {
	var in struct{ Account, Email, Password string }
	if err := read(c, &in); err != nil {
		return err
	}
	account := in.Account
	if account == "" {
		account = in.Email
	}
	if strings.TrimSpace(account) == "" {
		return fault.Fields(map[string]string{"account": "Send an email address or user name as “account”."})
	}
	token, u, err := h.Store.SignIn(c.Request().Context(), auth.API, account, in.Password, h.Client(c))
	if err != nil {
		return limited(c, err)
	}
	return data(c, map[string]any{"user": userJSON(u), "token": token})
}

// limited answers 429 when err says that there were too many tries; other
// errors it returns.
func limited(c echo.Context, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != "TOO_MANY_TRIES" {
		return err
	}
	c.Response().Header().Set("Retry-After", "60")
	return c.JSON(http.StatusTooManyRequests, map[string]any{"errors": []map[string]string{{"message": f.Msg, "code": f.Code}}})
}

// check answers {"data": user}, and 401 with the reason in "code" when the
// token opens nothing.
func (h *Auth) check(c echo.Context) error {
	a := h.Session(c).Actor
	u, err := h.Store.Get(c.Request().Context(), a, a.UserID)
	if err != nil {
		return err
	}
	return data(c, userJSON(u))
}

func (h *Auth) signOut(c echo.Context) error {
	if err := h.Store.SignOut(c.Request().Context(), h.Session(c)); err != nil {
		return err
	}
	return data(c, nil)
}

// changePassword ends the other sessions of who asks. A wrong old password is
// 401, two different new ones are 400.
func (h *Auth) changePassword(c echo.Context) error {
	var in struct {
		OldPassword, NewPassword string
		ConfirmPassword          *string
	}
	if err := read(c, &in); err != nil {
		return err
	}
	if in.ConfirmPassword != nil && *in.ConfirmPassword != in.NewPassword {
		return fault.Fields(map[string]string{"confirmPassword": "The two new passwords differ. Send the same twice."})
	}
	s := h.Session(c)
	err := h.Store.ChangePassword(c.Request().Context(), s.Actor, s, in.OldPassword, in.NewPassword, h.Client(c))
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == "WRONG_PASSWORD" {
		return &fault.Error{Kind: fault.Unsigned, Code: f.Code, Msg: f.Msg}
	}
	if err != nil {
		return limited(c, err)
	}
	return data(c, nil)
}

// userJSON is a person as clients know one: with a list of roles.
func userJSON(u auth.User) map[string]any {
	return map[string]any{
		"id": u.ID, "nickname": u.Nickname, "username": orNull(u.Username), "email": orNull(u.Email),
		"active": u.Active, "role": u.Role, "roles": rolesJSON(u), "timeZone": orNull(u.TimeZone),
		"lastLoginAt": timeJSON(u.LastLoginAt), "createdAt": timeJSON(&u.CreatedAt), "updatedAt": timeJSON(&u.UpdatedAt),
	}
}

func rolesJSON(u auth.User) []map[string]any {
	var list []map[string]any
	for i, r := range u.Roles() {
		list = append(list, map[string]any{"name": r, "rolesUsers": map[string]any{"default": i == 0}})
	}
	return list
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeJSON(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format(timeForm)
}

// read reads the body, one JSON object; an empty body is an empty object.
func read(c echo.Context, into any) error {
	raw, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err // of the body limit, or nobody there any more
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err := shallow(raw); err != nil {
		return err
	}
	err = json.Unmarshal(raw, into)
	if err == nil {
		return bounded(raw)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.Wrap(fault.Invalid, fmt.Sprintf("“%s” cannot be a %s here.", wrong.Field, wrong.Value), err)
	}
	return fault.Wrap(fault.Invalid, "The body is not a JSON object. Send one with Content-Type: application/json.", err)
}

// data answers {"data": value}.
func data(c echo.Context, value any) error {
	return c.JSON(http.StatusOK, map[string]any{"data": value})
}
