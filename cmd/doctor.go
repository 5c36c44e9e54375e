package cmd

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"alur/engine"
	"alur/engine/audit"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/migrations"
)

// finding is what doctor says about one thing. Problem is what is wrong and what
// to do; Advice is worth a thought but stops nothing.
type finding struct {
	about, fine, problem, advice string
}

// doctor checks settings and machine.
func (p *program) doctor(ctx context.Context) error {
	c, _, err := parseConfig("doctor", p.args, p.env, p.err, nil)
	if err != nil {
		return err
	}
	bad := 0
	for _, check := range []func(context.Context, Config) finding{
		checkDirectory, checkPrograms, checkDatabase, checkAudit, checkWorkers, checkListen, checkAddress, checkMail, checkDisk,
	} {
		f := check(ctx, c)
		switch {
		case f.problem != "":
			bad++
			fmt.Fprintf(p.out, "✗ %s: %s\n", f.about, f.problem)
		case f.advice != "":
			fmt.Fprintf(p.out, "! %s: %s\n", f.about, f.advice)
		case f.fine != "":
			fmt.Fprintf(p.out, "✓ %s: %s\n", f.about, f.fine)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of the checks found something to mend", bad)
	}
	return nil
}

func checkDirectory(_ context.Context, c Config) finding {
	f := finding{about: "Data directory"}
	if _, err := secretKey(c); err != nil {
		f.problem = words(err)
		return f
	}
	f.fine = c.DataDir
	if c.SecretKey != "" {
		f.fine += " (the secret key is from SECRET_KEY)"
		return f
	}
	file := filepath.Join(c.DataDir, "secret.key")
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		f.problem = fmt.Sprintf("other users can read the secret key. Run: chmod 600 %s", file)
	}
	return f
}

func checkPrograms(_ context.Context, c Config) finding {
	f := finding{about: "PostgreSQL's programs"}
	if c.DatabaseURL != "" {
		return f
	}
	found, err := pg.ChoosePrograms(c.DataDir)
	if err != nil {
		f.problem = words(err)
		return f
	}
	f.fine = fmt.Sprintf("version %d in %s", found.Major, found.Bin)
	return f
}

func checkDatabase(ctx context.Context, c Config) finding {
	f := finding{about: "Database"}
	c.Connections = 8
	ctx, cancel := context.WithTimeout(ctx, 2*connectWithin)
	defer cancel()
	db, err := reachDatabase(ctx, c, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		f.problem = words(err)
		return f
	}
	defer db.close()
	var about struct {
		Version string `db:"version"`
		Number  int    `db:"number"`
		Super   bool   `db:"super"`
	}
	const ask = `SELECT current_setting('server_version') AS version,
		current_setting('server_version_num')::int AS number,
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super`
	if err := db.GetContext(ctx, &about, ask); err != nil {
		f.problem = words(err)
		return f
	}
	pending, err := migrations.Pending(ctx, db.Side().DB)
	switch {
	case about.Number < 140000:
		f.problem = fmt.Sprintf("PostgreSQL %s is too old; use 14 or later.", about.Version)
	case err != nil:
		f.problem = words(err)
	case pending > 0:
		f.advice = fmt.Sprintf("PostgreSQL %s; the next start, or “alur migrate”, brings it up to date (migrations to apply: %d).", about.Version, pending)
	case about.Super:
		f.advice = "alur works as a superuser there. Give it a role of its own that owns the database: CREATE ROLE alur LOGIN PASSWORD '…'; ALTER DATABASE … OWNER TO alur;"
	default:
		f.fine = fmt.Sprintf("PostgreSQL %s, up to date", about.Version)
	}
	return f
}

// checkAudit says, for a database that has an administrator, how to take the audit
// log away from the server's own role.
func checkAudit(ctx context.Context, c Config) finding {
	f := finding{about: "Audit log"}
	if c.DatabaseURL == "" {
		return f
	}
	c.Connections = 8
	ctx, cancel := context.WithTimeout(ctx, 2*connectWithin)
	defer cancel()
	db, err := reachDatabase(ctx, c, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return f // said already
	}
	defer db.close()
	var about struct {
		Role string `db:"role"`
		Owns bool   `db:"owns"`
	}
	const ask = `SELECT current_user AS role, pg_has_role(relowner, 'USAGE') AS owns FROM pg_class WHERE oid = to_regclass('alur.audit_log')`
	switch err := db.GetContext(ctx, &about, ask); {
	case errors.Is(err, sql.ErrNoRows): // not made yet
	case err != nil:
		f.problem = words(err)
	case about.Owns:
		f.advice = "only a trigger keeps its entries from being changed, and the role " + about.Role + " could drop that. " +
			"Take the table away from it, once, as a superuser of the database:\n" + audit.Protect(about.Role)
	default:
		f.fine = "the role " + about.Role + " can only add to it"
	}
	return f
}

