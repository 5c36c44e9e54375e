package cmd

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"alur/engine/auth"
)

// user makes an account or helps one from the console, where the operator of
// the server stands above all roles: nobody else can make a second root, or let
// a root back in who forgot the password.
func (p *program) user(ctx context.Context) error {
	action := ""
	if len(p.args) > 0 {
		action, p.args = p.args[0], p.args[1:]
	}
	switch action {
	case "create":
		return p.userCreate(ctx)
	case "reset":
		return p.userReset(ctx)
	}
	return errors.New("“alur user” knows “create” and “reset”: alur user create --email anna@example.com --role root")
}

func (p *program) userCreate(ctx context.Context) error {
	in := auth.NewUser{}
	var role string
	c, rest, err := parseConfig("user create", p.args, p.env, p.err, func(flags *flag.FlagSet) {
		flags.StringVar(&in.Email, "email", "", "`address` to sign in with")
		flags.StringVar(&in.Nickname, "name", "", "`name` shown to others")
		flags.StringVar(&role, "role", "", "`role`: root, admin, member or one that you made; the default role when left out")
	})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("there is no use for %q here", rest[0])
	}
	in.Role = auth.Role(role)
	if in.Email == "" {
		return errors.New("say who it is with --email")
	}
	if in.Password, err = p.password(); err != nil {
		return err
	}
	a, err := p.openApp(ctx, c)
	if err != nil {
		return err
	}
	defer a.close()
	u, err := a.users.Create(ctx, auth.System, in)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "Made the account %s with role %s. Sign in at %s\n", u.Email, u.Role, c.BaseURL)
	return nil
}

// userReset prints a link to set a new password.
func (p *program) userReset(ctx context.Context) error {
	var account string
	c, rest, err := parseConfig("user reset", p.args, p.env, p.err, func(flags *flag.FlagSet) {
		flags.StringVar(&account, "email", "", "`address` (or user name) of the account")
	})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("there is no use for %q here", rest[0])
	}
	if account == "" {
		return errors.New("say who it is with --email")
	}
	a, err := p.openApp(ctx, c)
	if err != nil {
		return err
	}
	defer a.close()
	u, err := a.users.ByAccount(ctx, auth.System, account)
	if err != nil {
		return err
	}
	u, link, err := a.users.Reset(ctx, auth.System, u.ID, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s was signed out everywhere and sets a new password with this link, once, until %s:\n\n    %s\n",
		u.Nickname, link.ExpiresAt.Format("2006-01-02 15:04 UTC"), c.BaseURL+link.Path())
	return nil
}

// password is the new account's: from ALUR_PASSWORD or a line of standard input,
// never from the command line, which others on the machine can read.
func (p *program) password() (string, error) {
	if v := p.env("ALUR_PASSWORD"); v != "" {
		return v, nil
	}
	fmt.Fprint(p.err, "Password for the account: ")
	line, err := bufio.NewReader(p.in).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		if err == nil {
			err = errors.New("it is empty")
		}
		return "", fmt.Errorf("no password was read (%w): type it, pipe it in, or set ALUR_PASSWORD", err)
	}
	return line, nil
}
