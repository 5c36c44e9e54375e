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

// user makes an account from the console, where the operator of the server
// stands above all roles.
func (p *program) user(ctx context.Context) error {
	if len(p.args) == 0 || p.args[0] != "create" {
		return errors.New("“alur user” knows “create”: alur user create --email anna@example.com --role root")
	}
	p.args = p.args[1:]
	in := auth.NewUser{}
	var role string
	c, rest, err := parseConfig("user create", p.args, p.env, p.err, func(flags *flag.FlagSet) {
		flags.StringVar(&in.Email, "email", "", "`address` to sign in with")
		flags.StringVar(&in.Nickname, "name", "", "`name` shown to others")
		flags.StringVar(&role, "role", string(auth.Member), "`role`: root, admin or member")
	})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("there is no use for %q here", rest[0])
	}
	if in.Role = auth.Role(role); !in.Role.Valid() {
		return errors.New("--role must be root, admin or member")
	}
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
