package auth

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"alur/engine/fault"
)

const usage = `Usage:
  alur user create --email ann@example.com [--role root|admin|member] [--name "Ann Bauer"]
                   [--username ann] [--password-stdin]
  alur user reset  --email ann@example.com
  alur user list

create without --password-stdin prints an invitation link; reset prints a link
to set a new password.`

// Command is "alur user": what the operator of the server may do without
// signing in, args being what follows "user". base is the address that links
// begin with. It is the one way to make a second root and to help a root who
// forgot the password.
func (s *Store) Command(ctx context.Context, base string, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return fault.New(fault.Invalid, usage)
	}
	fs := flag.NewFlagSet("alur user "+args[0], flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var u NewUser
	fs.StringVar(&u.Email, "email", "", "")
	fs.StringVar(&u.Username, "username", "", "")
	fs.StringVar(&u.Nickname, "name", "", "")
	role := fs.String("role", string(Member), "")
	stdin := fs.Bool("password-stdin", false, "")
	if err := fs.Parse(args[1:]); err != nil || fs.NArg() > 0 {
		return fault.Wrap(fault.Invalid, usage, err)
	}
	u.Role = Role(*role)
	switch args[0] {
	case "create":
		return s.commandCreate(ctx, base, u, *stdin, in, out)
	case "reset":
		return s.commandReset(ctx, base, u, out)
	case "list":
		return s.commandList(ctx, out)
	}
	return fault.New(fault.Invalid, usage)
}

func (s *Store) commandCreate(ctx context.Context, base string, u NewUser, stdin bool, in io.Reader, out io.Writer) error {
	if !stdin {
		made, l, err := s.Invite(ctx, System, u, nil)
		if err != nil {
			return inWords(err)
		}
		_, err = fmt.Fprintf(out, "%s (%s) may now set a password, once, within 7 days:\n%s\n", made.Nickname, made.Role, base+l.Path())
		return err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password: %w", err)
	}
	if u.Password = strings.TrimRight(line, "\r\n"); u.Password == "" {
		return fault.New(fault.Invalid, "Write the password as the first line of the standard input.")
	}
	made, err := s.Create(ctx, System, u)
	if err != nil {
		return inWords(err)
	}
	_, err = fmt.Fprintf(out, "%s (%s) may now sign in.\n", made.Nickname, made.Role)
	return err
}

func (s *Store) commandReset(ctx context.Context, base string, in NewUser, out io.Writer) error {
	account := in.Email
	if account == "" {
		account = in.Username
	}
	id, _, err := s.byAccount(ctx, account)
	if err != nil {
		return err
	}
	if id == 0 {
		return fault.New(fault.NotFound, "Nobody active has this email address or user name. See: alur user list")
	}
	u, l, err := s.Reset(ctx, System, id, nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s was signed out everywhere and may set a password, once, until %s:\n%s\n",
		u.Nickname, l.ExpiresAt.Format("2006-01-02 15:04 UTC"), base+l.Path())
	return err
}

func (s *Store) commandList(ctx context.Context, out io.Writer) error {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tEMAIL\tUSER NAME\tROLE\tSTATE")
	for page, seen := 1, 0; ; page++ {
		users, total, err := s.List(ctx, System, Filter{Page: page, PageSize: 500})
		if err != nil {
			return err
		}
		for _, u := range users {
			state := "active"
			switch {
			case !u.Active:
				state = "deactivated"
			case !u.HasPassword:
				state = "invited"
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", u.Nickname, u.Email, u.Username, u.Role, state)
		}
		if seen += len(users); seen >= total || len(users) == 0 {
			return tw.Flush()
		}
	}
}

// inWords puts all problems of the fields into one sentence, for a terminal.
func inWords(err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) < 2 {
		return err
	}
	var all []string
	for _, field := range []string{"nickname", "username", "email", "role", "password", "timeZone"} {
		if msg := e.Fields[field]; msg != "" {
			all = append(all, msg)
		}
	}
	return fault.Wrap(e.Kind, strings.Join(all, " "), err)
}
