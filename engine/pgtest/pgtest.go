package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"alur/engine/pg"
	"alur/migrations"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// conns is how many connections a test's database gets.
const conns = 16

// urls knows the address of every open test database.
var urls sync.Map // *pg.DB to string

// New returns a fresh, migrated database that is dropped at the end of the test.
func New(t testing.TB) *pg.DB {
	t.Helper()
	return Open(t, NewURL(t))
}

// Open connects to a database for the length of the test.
func Open(t testing.TB, url string) *pg.DB {
	t.Helper()
	db, err := pg.Open(t.Context(), url, conns)
	if err != nil {
		t.Fatalf("open the test database: %v", err)
	}
	urls.Store(db, url)
	t.Cleanup(func() {
		urls.Delete(db)
		db.Close()
	})
	return db
}

// URL returns the address of a database that came from [New].
func URL(t testing.TB, db *pg.DB) string {
	t.Helper()
	url, ok := urls.Load(db)
	if !ok {
		t.Fatal("this database is not from pgtest.New")
	}
	return url.(string)
}

// Admin connects to a database that came from [New] as the superuser of the test
// cluster, for what an administrator of a company's database would do.
func Admin(t testing.TB, db *pg.DB) *sqlx.DB {
	t.Helper()
	at, err := url.Parse(URL(t, db))
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.User("postgres")
	admin, err := sqlx.ConnectContext(t.Context(), "postgres", at.String())
	if err != nil {
		t.Fatalf("connect as superuser: %v", err)
	}
	t.Cleanup(func() { admin.Close() })
	return admin
}

// NewURL returns the address of a fresh, migrated database that is dropped at
// the end of the test. Its role owns the database and is no superuser.
func NewURL(t testing.TB) string {
	t.Helper()
	return create(t, template)
}

// NewEmptyURL is [NewURL] without migrations.
func NewEmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, func(context.Context, *cluster) (string, error) { return "template1", nil })
}

var made atomic.Int64

func create(t testing.TB, from func(context.Context, *cluster) (string, error)) string {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL for tests: %v", err)
	}
	source, err := from(t.Context(), c)
	if err != nil {
		t.Fatalf("prepare a test database: %v", err)
	}
	name := fmt.Sprintf("t%d_%d", c.process, made.Add(1))
	if _, err := c.admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" OWNER alur TEMPLATE "+pq.QuoteIdentifier(source)); err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		// Not t.Context, which has ended by now.
		if _, err := c.admin.ExecContext(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	return address(c.dir, "alur", name)
}

// template returns the name of the migrated database that tests copy, and makes
// it when this cluster does not have it yet. A lock lets one process do it.
func template(ctx context.Context, c *cluster) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.template != "" {
		return c.template, nil
	}
	name := "template_" + migrations.Hash()
	conn, err := c.admin.Connx(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(1)"); err != nil {
		return "", err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(1)")
	var there bool
	if err := conn.GetContext(ctx, &there, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name); err != nil {
		return "", err
	}
	if !there {
		if err := migrate(ctx, c, conn, name); err != nil {
			return "", err
		}
	}
	c.template = name
	return name, nil
}

func migrate(ctx context.Context, c *cluster, conn *sqlx.Conn, name string) error {
	const draft = "template_draft"
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)", "CREATE DATABASE " + draft + " OWNER alur"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	db, err := sqlx.ConnectContext(ctx, "postgres", address(c.dir, "alur", draft))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := migrations.Up(ctx, db.DB); err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
	return err
}

func address(dir, role, database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()}).String()
}
