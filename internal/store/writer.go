package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxBatch is how many jobs one transaction takes.
	maxBatch = 512
	// patience is how long a transaction may take with a database that others share,
	// before it counts as gone.
	patience = 15 * time.Second
)

// errClosed means that the store was closed.
var errClosed = errors.New("the store is closed")

// writer is the only one that writes. What arrives while it commits is the next
// transaction: requests that come together share one fsync.
type writer struct {
	*connection
	conn   *sql.Conn // only the writer's goroutine uses it; nil where there is none
	runner runner    // on conn

	// node is the name under which this process works on lanes; empty where it does
	// not. Only the writer's goroutine uses it.
	node   string
	former string // the name that was given up last
	lost   func() // called when node is given up; set before the first job

	health   func(endpointID string, closed bool) // called when it changes; set before the first job
	verdicts *verdicts                            // of the transaction under way

	insertReceipts, insertEntries *batch

	left chan struct{} // has a token when there are lanes that this process does not take
	jobs chan job
	done chan struct{} // closed when the goroutine has ended
	mu   sync.RWMutex  // protects shut, and jobs from being closed while somebody sends
	shut bool
}

// job is one thing to be written, with where to say how it went.
type job struct {
	changes []*change                              // of cases: committed with others, all or none
	outcome *outcome                               // of attempts: committed with others
	entries entryRows                              // of the audit: committed with others, or with the task
	task    func(context.Context, *sql.Conn) error // anything else: a transaction of its own
	after   func()                                 // called once the task is on disk, before anything else is written
	result  chan error
}

// lost returns the race that one of the changes lost, and with it all.
func (j job) lost() error {
	for _, c := range j.changes {
		if c.lost != nil {
			return c.lost
		}
	}
	return nil
}

func startWriter(ctx context.Context, c *connection) (*writer, error) {
	w := &writer{
		connection: c,
		lost:       func() {},
		health:     func(string, bool) {},

		insertReceipts: insertReceipts(c.dialect),
		insertEntries:  insertEntries(c.dialect),
		left:           make(chan struct{}, 1),
		jobs:           make(chan job, maxBatch),
		done:           make(chan struct{}),
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
	w.conn, w.runner = conn, w.dialect.runner(conn)
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
	return errors.Join(w.runner.close(), w.conn.Close())
}

// do has one job written, with the entry of the call that ctx is of, and waits for it.
// Once the job is taken it is seen through, whatever becomes of ctx: who asked must know
// whether it happened.
func (w *writer) do(ctx context.Context, j job) error {
	e := entryOf(ctx)
	if e == nil {
		return w.send(ctx, j)
	}
	e.carry(&j)
	err := w.send(ctx, j)
	e.written = err == nil
	return err
}

func (w *writer) send(ctx context.Context, j job) error {
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
	err := w.transaction(ctx, func(ctx context.Context, tx *transaction) error {
		if err := tx.begin(ctx); err != nil {
			return err
		}
		if err := j.task(ctx, w.conn); err != nil {
			return err
		}
		return tx.commit(ctx, w.entrySteps(j.entries)...)
	})
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

// commit writes a group of changes, outcomes and entries as one transaction, tells the
// outboxes, and answers. Who lost a race is told so, and the others are written
// without it.
func (w *writer) commit(ctx context.Context, group []job) {
	for len(group) > 0 {
		changes, outcomes, entries := contents(group)
		err := w.transaction(ctx, func(ctx context.Context, tx *transaction) error {
			return w.write(ctx, tx, changes, outcomes, entries)
		})
		if err != nil && !errors.Is(err, errLost) && len(group) > 1 && !w.gone(err) {
			// One that cannot be written does not take the others with it.
			for i := range group {
				w.commit(ctx, group[i:i+1])
			}
			return
		}
		group = slices.DeleteFunc(group, func(j job) bool {
			lost := j.lost()
			if lost != nil {
				j.result <- lost
			}
			return lost != nil
		})
		if errors.Is(err, errLost) {
			continue
		}
		if err == nil {
			w.tell(group)
		}
		for _, j := range group {
			j.result <- err
		}
		return
	}
}

// tell tells what is on disk to those who send.
func (w *writer) tell(group []job) {
	left := false
	for _, j := range group {
		for _, c := range j.changes {
			if c.handOver(w.node) {
				left = true
			}
		}
	}
	if left {
		select {
		case w.left <- struct{}{}:
		default: // they are about to be told
		}
	}
	for _, v := range w.verdicts.changed {
		w.health(v.endpointID, v.closed)
	}
	for _, j := range group {
		if j.outcome != nil {
			j.outcome.settled()
		}
	}
}

// contents returns the changes, the outcomes and the entries of a group.
func contents(group []job) (changes []*change, outcomes []*outcome, entries entryRows) {
	for _, j := range group {
		entries.addAll(j.entries)
		if j.outcome != nil {
			outcomes = append(outcomes, j.outcome)
		}
		for _, c := range j.changes {
			c.alone = len(j.changes) == 1
			changes = append(changes, c)
		}
	}
	return changes, outcomes, entries
}

// transaction is a transaction under way.
type transaction struct {
	w       *writer
	pending bool // its commit was asked for
}

// begin begins the transaction, and runs the first steps.
func (tx *transaction) begin(ctx context.Context, steps ...step) error {
	if err := tx.w.runner.run(ctx, tx.w.begin(), steps, ""); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	return nil
}

// run runs steps in the middle of the transaction.
func (tx *transaction) run(ctx context.Context, steps ...step) error {
	return tx.w.runner.run(ctx, "", steps, "")
}

// commit runs the last steps, and commits.
func (tx *transaction) commit(ctx context.Context, steps ...step) error {
	tx.pending = true
	if err := tx.w.runner.run(ctx, "", steps, `COMMIT`); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// transaction has f begin a transaction, write and commit; again where others were
// in the way, or the connection had broken while nobody used it.
func (w *writer) transaction(ctx context.Context, f func(context.Context, *transaction) error) error {
	for {
		kept := w.conn != nil
		pending, err := w.attempt(ctx, f)
		if err == nil || !w.passing(err) && !(kept && w.conn == nil && !pending) {
			return err
		}
	}
}

// attempt runs f once. Pending is whether a commit was asked for.
func (w *writer) attempt(ctx context.Context, f func(context.Context, *transaction) error) (pending bool, err error) {
	if !w.exclusive {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	if err := w.reach(ctx); err != nil {
		return false, err
	}
	tx := &transaction{w: w}
	if err := f(ctx, tx); err != nil {
		if _, rollback := w.conn.ExecContext(ctx, `ROLLBACK`); rollback != nil && !w.exclusive {
			w.drop()
		}
		if tx.pending {
			w.lose()
		}
		return tx.pending, err
	}
	return true, nil
}

// lose gives up the name of this process. It does not know what is on disk, and so
// not which lanes are its own.
func (w *writer) lose() {
	if w.node != "" {
		w.node, w.former = "", w.node
		w.lost()
	}
}
