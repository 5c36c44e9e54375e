package auth

import (
	"context"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/fault"
)

// User is a person who may sign in, or may once their invitation is used.
type User struct {
	ID          int64      `db:"id"`
	Nickname    string     `db:"nickname"`      // 1 to 100 characters; what others see
	Username    string     `db:"username"`      // "" for none; unique whatever the case
	Email       string     `db:"email"`         // "" for none; unique whatever the case. One of the two is set
	Role        Role       `db:"role"`          // the own one: in it programs act unless they ask for another
	Active      bool       `db:"active"`        // false: may not sign in and has no session
	HasPassword bool       `db:"has_password"`  // false: invited, has not come yet
	TimeZone    string     `db:"time_zone"`     // IANA name; "" for the server's
	LastLoginAt *time.Time `db:"last_login_at"` // UTC; nil: never
	CreatedAt   time.Time  `db:"created_at"`
	UpdatedAt   time.Time  `db:"updated_at"`

	More pq.StringArray `db:"more_roles"` // further roles, see Roles
}

// Roles lists the roles of u, the own one first.
func (u User) Roles() []Role {
	roles := []Role{u.Role}
	for _, m := range u.More {
		if r := Role(m); r != u.Role {
			roles = append(roles, r)
		}
	}
	return roles
}

func (u User) has(role Role) bool { return slices.Contains(u.Roles(), role) }

// Actor returns u as the one who asks, with what their own role allows as it
// comes; see [Store.ActorOf] for roles that people made or changed.
func (u User) Actor() Actor {
	return Actor{UserID: u.ID, Role: u.Role, Name: u.Nickname, Email: u.Email, Zone: u.TimeZone}
}

// Actor returns the active person with this id as an actor in one of their roles,
// or in all together (Union), with the rights that it has now: for work that goes
// on in their name without a session. Who has the role no more is Forbidden.
func (s *Store) Actor(ctx context.Context, id int64, role Role) (Actor, error) {
	u, err := s.user(ctx, s.DB, id)
	if err == nil && !u.Active {
		err = errNoUser
	}
	if err != nil {
		return Actor{}, err
	}
	if role == Union {
		return s.ActorOf(ctx, u)
	}
	if !slices.Contains(u.Roles(), role) {
		return Actor{}, fault.New(fault.Forbidden, "The person who began this no longer has the role that they began it in.")
	}
	b, err := s.fresh(ctx)
	if err != nil {
		return Actor{}, err
	}
	shared, err := s.sharedBy(ctx, id)
	return u.in(b, []Role{role}, shared), err
}

// NewUser is a person to be created.
type NewUser struct {
	ID       int64  // 0: a new one
	Nickname string // "": taken from Email or Username
	Username string
	Email    string
	Role     Role   // "": the default role. Root only by the operator
	More     []Role // further roles
	Password string // "": set by the person through a link
	TimeZone string
}

// Change says what to change of a user; nil leaves a field as it is.
type Change struct {
	Nickname *string
	Username *string
	Email    *string
	Role     *Role
	More     *[]Role // all further roles
	Password *string // of somebody else; for one's own see Store.ChangePassword
	TimeZone *string
}

var usernameForm = regexp.MustCompile(`^[^@<>"'/]{1,50}$`)

// tidy trims u and fills in what follows from the rest.
func (u NewUser) tidy() NewUser {
	u.Nickname, u.Username, u.Email = strings.TrimSpace(u.Nickname), strings.TrimSpace(u.Username), strings.TrimSpace(u.Email)
	if u.Nickname == "" {
		u.Nickname = u.Username
	}
	if u.Nickname == "" {
		u.Nickname, _, _ = strings.Cut(u.Email, "@")
	}
	return u
}

// problems returns what is wrong with u, by field.
func (u NewUser) problems() map[string]string {
	p := map[string]string{}
	if msg := nicknameProblem(u.Nickname); msg != "" {
		p["nickname"] = msg
	}
	if msg := usernameProblem(u.Username); msg != "" {
		p["username"] = msg
	}
	if msg := emailProblem(u.Email); msg != "" {
		p["email"] = msg
	}
	if u.ID < 0 || u.ID >= 1<<53 {
		p["id"] = "Choose a number from 1 to 9007199254740991, or leave it out."
	}
	if u.Email == "" && u.Username == "" {
		p["email"] = "Enter an email address or a user name to sign in with."
	}
	if u.Password != "" {
		if msg := passwordProblem(u.Password, u.own()...); msg != "" {
			p["password"] = msg
		}
	}
	if u.TimeZone != "" && !knownZone(u.TimeZone) {
		p["timeZone"] = "Choose a time zone from the list."
	}
	return p
}

// own returns what a password of this person must not be.
func (u NewUser) own() []string { return ownWords(u.Nickname, u.Username, u.Email) }

func ownWords(nickname, username, email string) []string {
	local, domain, _ := strings.Cut(email, "@")
	return []string{nickname, strings.ReplaceAll(nickname, " ", ""), username, email, local, domain}
}

func nicknameProblem(s string) string {
	if n := utf8.RuneCountInString(s); n == 0 || n > 100 || hasControl(s) {
		return "Enter a name of 1 to 100 characters."
	}
	return ""
}

func usernameProblem(s string) string {
	if s != "" && (!usernameForm.MatchString(s) || hasControl(s)) {
		return `Enter up to 50 characters without @ < > " ' and /.`
	}
	return ""
}

func emailProblem(s string) string {
	if s == "" {
		return ""
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || hasControl(s) {
		return "Write the address like name@example.com."
	}
	return ""
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

var (
	errNoUser   = fault.New(fault.NotFound, "There is no such person.")
	errRoot     = fault.New(fault.Forbidden, "Only the person themself can change a root account.")
	errLastRoot = fault.New(fault.Conflict, "This is the last root account. Make another one first: alur user create --role root.")
	errSelf     = fault.New(fault.Forbidden, "You cannot do this to your own account. Ask another administrator.")
)
