//go:build unix

package postgrestest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// victim, where set in the environment, makes this test binary start a server, print where it is,
// and wait to be killed.
const victim = "POSTGRESTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) == "" {
		os.Exit(m.Run())
	}
	cluster, err := Launch()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(cluster.dir)
	fmt.Println(cluster.url())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestEachDatabaseIsFreshAndEmpty(t *testing.T) {
	first := connect(t, DSN(t))
	run(t, first, "CREATE TABLE cases (id TEXT)")

	second := connect(t, DSN(t))
	require.Equal(t, int64(0), count(t, second, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
	require.Equal(t, int64(1), count(t, first, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
}

func TestDatabaseIsDroppedWhenItsTestEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		server func(*testing.T) string
	}{
		{"at the binary's own server", func(*testing.T) string { return "" }},
		{"at a server that runs already", func(t *testing.T) string { return Start(t).url() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(Variable, test.server(t))
			var dsn string
			t.Run("a test", func(t *testing.T) {
				dsn = DSN(t)
				connect(t, dsn)
			})
			_, err := pgx.Connect(t.Context(), dsn)
			var refused *pgconn.PgError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "3D000", refused.Code, "invalid_catalog_name")
		})
	}
}

func TestServerIsLikeOneInUse(t *testing.T) {
	conn := connect(t, Start(t).DSN(t))
	for _, test := range []struct{ name, query, want string }{
		{"writes reach the disk", "SHOW fsync", "on"},
		{"a commit waits for its write", "SHOW synchronous_commit", "on"},
		{"no port is open", "SHOW listen_addresses", ""},
		{"the role is no superuser", "SHOW is_superuser", "off"},
		{"text is UTF-8", "SHOW server_encoding", "UTF8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got string
			require.NoError(t, conn.QueryRow(t.Context(), test.query).Scan(&got))
			require.Equal(t, test.want, got)
		})
	}
}

func TestSettingsAreThoseOfTheCaller(t *testing.T) {
	conn := connect(t, Start(t, "max_connections = 17").DSN(t))
	require.Equal(t, int64(17), count(t, conn, "SELECT current_setting('max_connections')::bigint"))
}

func TestWhatWasCommittedIsThereAfter(t *testing.T) {
	cluster := Start(t)
	dsn := cluster.DSN(t)
	run(t, connect(t, dsn), "CREATE TABLE events (sequence BIGINT)")

	for i, test := range []struct {
		name string
		down func(testing.TB)
	}{
		{"stop and start", func(tb testing.TB) { cluster.Stop(tb); cluster.Start(tb) }},
		{"restart", cluster.Restart},
		{"kill and start", func(tb testing.TB) { cluster.Kill(tb); cluster.Start(tb) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := connect(t, dsn)
			run(t, before, "INSERT INTO events VALUES (1)")
			test.down(t)
			require.Error(t, before.Ping(t.Context()), "a connection from before")
			require.Equal(t, int64(i+1), count(t, connect(t, dsn), "SELECT count(*) FROM events"))
		})
	}
}

func TestStoppedServerTakesNoConnection(t *testing.T) {
	cluster := Start(t)
	dsn := cluster.DSN(t)
	cluster.Stop(t)
	_, err := pgx.Connect(t.Context(), dsn)
	require.Error(t, err)
}

func TestNothingIsLeftOfAKilledTestBinary(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan())
	dir := lines.Text()
	require.True(t, lines.Scan())
	conn := connect(t, lines.Text())

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	_, err = conn.WaitForNotification(t.Context())
	require.Error(t, err, "the server ends, and with it the connection")
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, fs.ErrNotExist)
	}, time.Minute, 10*time.Millisecond, "the directory goes after it")
}

func TestMissingPostgreSQLIsNamed(t *testing.T) {
	_, err := binariesIn([]string{t.TempDir()})
	require.ErrorContains(t, err, "apt-get install postgresql")
	require.ErrorContains(t, err, Variable)
}

func TestFirstDirectoryWithTheBinariesIsTaken(t *testing.T) {
	empty, half, whole := t.TempDir(), t.TempDir(), t.TempDir()
	for _, file := range []string{half + "/pg_ctl", whole + "/pg_ctl", whole + "/initdb"} {
		require.NoError(t, os.WriteFile(file, nil, 0o755))
	}
	got, err := binariesIn([]string{empty, half, whole})
	require.NoError(t, err)
	require.Equal(t, whole, got)
}

func TestErrorShowsNoPassword(t *testing.T) {
	for _, server := range []string{
		"host=localhost password=opensesame",
		"postgres://casehook:opensesame@127.0.0.1:1/postgres",
	} {
		_, _, err := createDatabase(t.Context(), server)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "opensesame")
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement)
	require.NoError(t, err)
}

func count(t *testing.T, conn *pgx.Conn, query string) int64 {
	t.Helper()
	var n int64
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return n
}
