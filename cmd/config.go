package cmd

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"alur/engine/attachment"
	"alur/engine/mail"
)

// Config is what the environment and the command line say, checked.
type Config struct {
	DatabaseURL string   // "" for a private PostgreSQL in DataDir
	Listen      string   // host:port
	BaseURL     string   // without a slash at the end
	Origins     []string // without a slash at the end; whose pages may use the API
	DataDir     string
	Files       string // place of the bytes of new files: attachment.OnDisk or InDatabase
	FileMB      int    // largest file that is taken
	SecretKey   string // "" for one that is kept in DataDir
	// SecretKeyBefore is what SecretKey was; "" when it was never changed.
	SecretKeyBefore string
	LogFormat       string // text or json
	LogLevel        slog.Level
	MetricsListen   string // host:port; "" for none
	SMTPURL         string // "" keeps mails in the outbox
	MailFrom        string
	Worker          bool // whether this process runs queue, timers and mails
	Attempts        int  // how often an execution is begun without moving on before it counts as broken
	Workers         int  // segments that run at the same time in this process
	MailWorkers     int  // mails that are sent at the same time
	ScriptWorkers   int  // scripts that run at the same time in processes of this one; 0: twice the processors
	Connections     int  // to the database, for work
	MaxNodes        int  // of one version of a workflow; 0: no limit
	WaitingDays     int  // that a person is waited for before it needs attention
	AdminEmail      string
	AdminPassword   string
}

// setting is one line of the table in the README.
type setting struct {
	env, normal, help string
	set               func(c *Config, value string) error // tells what is wrong, without the name
}

// flag is the name on the command line.
func (s setting) flag() string { return strings.ReplaceAll(strings.ToLower(s.env), "_", "-") }

var settings = []setting{
	{"DATABASE_URL", "", "database to use, `postgres://user:password@host/name`; empty: a private PostgreSQL in DATA_DIR", func(c *Config, v string) error {
		c.DatabaseURL = v
		return checkDatabaseURL(v)
	}},
	{"LISTEN", "127.0.0.1:8080", "address to answer on, `host:port`", func(c *Config, v string) error {
		c.Listen = v
		_, port, err := net.SplitHostPort(v)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
			return errors.New("must be host:port, as in 127.0.0.1:8080 or :8080")
		}
		return nil
	}},
	{"BASE_URL", "", "`address` that people reach this server at, used in mailed links; empty: http:// and LISTEN", func(c *Config, v string) error {
		c.BaseURL = strings.TrimRight(v, "/")
		return checkBaseURL(v)
	}},
	{"ALLOWED_ORIGINS", "", "`addresses` of other sites whose pages may use the API with a token, with commas between", func(c *Config, v string) error {
		c.Origins = nil
		for origin := range strings.SplitSeq(v, ",") {
			if origin = strings.TrimRight(strings.TrimSpace(origin), "/"); origin == "" {
				continue
			}
			if err := checkBaseURL(origin); err != nil {
				return errors.New("must be addresses of sites, as in https://shop.example.com,https://app.example.com")
			}
			c.Origins = append(c.Origins, origin)
		}
		return nil
	}},
	{"DATA_DIR", "./data", "`directory` for the private PostgreSQL, files and the secret key", func(c *Config, v string) error {
		c.DataDir = v
		if v == "" {
			return errors.New("must name a directory, as in ./data")
		}
		return nil
	}},
	{"FILES", attachment.OnDisk, "where files go that people add to records: `disk`, in DATA_DIR/files, or database", func(c *Config, v string) error {
		c.Files = v
		if v != attachment.OnDisk && v != attachment.InDatabase {
			return errors.New("must be disk or database")
		}
		return nil
	}},
	{"FILE_MB", "20", "largest file that people can add, `MB`", func(c *Config, v string) (err error) {
		c.FileMB, err = number(v, 1, 200)
		return err
	}},
	{"SECRET_KEY", "", "at least 32 `characters` that protect stored secrets; empty: made once and kept in DATA_DIR/secret.key", func(c *Config, v string) error {
		c.SecretKey = v
		if v != "" && len(v) < minSecret {
			return fmt.Errorf("must have at least %d characters; “openssl rand -hex 32” makes one", minSecret)
		}
		return nil
	}},
	{"SECRET_KEY_BEFORE", "", "the `characters` of SECRET_KEY before it was changed; needed for one start, which seals secrets anew", func(c *Config, v string) error {
		c.SecretKeyBefore = v
		return nil
	}},
	{"LOG_FORMAT", "text", "`format` of the log: text or json", func(c *Config, v string) error {
		c.LogFormat = v
		if v != "text" && v != "json" {
			return errors.New("must be text or json")
		}
		return nil
	}},
	{"LOG_LEVEL", "info", "least `level` of what is logged: debug, info, warn or error", func(c *Config, v string) error {
		if c.LogLevel.UnmarshalText([]byte(v)) != nil {
			return errors.New("must be debug, info, warn or error")
		}
		return nil
	}},
	{"METRICS_LISTEN", "", "address for /metrics, /healthz and /readyz without signing in, `host:port`; on loopback /debug/pprof too", func(c *Config, v string) error {
		c.MetricsListen = v
		_, port, err := net.SplitHostPort(v)
		if n, bad := strconv.ParseUint(port, 10, 16); v != "" && (err != nil || bad != nil || n > 65535) {
			return errors.New("must be host:port, as in 127.0.0.1:9090")
		}
		return nil
	}},
	{"SMTP_URL", "", "mail server, `smtp://user:password@host:587` or smtps://…; empty: mails stay in the outbox, readable in the browser", func(c *Config, v string) error {
		c.SMTPURL = v
		return nil // checked together with MAIL_FROM
	}},
	{"MAIL_FROM", "", "`address` that mails are sent from", func(c *Config, v string) error {
		c.MailFrom = v
		return nil
	}},
	{"WORKER", "on", "`on` or off: whether this process takes part in running workflows from the queue, timers and mails; off for servers that only answer requests", func(c *Config, v string) error {
		c.Worker = v == "on"
		if v != "on" && v != "off" {
			return errors.New("must be on or off")
		}
		return nil
	}},
	{"ATTEMPTS", "5", "`number` of times that a workflow run may die with its server at one step before it ends as an error", func(c *Config, v string) (err error) {
		c.Attempts, err = number(v, 1, 100)
		return err
	}},
	{"WORKFLOW_NODES_LIMIT", "0", "`number` of nodes that one workflow may have; 0: as many as people like", func(c *Config, v string) (err error) {
		c.MaxNodes, err = number(v, 0, 100_000)
		return err
	}},
	{"WORKERS", "4", "`number` of workflow steps that run at the same time in this process", func(c *Config, v string) (err error) {
		c.Workers, err = number(v, 1, 64)
		return err
	}},
	{"MAIL_WORKERS", "1", "`number` of mails that are sent at the same time by this process", func(c *Config, v string) (err error) {
		c.MailWorkers, err = number(v, 1, 16)
		return err
	}},
	{"SCRIPT_WORKERS", "0", "`number` of scripts that run at the same time, each in a process of its own; 0: twice the number of processors", func(c *Config, v string) (err error) {
		c.ScriptWorkers, err = number(v, 0, 256)
		return err
	}},
	{"CONNECTIONS", "20", "`number` of connections to the database; a few more serve for signals and locks", func(c *Config, v string) (err error) {
		c.Connections, err = number(v, 8, 500)
		return err
	}},
	{"WAITING_DAYS", "7", "`days` that a workflow waits for a person before “Needs attention” says so", func(c *Config, v string) (err error) {
		c.WaitingDays, err = number(v, 1, 365)
		return err
	}},
	{"ADMIN_EMAIL", "", "`email` of the first administrator, for starts without a setup page", func(c *Config, v string) error {
		c.AdminEmail = v
		return nil
	}},
	{"ADMIN_PASSWORD", "", "`password` of the first administrator", func(c *Config, v string) error {
		c.AdminPassword = v
		return nil
	}},
}

