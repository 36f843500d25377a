//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Cluster is a PostgreSQL server with a data directory of its own. Its methods fail the test, so
// they are called from the test's goroutine.
type Cluster struct {
	bin        string              // the directory of initdb and pg_ctl
	dir        string              // holds the data, the log and the socket
	credential *syscall.Credential // who runs it; nil for the current user

	// While lifeline is open the warden waits; the kernel closes it when this process ends.
	warden   *exec.Cmd
	lifeline io.Closer
}

// wardenScript ends a cluster, given the directory of pg_ctl and the cluster's own. It runs as a
// process of its own, so that it outlives a test binary that was killed.
const wardenScript = `
trap '' HUP INT TERM
read -r _
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
rm -rf "$2"
`

// Start starts a server for tb alone, and stops and removes it when tb and its subtests are done.
// Settings are lines of postgresql.conf, such as "max_connections = 10".
func Start(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	c, err := Launch(settings...)
	if err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.Remove(); err != nil {
			tb.Errorf("remove PostgreSQL: %v", err)
		}
	})
	return c
}

// DSN creates an empty database and returns its postgres:// URL, which stays the same while the
// server is stopped and started. The database goes with the cluster.
func (c *Cluster) DSN(tb testing.TB) string {
	tb.Helper()
	dsn, err := c.Create(tb.Context())
	if err != nil {
		tb.Fatalf("create a database: %v", err)
	}
	return dsn
}

// Create is [Cluster.DSN] for what is no test.
func (c *Cluster) Create(ctx context.Context) (dsn string, err error) {
	dsn, _, err = createDatabase(ctx, c.url())
	return dsn, err
}

// PID returns the process id of the server, whose children are the processes that serve.
func (c *Cluster) PID() (int, error) {
	file, err := os.ReadFile(c.path("data/postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(file), "\n")
	return strconv.Atoi(first)
}

// Stop ends the server in good order: connections are cut off, transactions under way rolled back.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	if err := c.control("stop", "-m", "fast"); err != nil {
		tb.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Kill ends the server as a crash does: nothing is written any more, and the next Start recovers
// from the write-ahead log.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	if err := c.control("stop", "-m", "immediate"); err != nil {
		tb.Fatalf("kill PostgreSQL: %v", err)
	}
}

// Start starts the server again after Stop or Kill, and returns when it takes connections.
func (c *Cluster) Start(tb testing.TB) {
	tb.Helper()
	if err := c.start(); err != nil {
		tb.Fatalf("start PostgreSQL: %v", err)
	}
}

// Restart is Stop and Start.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	c.Stop(tb)
	c.Start(tb)
}

// Launch is [Start] for what is no test: whoever calls it calls [Cluster.Remove] in the end.
func Launch(settings ...string) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if c.credential, err = credential("postgres"); err != nil {
			return nil, err
		}
	}
	if c.dir, err = os.MkdirTemp("", "casehook-postgres-"); err != nil {
		return nil, err
	}
	if err := c.create(settings); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c, nil
}

// create fills the cluster's directory, once the warden is there to empty it again.
func (c *Cluster) create(settings []string) error {
	if c.credential != nil {
		if err := os.Chown(c.dir, int(c.credential.Uid), int(c.credential.Gid)); err != nil {
			return err
		}
	}
	if err := c.watch(); err != nil {
		return err
	}
	err := c.run("initdb", "-D", c.path("data"), "--no-sync", "--auth=trust", "--username=postgres",
		"--encoding=UTF8", "--no-locale")
	if err != nil {
		return err
	}
	settings = append([]string{
		"listen_addresses = ''",
		"unix_socket_directories = '" + strings.ReplaceAll(c.dir, "'", "''") + "'",
		"port = 5432",
		"max_connections = 200",
	}, settings...)
	if err := appendLines(c.path("data/postgresql.conf"), settings); err != nil {
		return err
	}
	if err := c.start(); err != nil {
		return err
	}
	return execute(context.Background(), c.urlOf("postgres"), "CREATE ROLE casehook LOGIN CREATEDB")
}

// watch starts the warden.
func (c *Cluster) watch() error {
	c.warden = c.command("/bin/sh", "-c", wardenScript, "sh", c.bin, c.dir)
	c.warden.SysProcAttr.Setsid = true // no terminal's Ctrl-C reaches it
	lifeline, err := c.warden.StdinPipe()
	if err != nil {
		return err
	}
	c.lifeline = lifeline
	return c.warden.Start()
}

// start starts the server; on failure the error ends with what the server logged.
func (c *Cluster) start() error {
	err := c.control("start", "-l", c.path("log"))
	if err != nil {
		log, _ := os.ReadFile(c.path("log"))
		return fmt.Errorf("%w\n%s", err, log)
	}
	return nil
}

// control runs pg_ctl and waits for its effect.
func (c *Cluster) control(mode string, args ...string) error {
	return c.run("pg_ctl", append([]string{mode, "-w", "-D", c.path("data")}, args...)...)
}

// run runs one of PostgreSQL's programs; on failure the error ends with what it printed.
func (c *Cluster) run(program string, args ...string) error {
	out, err := c.command(filepath.Join(c.bin, program), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// command prepares a program to run in the cluster's directory, as its owner, and untouched by the
// PG… variables of the caller's environment.
func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.credential}
	return cmd
}

// Remove stops the server and removes its directory. The warden does it, and is waited for.
func (c *Cluster) Remove() error {
	if c.lifeline != nil {
		c.lifeline.Close()
	}
	if c.warden != nil && c.warden.Process != nil {
		if err := c.warden.Wait(); err != nil {
			return fmt.Errorf("warden: %w", err)
		}
	}
	return os.RemoveAll(c.dir)
}

func (c *Cluster) path(name string) string {
	return filepath.Join(c.dir, name)
}

// url returns the URL of a database that is always there, as a role that may create others.
func (c *Cluster) url() string {
	return c.urlOf("casehook")
}

func (c *Cluster) urlOf(role string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(role),
		Path:     "/postgres",
		RawQuery: url.Values{"host": {c.dir}, "port": {"5432"}}.Encode(),
	}
	return u.String()
}

// binaries returns the directory of this machine's initdb and pg_ctl: the first in PATH, else the
// newest where the distributions put them.
func binaries() (string, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		slices.Reverse(found)
		dirs = append(dirs, found...)
	}
	return binariesIn(dirs)
}

func binariesIn(dirs []string) (string, error) {
	for _, dir := range dirs {
		_, initdb := exec.LookPath(filepath.Join(dir, "initdb"))
		_, control := exec.LookPath(filepath.Join(dir, "pg_ctl"))
		if initdb == nil && control == nil {
			return dir, nil
		}
	}
	return "", errors.New("no initdb and pg_ctl on this machine: install PostgreSQL's server " +
		"(Debian: apt-get install postgresql, macOS: brew install postgresql), " +
		"or set " + Variable + " to the postgres:// URL of one that runs")
}

// credential returns the user and group ids of the named user.
func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("who is to run PostgreSQL in root's place: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// appendLines adds lines to a file that exists, which keeps its owner.
func appendLines(file string, lines []string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}
