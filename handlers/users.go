package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/views"
)

// usersPage is how many people a page of the list shows.
const usersPage = 50

// users lets managers invite people and change what they may do.
type users struct {
	server *Server
	store  *auth.Store
	outbox *mail.Outbox
}

// Routes registers the pages about people.
func (h *users) Routes(g *Group) {
	g.GET("/users", auth.ManageUsers, h.list)
	g.GET("/users/new", auth.ManageUsers, h.blank)
	g.POST("/users", auth.ManageUsers, h.invite)
	g.GET("/users/:id", auth.ManageUsers, h.show)
	g.POST("/users/:id", auth.ManageUsers, h.update)
	g.GET("/users/:id/link", auth.ManageUsers, h.askLink)
	g.POST("/users/:id/link", auth.ManageUsers, h.link)
	g.GET("/users/:id/deactivate", auth.ManageUsers, h.askDeactivate)
	g.POST("/users/:id/deactivate", auth.ManageUsers, h.deactivate)
	g.POST("/users/:id/reactivate", auth.ManageUsers, h.reactivate)
	g.GET("/users/:id/delete", auth.ManageUsers, h.askRemove)
	g.POST("/users/:id/delete", auth.ManageUsers, h.remove)
}

func (h *users) list(c echo.Context) error {
	f := auth.Filter{Query: c.QueryParam("q"), Role: auth.Role(c.QueryParam("role")), PageSize: usersPage}
	f.Page, _ = strconv.Atoi(c.QueryParam("page"))
	f.Page = min(max(f.Page, 1), 1_000_000)
	people, total, err := h.store.List(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	roles, err := h.store.Roles(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	above, err := h.store.Above(c.Request().Context(), actor(c), people)
	if err != nil {
		return err
	}
	vm := views.Users{Query: f.Query, Roles: roleFilter(roles, f.Role), Pager: usersPager(f, len(people), total), Tabs: peopleTabs(c, "/users")}
	for _, u := range people {
		vm.Rows = append(vm.Rows, userRow(c, u, roles, above))
	}
	return render(c, http.StatusOK, views.UsersPage(vm), nil)
}

func usersPager(f auth.Filter, shown, total int) views.Pager {
	address := func(page int) string {
		q := url.Values{}
		for k, v := range map[string]string{"q": f.Query, "role": string(f.Role)} {
			if v != "" {
				q.Set(k, v)
			}
		}
		q.Set("page", strconv.Itoa(page))
		return "/users?" + q.Encode()
	}
	first := (f.Page-1)*usersPage + 1
	p := views.Pager{Text: fmt.Sprintf("%d–%d of %s", first, first+shown-1, views.Int(total))}
	if f.Page > 1 {
		p.Prev = address(f.Page - 1)
	}
	if first+shown-1 < total {
		p.Next = address(f.Page + 1)
	}
	return p
}

func roleFilter(roles []auth.RoleDefinition, chosen auth.Role) []views.Option {
	options := []views.Option{{Text: "Any role", Selected: chosen == ""}}
	for _, d := range roles {
		options = append(options, views.Option{Value: string(d.Name), Text: d.Title, Selected: d.Name == chosen})
	}
	return options
}

// roleTitles words the roles of a person.
func roleTitles(u auth.User, roles []auth.RoleDefinition) string {
	var titles []string
	for _, d := range roles {
		if slices.Contains(u.Roles(), d.Name) {
			titles = append(titles, d.Title)
		}
	}
	return strings.Join(titles, ", ")
}

// userRow words a person; above are those whom the reader may not change.
func userRow(c echo.Context, u auth.User, roles []auth.RoleDefinition, above map[int64]bool) views.UserRow {
	r := views.UserRow{
		ID: views.ID(u.ID), Name: u.Nickname, Account: account(u), Role: roleTitles(u, roles),
		State: views.Completed, StateWord: "Active", LastSeen: views.Moment{Text: "never"},
		Self: u.ID == actor(c).UserID, Locked: above[u.ID],
	}
	switch {
	case !u.Active:
		r.State, r.StateWord = views.Cancelled, "Deactivated"
	case !u.HasPassword:
		r.State, r.StateWord = views.Waiting, "Invited"
	}
	if u.LastLoginAt != nil {
		w := words(c)
		r.LastSeen = w.Moment(*u.LastLoginAt, w.Ago(*u.LastLoginAt))
	}
	return r
}

func (h *users) blank(c echo.Context) error {
	roles, err := h.store.Roles(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	var chosen []auth.Role
	for _, d := range roles {
		if d.Default {
			chosen = []auth.Role{d.Name}
		}
	}
	return render(c, http.StatusOK, views.InvitePage(views.UserForm{Roles: roleChoices(roles, chosen)}), nil)
}

// roleChoices are the roles that a person may be given, and those that they have.
func roleChoices(roles []auth.RoleDefinition, chosen []auth.Role) []views.Option {
	var options []views.Option
	for _, d := range roles {
		o := views.Option{Value: string(d.Name), Text: d.Title, Help: d.Description, Selected: slices.Contains(chosen, d.Name)}
		if d.Name == auth.Root && !o.Selected {
			continue
		}
		if d.Above && !o.Selected {
			o.Disabled, o.Help = true, "May do more than you, so you cannot give it."
		}
		options = append(options, o)
	}
	return options
}

// formRoles are the roles that a form chose, the old own one first when it stays.
func formRoles(form url.Values, old auth.Role) (role auth.Role, more []auth.Role) {
	var all []auth.Role
	for _, r := range form["role"] {
		if name := auth.Role(r); name == old {
			all = slices.Insert(all, 0, name)
		} else {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return all[0], all[1:]
}

func (h *users) invite(c echo.Context) error {
	in := auth.NewUser{
		Nickname: c.FormValue("nickname"), Email: c.FormValue("email"), Username: c.FormValue("username"),
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	in.Role, in.More = formRoles(form, "")
	u, l, err := h.store.Invite(c.Request().Context(), actor(c), in, h.deliver(c))
	if f := classify(err); fault.Is(err, fault.Invalid) {
		roles, err := h.store.Roles(c.Request().Context(), actor(c))
		if err != nil {
			return err
		}
		vm := views.UserForm{Nickname: in.Nickname, Email: in.Email, Username: in.Username, Problems: f.Fields,
			Roles: roleChoices(roles, append(in.More, in.Role))}
		return render(c, http.StatusUnprocessableEntity, views.InvitePage(vm), nil)
	}
	if err != nil {
		return err
	}
	return h.showOnce(c, http.StatusCreated, u, l)
}

// showOnce answers a POST with the page that holds a new link. There is no
// redirect: the link is kept nowhere it could be shown from later.
func (h *users) showOnce(c echo.Context, status int, u auth.User, l auth.Link) error {
	vm := views.AccessLink{
		Title: "Invitation for " + u.Nickname, URL: h.server.BaseURL + l.Path(), Until: words(c).When(l.ExpiresAt),
		Mailed: u.Email, MailOut: h.server.MailSent,
	}
	if l.Purpose == auth.ForReset {
		vm.Title = "Password link for " + u.Nickname
	}
	return render(c, status, views.AccessLinkPage(vm), nil)
}

// deliver mails new links to who has an address, through the outbox.
func (h *users) deliver(c echo.Context) auth.Deliver {
	sender := actor(c).Name
	w := words(c)
	return func(ctx context.Context, tx *pg.Tx, u auth.User, l auth.Link) error {
		if u.Email == "" {
			return nil
		}
		m, err := accessMail(h.server.BaseURL, sender, w, u, l)
		if err != nil {
			return err
		}
		_, err = h.outbox.Enqueue(ctx, tx, m)
		return err
	}
}

// accessMail is the mail that brings a one-time link.
func accessMail(base, sender string, w views.Words, u auth.User, l auth.Link) (mail.Message, error) {
	subject, button := "Set a new password", "Set a new password"
	letter := mail.Letter{
		Intro: sender + " made this link for you", Title: "A new password for " + account(u),
		Note: "The link works once. Who did not ask for it need not do anything: the old password stays until the link is used.",
	}
	if l.Purpose == auth.ForInvite {
		subject, button = sender+" invites you to Alur", "Accept the invitation"
		letter = mail.Letter{
			Intro: sender + " invites you", Title: "Welcome to Alur, " + u.Nickname,
			Summary: "Choose a password, and you are in. You sign in with " + account(u) + ".",
			Note:    "The link works once.",
		}
	}
	letter.Due = "Until " + w.Exact(l.ExpiresAt)
	letter.Buttons = []mail.Button{{Label: button, URL: base + l.Path()}}
	plain, rich, err := letter.Render()
	return mail.Message{ToName: u.Nickname, ToAddress: u.Email, Subject: subject, Text: plain, HTML: rich}, err
}

// find returns the person that the address names.
func (h *users) find(c echo.Context) (auth.User, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return auth.User{}, fault.New(fault.NotFound, "There is no such person.")
	}
	return h.store.Get(c.Request().Context(), actor(c), id)
}

func (h *users) show(c echo.Context) error {
	u, err := h.find(c)
	if err != nil {
		return err
	}
	return h.page(c, http.StatusOK, u, u.Roles(), views.UserForm{Nickname: u.Nickname, Email: u.Email, Username: u.Username})
}

// page shows a person with what a form holds and the roles that it chose.
func (h *users) page(c echo.Context, status int, u auth.User, chosen []auth.Role, form views.UserForm) error {
	ctx, a, w := c.Request().Context(), actor(c), words(c)
	roles, err := h.store.Roles(ctx, a)
	if err != nil {
		return err
	}
	may, err := h.mayDo(ctx, u)
	if err != nil {
		return err
	}
	above, err := h.store.Above(ctx, a, []auth.User{u})
	if err != nil {
		return err
	}
	vm := views.User{Row: userRow(c, u, roles, above), Form: form, May: may}
	if !slices.Contains(u.Roles(), auth.Root) {
		vm.Form.Roles = roleChoices(roles, chosen)
	}
	switch {
	case vm.Row.Locked && slices.Contains(u.Roles(), auth.Root):
		vm.Why = u.Nickname + " owns this server. Only they themself can change this account."
	case vm.Row.Locked:
		vm.Why = u.Nickname + " may do more than you. Ask somebody with at least the same rights."
	}
	vm.Facts = []views.Fact{
		{Name: "State", Value: vm.Row.StateWord},
		{Name: "Last sign-in", Value: vm.Row.LastSeen.Text},
		{Name: "Added", Value: w.When(u.CreatedAt)},
	}
	return render(c, status, views.UserPage(vm), nil)
}

// mayDo says what a person may do, with all of their roles together.
func (h *users) mayDo(ctx context.Context, u auth.User) ([]string, error) {
	a, err := h.store.ActorOf(ctx, u)
	if err != nil {
		return nil, err
	}
	all, err := h.server.Records.Collections(ctx)
	if err != nil {
		return nil, err
	}
	return rightsWords(a, all), nil
}

func (h *users) update(c echo.Context) error {
	u, err := h.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	value := func(name string) *string {
		if !form.Has(name) {
			return nil
		}
		v := form.Get(name)
		return &v
	}
	change := auth.Change{Nickname: value("nickname"), Email: value("email"), Username: value("username")}
	chosen := u.Roles()
	if form.Has("role") {
		role, more := formRoles(form, u.Role)
		chosen = append([]auth.Role{role}, more...)
		change.Role, change.More = &role, &more
	}
	changed, err := h.store.Update(c.Request().Context(), actor(c), u.ID, change)
	if f := classify(err); fault.Is(err, fault.Invalid) {
		typed := views.UserForm{Nickname: form.Get("nickname"), Email: form.Get("email"), Username: form.Get("username"), Problems: f.Fields}
		return h.page(c, http.StatusUnprocessableEntity, u, chosen, typed)
	}
	if err != nil {
		return err
	}
	return done(c, "/users", changed.Nickname+" was saved.")
}

// confirm asks before something is done to a person.
func (h *users) confirm(c echo.Context, word func(u auth.User) views.Confirm) error {
	u, err := h.find(c)
	if err != nil {
		return err
	}
	vm := word(u)
	vm.Action, vm.Back = c.Request().URL.Path, "/users/"+views.ID(u.ID)
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *users) askLink(c echo.Context) error {
	return h.confirm(c, func(u auth.User) views.Confirm {
		if !u.HasPassword {
			return views.Confirm{Title: "New invitation link", Do: "Make link", Calm: true,
				Text: u.Nickname + " gets a new link. The one before stops working."}
		}
		return views.Confirm{Title: "New password link", Do: "Make link", Calm: true,
			Text: u.Nickname + " gets a link to set a new password, and is signed out everywhere now. The old password works until the link is used."}
	})
}

func (h *users) link(c echo.Context) error {
	u, err := h.find(c)
	if err != nil {
		return err
	}
	u, l, err := h.store.Reset(c.Request().Context(), actor(c), u.ID, h.deliver(c))
	if err != nil {
		return err
	}
	return h.showOnce(c, http.StatusCreated, u, l)
}

func (h *users) askDeactivate(c echo.Context) error {
	return h.confirm(c, func(u auth.User) views.Confirm {
		return views.Confirm{Title: "Deactivate " + u.Nickname, Do: "Deactivate account",
			Text: u.Nickname + " is signed out everywhere at once and cannot sign in any more. Records and history stay. You can reactivate the account later."}
	})
}

func (h *users) deactivate(c echo.Context) error {
	return h.act(c, h.store.Deactivate, "was deactivated and signed out.")
}

func (h *users) reactivate(c echo.Context) error {
	return h.act(c, h.store.Reactivate, "may sign in again.")
}

// act does something to a person and returns to the list.
func (h *users) act(c echo.Context, do func(context.Context, auth.Actor, int64) (auth.User, error), what string) error {
	u, err := h.find(c)
	if err != nil {
		return err
	}
	if u, err = do(c.Request().Context(), actor(c), u.ID); err != nil {
		return err
	}
	return done(c, "/users", u.Nickname+" "+what)
}

func (h *users) askRemove(c echo.Context) error {
	return h.confirm(c, func(u auth.User) views.Confirm {
		return views.Confirm{Title: "Delete " + u.Nickname, Do: "Delete account",
			Text: "The account of " + u.Nickname + " is gone for good. Who has had tasks can only be deactivated."}
	})
}

func (h *users) remove(c echo.Context) error {
	u, err := h.find(c)
	if err != nil {
		return err
	}
	if err := h.store.Delete(c.Request().Context(), actor(c), u.ID); err != nil {
		return err
	}
	return done(c, "/users", u.Nickname+" was deleted.")
}
