package handlers

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"alur/views"
)

// Names of our cookies.
const (
	sessionCookie = "alur"
	flashCookie   = "alur-flash"
)

// cookieName adds the prefix that makes browsers refuse a cookie set by a
// neighbor domain or over plain http. They accept it only over https.
func (s *Server) cookieName(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

func (s *Server) cookie(name, value string) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/",
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	}
}

// setSession signs the browser in until expires.
func setSession(c echo.Context, token string, expires time.Time) {
	cookie := server(c).cookie(sessionCookie, token)
	cookie.Expires = expires
	c.SetCookie(cookie)
}

// clearSession forgets the session in the browser; the caller ends it in the
// database.
func clearSession(c echo.Context) {
	cookie := server(c).cookie(sessionCookie, "")
	cookie.MaxAge = -1
	c.SetCookie(cookie)
}

// sessionToken is the token of the browser's session, "" when there is none.
func sessionToken(c echo.Context) string {
	cookie, err := c.Cookie(server(c).cookieName(sessionCookie))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// maxFlash keeps a notice far below what browsers store in a cookie.
const maxFlash = 500

// setFlash keeps a notice for the next page. It lives in a cookie: a row would
// have to be deleted by a GET.
func setFlash(c echo.Context, n views.Notice) {
	n.Text = views.Clip(n.Text, maxFlash)
	text, err := json.Marshal(n)
	if err != nil {
		return
	}
	cookie := server(c).cookie(flashCookie, base64.RawURLEncoding.EncodeToString(text))
	cookie.MaxAge = 60
	c.SetCookie(cookie)
}

// takeFlash returns the notice of the last request and forgets it; nil when
// there is none.
func takeFlash(c echo.Context) *views.Notice {
	cookie, err := c.Cookie(server(c).cookieName(flashCookie))
	if err != nil {
		return nil
	}
	gone := server(c).cookie(flashCookie, "")
	gone.MaxAge = -1
	c.SetCookie(gone)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return nil
	}
	var n views.Notice
	if json.Unmarshal(text, &n) != nil || n.Text == "" || len(n.Text) > 4*maxFlash {
		return nil
	}
	switch n.State {
	case views.Completed, views.Waiting, views.Error:
	default:
		n.State = views.Completed
	}
	return &n
}
