package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// readers is how many connections read beside the writer's.
const readers = 8

// connection is a database that was opened.
type connection struct {
	dialect
	writing   *sql.DB
	reading   *sql.DB
	exclusive bool            // nobody else has the database
	listen    *pgx.ConnConfig // how to hear of others; nil where there are none
	release   func() error    // after the pools are closed
}

// connect opens the database that url names.
func connect(ctx context.Context, url string) (*connection, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" {
		return connectSQLite(path)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return connectPostgres(ctx, url)
	}
	return nil, errors.New("the database must be sqlite:PATH or postgres://…")
}

// connectReader opens the database that url names to read it, beside whoever has it.
func connectReader(ctx context.Context, url string) (*connection, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return connect(ctx, url)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	reading, err := openSQLite(path, 1)
	if err != nil {
		return nil, err
	}
	return &connection{dialect: sqliteDialect{}, writing: reading, reading: reading, release: func() error { return nil }}, nil
}

func (c *connection) close() error {
	err := c.writing.Close()
	if c.reading != c.writing {
		err = errors.Join(err, c.reading.Close())
	}
	return errors.Join(err, c.release())
}

// What processes that share a database tell each other.
const (
	lanesDue         = "lanes"     // lanes wait that nobody works on
	endpointsChanged = "endpoints" // then the organisation
	deliveryCanceled = "canceled"  // then the endpoint, the lane and the delivery
	replayStopped    = "stopped"   // then the endpoint and the replay
	caseErased       = "erased"    // then the case
)

// Listener is told what other processes have done.
type Listener interface {
	// LanesDue says that there may be lanes to claim.
	LanesDue()
	// EndpointsChanged says that the endpoints of an organisation are not what they
	// were, or for "" that those of any may not be.
	EndpointsChanged(organizationID string)
	// DeliveryCanceled says that a delivery is not to be sent any more.
	DeliveryCanceled(endpointID, lane, deliveryID string)
	// ReplayStopped says that what a replay has put in line is not to be sent any more.
	ReplayStopped(endpointID, replayID string)
	// CaseErased says that nothing of a case is to be sent any more.
	CaseErased(caseID string)
}

// maxUnheard is for how long a process that heard nothing of the others finds out about
// cases that were erased: by then whatever it still has in memory was put back.
const maxUnheard = 24 * time.Hour

// Listen tells l what other processes do, until ctx is done. Where the database goes
// away it tells failed, and goes on when that is back.
func (s *Store) Listen(ctx context.Context, l Listener, failed func(error)) {
	if s.connection.listen == nil {
		<-ctx.Done()
		return
	}
	heard := func(message string) {
		kind, about, _ := strings.Cut(message, " ")
		named := strings.Fields(about)
		switch {
		case message == "":
			s.forgetAll()
			l.EndpointsChanged("")
			ids, err := s.erasedSince(ctx, s.now().Add(-maxUnheard))
			if err != nil {
				failed(err)
			}
			for _, id := range ids {
				s.cases.erase(id)
				l.CaseErased(id)
			}
			l.LanesDue()
		case kind == caseErased:
			s.cases.erase(about)
			l.CaseErased(about)
		case kind == endpointsChanged:
			s.forgetOrganization(about)
			l.EndpointsChanged(about)
		case kind == deliveryCanceled && len(named) == 3:
			l.DeliveryCanceled(named[0], named[1], named[2])
		case kind == replayStopped && len(named) == 2:
			l.ReplayStopped(named[0], named[1])
		default:
			l.LanesDue()
		}
	}
	var telling sync.WaitGroup
	telling.Go(func() { s.tellOthers(ctx, failed) })
	defer telling.Wait()
	for ctx.Err() == nil {
		if err := listen(ctx, s.connection.listen, heard); ctx.Err() == nil {
			failed(err)
		}
		sleep(ctx, time.Second)
	}
}

// tellOthers tells the other processes of lanes that this one does not take, until
// ctx is done.
func (s *Store) tellOthers(ctx context.Context, failed func(error)) {
	for {
		select {
		case <-s.writer.left:
		case <-ctx.Done():
			return
		}
		// Not in the transaction: those that tell something commit one after the other.
		if err := s.connection.notify(ctx, s.readers, lanesDue); err != nil && ctx.Err() == nil {
			failed(err)
		}
		sleep(ctx, 100*time.Millisecond) // they take all there is
	}
}

// sleep waits for a while, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
