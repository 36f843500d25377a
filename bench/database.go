package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/postgrestest"
)

// database is where casehook keeps what it is measured with.
type database struct {
	name string
	// create makes an empty database, for casehook with that data directory, and
	// returns its URL.
	create func(ctx context.Context, data string) (url string, err error)
	// processor returns how long the database's own processes have used processors.
	processor func() (time.Duration, error)
	close     func() error
	// settle has the database do what it does by itself after much was written.
	settle func(ctx context.Context, db *sql.DB) error
	// driver opens what create has made, and size returns how large tables are, in MB.
	driver string
	size   func(ctx context.Context, db *sql.DB, tables ...string) (mb float64, err error)
}

// open opens a database beside casehook.
func (d *database) open(url string) (*sql.DB, error) {
	db, err := sql.Open(d.driver, strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return db, nil
}

func sqlite() *database {
	return &database{
		name: "SQLite",
		create: func(_ context.Context, data string) (string, error) {
			return "sqlite:" + filepath.Join(data, "casehook.db"), nil
		},
		processor: func() (time.Duration, error) { return 0, nil }, // it is in the server's process
		close:     func() error { return nil },
		settle:    func(context.Context, *sql.DB) error { return nil },
		driver:    "sqlite",
		size:      sizeInSQLite,
	}
}

func postgres() (*database, error) {
	// It tidies up each second, not each minute: a load takes seconds here, and not days.
	cluster, err := postgrestest.Launch("autovacuum_naptime = '1s'")
	if err != nil {
		return nil, err
	}
	return &database{
		name:   "PostgreSQL",
		create: func(ctx context.Context, _ string) (string, error) { return cluster.Create(ctx) },
		processor: func() (time.Duration, error) {
			pid, err := cluster.PID()
			if err != nil {
				return 0, err
			}
			return processorOfFamily(pid)
		},
		close: cluster.Remove,
		settle: func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, `VACUUM ANALYZE`)
			return err
		},
		driver: "pgx",
		size:   sizeInPostgres,
	}, nil
}

// processorOfFamily returns how long a process and its children, those that have
// ended too, have used processors.
func processorOfFamily(parent int) (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, path := range stats {
		stat, err := readStat(path)
		if os.IsNotExist(err) { // it has ended meanwhile
			continue
		}
		if err != nil {
			return 0, err
		}
		switch parent {
		case stat.pid:
			ticks += stat.used + stat.usedByEnded
		case stat.parent:
			ticks += stat.used
		}
	}
	return time.Duration(ticks) * tick, nil
}

// tick is the unit of times in /proc, a hundredth of a second (proc(5)).
const tick = 10 * time.Millisecond

// processStat is what /proc says of a process, in ticks.
type processStat struct {
	pid, parent int
	used        int64 // by the process
	usedByEnded int64 // by its children that have ended
}

func readStat(path string) (s processStat, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	// The name in parentheses may hold spaces. ppid is the 2nd field after it, utime,
	// stime, cutime and cstime are the 12th to 15th (proc(5)).
	line := string(text)
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	number := func(text string) int64 {
		n, failed := strconv.ParseInt(text, 10, 64)
		if failed != nil {
			err = fmt.Errorf("read %s: %w", path, failed)
		}
		return n
	}
	s.pid = int(number(line[:strings.IndexByte(line, ' ')]))
	s.parent = int(number(fields[1]))
	s.used = number(fields[11]) + number(fields[12])
	s.usedByEnded = number(fields[13]) + number(fields[14])
	return s, err
}
