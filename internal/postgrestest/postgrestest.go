//go:build unix

// Package postgrestest gives tests a real PostgreSQL.
//
// Most tests want a database and nothing else:
//
//	dsn := postgrestest.DSN(t) // postgres://…, fresh and empty, dropped when the test ends
//
// The server behind it is started at the first call, from the machine's own initdb and pg_ctl, and
// serves the whole test binary; or it is the one that CASEHOOK_TEST_POSTGRES names. A test that
// stops or kills its server takes one of its own from [Start].
//
// A server started here listens only on a Unix socket in its temporary directory. It writes to the
// disk as a server in use does (fsync is on), and what connects to it is no superuser. Server and
// directory are gone when the test binary has ended, in whatever way it ended. Where PostgreSQL is
// missing, tests fail and say what to install.
package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Variable is the environment variable that names a running server for [DSN] to use: a
// postgres:// URL of a database that exists, and of a role that may create others.
const Variable = "CASEHOOK_TEST_POSTGRES"

// shared is the server behind DSN. Nothing here stops it: it ends with the test binary.
var shared = sync.OnceValues(func() (*Cluster, error) { return Launch() })

// DSN creates an empty database and returns its postgres:// URL. The role in it owns the database.
// The database is dropped, and whoever is still connected is cut off, when the test and its
// subtests are done.
func DSN(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		cluster, err := shared()
		if err != nil {
			tb.Fatalf("start PostgreSQL: %v", err)
		}
		server = cluster.url()
	}
	dsn, name, err := createDatabase(tb.Context(), server)
	if err != nil {
		tb.Fatalf("create a database: %v", err)
	}
	tb.Cleanup(func() {
		if err := dropDatabase(context.Background(), server, name); err != nil {
			tb.Errorf("drop the database: %v", err)
		}
	})
	return dsn
}

// createDatabase creates a database at the server that one of its databases' URLs names.
func createDatabase(ctx context.Context, server string) (dsn, name string, err error) {
	u, err := url.Parse(server)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return "", "", fmt.Errorf("%s is no postgres:// URL", Variable)
	}
	name = "casehook_" + strings.ToLower(rand.Text())
	if err := execute(ctx, server, "CREATE DATABASE "+name); err != nil {
		return "", "", err
	}
	u.Path = "/" + name
	return u.String(), name, nil
}

// dropDatabase drops a database, and cuts off who is connected to it. A process of the server
// itself, which cleans tables up, can be cut off by a superuser only; it is gone after a moment.
func dropDatabase(ctx context.Context, server, name string) error {
	const moments, moment = 300, 100 * time.Millisecond
	for i := 0; ; i++ {
		err := execute(ctx, server, "DROP DATABASE "+name+" WITH (FORCE)")
		refused, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || refused.Code != insufficientPrivilege || i == moments {
			return err
		}
		time.Sleep(moment)
	}
}

// insufficientPrivilege is in appendix A of PostgreSQL's manual.
const insufficientPrivilege = "42501"

// execute runs one statement over a connection of its own.
func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}
