package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// maxBatch is how many jobs one transaction takes.
const maxBatch = 512

// errClosed means that the store was closed.
var errClosed = errors.New("the store is closed")

// writer is the only one that writes. What arrives while it commits is the next
// transaction: requests that come together share one fsync.
type writer struct {
	*connection
	conn *sql.Conn // only the writer's goroutine uses it; nil where there is none

	statements map[statement]*sql.Stmt // prepared on conn

	jobs chan job
	done chan struct{} // closed when the goroutine has ended
	mu   sync.RWMutex  // protects shut, and jobs from being closed while somebody sends
	shut bool
}

type statement struct {
	query *batch
	size  int
}

// job is one thing to be written, with where to say how it went.
type job struct {
	change  *change                                // of a case: committed with others
	outcome *outcome                               // of attempts: committed with others
	task    func(context.Context, *sql.Conn) error // anything else: a transaction of its own
	after   func()                                 // called once the task is on disk, before anything else is written
	result  chan error
}

func startWriter(ctx context.Context, c *connection) (*writer, error) {
	w := &writer{
		connection: c,
		jobs:       make(chan job, maxBatch),
		done:       make(chan struct{}),
	}
	if err := w.reach(ctx); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

// reach gets a connection, unless there is one.
func (w *writer) reach(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.writing.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	w.conn, w.statements = conn, make(map[statement]*sql.Stmt)
	return nil
}

// drop gives a connection up that has failed. The next transaction gets another.
func (w *writer) drop() {
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // it must not be used again
	_ = w.conn.Close()
	w.conn = nil
}

// close ends the goroutine once everything given to it is written.
func (w *writer) close() error {
	w.mu.Lock()
	w.shut = true
	close(w.jobs)
	w.mu.Unlock()
	<-w.done
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}

// do has one job written and waits for it. Once the job is taken it is seen
// through, whatever becomes of ctx: who asked must know whether it happened.
func (w *writer) do(ctx context.Context, j job) error {
	j.result = make(chan error, 1)
	w.mu.RLock()
	if w.shut {
		w.mu.RUnlock()
		return errClosed
	}
	select {
	case w.jobs <- j:
		w.mu.RUnlock()
		return <-j.result
	case <-ctx.Done():
		w.mu.RUnlock()
		return ctx.Err()
	}
}

// task runs f in a transaction of its own.
func (w *writer) task(ctx context.Context, f func(context.Context, *sql.Conn) error) error {
	return w.do(ctx, job{task: f})
}

func (w *writer) run() {
	defer close(w.done)
	ctx := context.Background() // a transaction that was begun is finished
	for first := range w.jobs {
		group := w.collect(first)
		for _, j := range group {
			if j.task != nil {
				j.result <- w.runTask(ctx, j)
			}
		}
		w.commit(ctx, slices.DeleteFunc(group, func(j job) bool { return j.task != nil }))
	}
}

// runTask runs a task in a transaction of its own.
func (w *writer) runTask(ctx context.Context, j job) error {
	err := w.transaction(ctx, func() error { return j.task(ctx, w.conn) })
	if err == nil && j.after != nil {
		j.after()
	}
	return err
}

// collect returns first and what else is waiting.
func (w *writer) collect(first job) []job {
	group := []job{first}
	for len(group) < maxBatch {
		select {
		case j, ok := <-w.jobs:
			if !ok {
				return group
			}
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// commit writes a group of changes and outcomes as one transaction, tells the
// outboxes, and answers. Who lost a race is told so, and the others are written
// without it.
func (w *writer) commit(ctx context.Context, group []job) {
	for len(group) > 0 {
		changes, outcomes := contents(group)
		err := w.transaction(ctx, func() error {
			if err := w.writeChanges(ctx, changes); err != nil {
				return err
			}
			return w.writeOutcomes(ctx, outcomes)
		})
		switch {
		case errors.Is(err, errLost):
			group = slices.DeleteFunc(group, func(j job) bool {
				lost := j.change != nil && j.change.lost != nil
				if lost {
					j.result <- j.change.lost
				}
				return lost
			})
			continue
		case err != nil && len(group) > 1 && !w.gone(err):
			// One that cannot be written does not take the others with it.
			for i := range group {
				w.commit(ctx, group[i:i+1])
			}
			return
		case err == nil:
			for _, c := range changes {
				c.handOver()
			}
			for _, o := range outcomes {
				o.settled()
			}
		}
		for _, j := range group {
			j.result <- err
		}
		return
	}
}

// contents returns the changes and the outcomes of a group.
func contents(group []job) (changes []*change, outcomes []*outcome) {
	for _, j := range group {
		if j.change != nil {
			changes = append(changes, j.change)
		} else {
			outcomes = append(outcomes, j.outcome)
		}
	}
	return changes, outcomes
}

// transaction runs f between BEGIN and COMMIT, again where others were in the way.
func (w *writer) transaction(ctx context.Context, f func() error) error {
	for {
		err := w.attempt(ctx, f)
		if err == nil || !w.passing(err) {
			return err
		}
	}
}

func (w *writer) attempt(ctx context.Context, f func() error) error {
	if err := w.reach(ctx); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(ctx, w.begin())
	if err != nil {
		if !w.exclusive {
			w.drop() // it broke while it was idle
		}
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err = f(); err == nil {
		if _, err = w.conn.ExecContext(ctx, `COMMIT`); err == nil {
			return nil
		}
		err = fmt.Errorf("commit: %w", err)
	}
	if _, rollback := w.conn.ExecContext(ctx, `ROLLBACK`); rollback != nil {
		w.drop()
	}
	return err
}

// batch is a statement over many rows at once, which it finds as the table u.
type batch struct {
	columns []string // of u
	text    string
	shares  string // the table whose rows must stay as they are until the transaction ends
}

// each runs q over the rows, and scan for every row that it returns. Where q
// returns none, scan is nil.
func (w *writer) each(ctx context.Context, q *batch, rows [][]any, scan func(*sql.Rows) error) error {
	for len(rows) > 0 {
		n, size := w.chunk(len(rows))
		stmt, err := w.prepare(ctx, q, size)
		if err != nil {
			return err
		}
		if err := run(ctx, stmt, w.arguments(q.columns, rows[:n]), scan); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func run(ctx context.Context, stmt *sql.Stmt, arguments []any, scan func(*sql.Rows) error) error {
	if scan == nil {
		_, err := stmt.ExecContext(ctx, arguments...)
		return err
	}
	rows, err := stmt.QueryContext(ctx, arguments...)
	if err != nil {
		return err
	}
	return scanAll(rows, scan)
}

// scanAll scans every row, and closes rows.
func scanAll(rows *sql.Rows, scan func(*sql.Rows) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// prepare returns the statement that runs q over a source of that size.
func (w *writer) prepare(ctx context.Context, q *batch, size int) (*sql.Stmt, error) {
	key := statement{query: q, size: size}
	if stmt, ok := w.statements[key]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, w.source(q.columns, size)+q.text+w.share(q.shares))
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	w.statements[key] = stmt
	return stmt, nil
}