// minSecret is the shortest SECRET_KEY.
const minSecret = 32

// secretFlags are not offered on the command line, which every user of the
// machine can read.
var secretFlags = []string{"SECRET_KEY", "SECRET_KEY_BEFORE", "ADMIN_PASSWORD"}

// usageError is a wrong use of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// parseConfig reads the settings: the command line wins over the environment,
// which wins over what is normal. more adds a subcommand's own flags. It returns
// the arguments that are no flags.
func parseConfig(name string, args []string, env func(string) string, out io.Writer, more func(*flag.FlagSet)) (Config, []string, error) {
	flags := flag.NewFlagSet("alur "+name, flag.ContinueOnError)
	flags.SetOutput(out)
	values := map[string]*string{}
	for _, s := range settings {
		value := env(s.env)
		if value == "" {
			value = s.normal
		}
		values[s.env] = &value
		if !slices.Contains(secretFlags, s.env) {
			flags.StringVar(values[s.env], s.flag(), value, s.help+" ("+s.env+")")
			flags.Lookup(s.flag()).DefValue = s.normal // the environment may hold passwords
		}
	}
	if more != nil {
		more(flags)
	}
	if err := flags.Parse(args); err != nil {
		return Config{}, nil, usageError{err}
	}
	var c Config
	for _, s := range settings {
		if err := s.set(&c, *values[s.env]); err != nil {
			return Config{}, nil, fmt.Errorf("%s %w", s.env, err)
		}
	}
	if c.BaseURL == "" {
		c.BaseURL = "http://" + localAddress(c.Listen)
	}
	if c.SMTPURL != "" {
		if _, err := mail.ParseSMTP(c.SMTPURL, c.MailFrom); err != nil {
			return Config{}, nil, err
		}
	}
	if (c.AdminEmail == "") != (c.AdminPassword == "") {
		return Config{}, nil, errors.New("ADMIN_EMAIL and ADMIN_PASSWORD go together: set both, or none for a setup page")
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return Config{}, nil, fmt.Errorf("DATA_DIR cannot be resolved: %w", err)
	}
	c.DataDir = dir
	return c, flags.Args(), nil
}

// localAddress is where this machine reaches listen.
func localAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func checkDatabaseURL(v string) error {
	if v == "" {
		return nil
	}
	// An error of url.Parse would repeat the password.
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || strings.Trim(u.Path, "/") == "" {
		return errors.New("must look like postgres://user:password@host/name, with special characters in the password as %XX")
	}
	return nil
}

func checkBaseURL(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("must be the address of the server's first page, as in https://alur.example.com")
	}
	return nil
}

func number(v string, low, high int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("must be a number from %d to %d", low, high)
	}
	return n, nil
}

// environment reads the process's environment.
func environment(name string) string { return strings.TrimSpace(os.Getenv(name)) }