// checkWorkers asks, for a server that runs nothing itself, whether somebody does.
func checkWorkers(ctx context.Context, c Config) finding {
	f := finding{about: "Workers"}
	if c.Worker {
		return f
	}
	c.Connections = 8
	ctx, cancel := context.WithTimeout(ctx, 2*connectWithin)
	defer cancel()
	db, err := reachDatabase(ctx, c, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return f // said already
	}
	defer db.close()
	if pending, err := migrations.Pending(ctx, db.Side().DB); err != nil || pending > 0 {
		return f // said already
	}
	n, err := queue.Workers(ctx, db)
	switch {
	case err != nil:
		f.problem = words(err)
	case n == 0:
		f.problem = "WORKER=off leaves the queue to others, and nobody works on this database. Start “alur worker” on it, or a server without WORKER=off."
	default:
		f.fine = fmt.Sprintf("WORKER=off; processes that work on this database: %d", n)
	}
	return f
}

func checkListen(ctx context.Context, c Config) finding {
	f := finding{about: "Address"}
	listener, err := net.Listen("tcp", c.Listen)
	if err == nil {
		listener.Close()
		f.fine = c.Listen + " is free"
		return f
	}
	if errors.Is(err, syscall.EADDRINUSE) && answersAsAlur(ctx, c.Listen) {
		f.fine = "alur answers on " + c.Listen
		return f
	}
	f.problem = fmt.Sprintf("alur cannot answer on %s (%v). Stop the program that uses the address, or choose another with LISTEN.", c.Listen, errors.Unwrap(err))
	return f
}

// answersAsAlur asks the program on listen whether it is one of ours.
func answersAsAlur(ctx context.Context, listen string) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+localAddress(listen)+"/healthz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 100))
	return res.StatusCode == http.StatusOK && string(body) == "ok\n"
}

func checkAddress(_ context.Context, c Config) finding {
	f := finding{about: "Address for people", fine: c.BaseURL}
	at, err := url.Parse(c.BaseURL)
	if err != nil {
		return f
	}
	local := at.Hostname() == "localhost" || isLoopback(at.Hostname())
	host, _, _ := net.SplitHostPort(c.Listen)
	switch {
	case local && host != "localhost" && !isLoopback(host):
		f.advice = fmt.Sprintf("mailed links will begin with %s, which works on this machine only. Set BASE_URL to the address that people use.", c.BaseURL)
	case !local && at.Scheme == "http":
		f.advice = "people reach this server without encryption. Put a proxy with a certificate before it and set BASE_URL to https://…"
	}
	return f
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func checkMail(ctx context.Context, c Config) finding {
	f := finding{about: "Mail"}
	if c.SMTPURL == "" {
		f.advice = "without SMTP_URL mails stay in the outbox, readable in the browser. That is fine for trying things out."
		return f
	}
	server, err := mail.ParseSMTP(c.SMTPURL, c.MailFrom)
	if err == nil {
		err = server.Check(ctx)
	}
	if err != nil {
		f.problem = strings.TrimRight(err.Error(), ".") + ". Check SMTP_URL."
		return f
	}
	f.fine = server.Server() + " answers"
	return f
}

func checkDisk(_ context.Context, c Config) finding {
	f := finding{about: "Disk"}
	free, dir, ok := c.disk()
	if !ok {
		return f
	}
	f.fine = fmt.Sprintf("%d GB free", free>>30)
	if free < engine.FewBytes {
		f.problem = fmt.Sprintf("only %d MB are free in %s. Make room: PostgreSQL stops when the disk is full.", free>>20, dir)
	}
	return f
}

// disk is how many bytes are free for the private PostgreSQL, and where; ok is
// false when the database is elsewhere.
func (c Config) disk() (free uint64, dir string, ok bool) {
	var st syscall.Statfs_t
	if c.DatabaseURL != "" || syscall.Statfs(c.DataDir, &st) != nil {
		return 0, "", false
	}
	return st.Bavail * uint64(st.Bsize), c.DataDir, true
}
