package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
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

func (c *connection) close() error {
	err := c.writing.Close()
	if c.reading != c.writing {
		err = errors.Join(err, c.reading.Close())
	}
	return errors.Join(err, c.release())
}

// What processes that share a database tell each other.
const (
	lanesDue         = "lanes"      // lanes wait that nobody works on
	endpointsChanged = "endpoints " // before the organisation
)

// Listener is told what other processes have done.
type Listener interface {
	// LanesDue says that there may be lanes to claim.
	LanesDue()
	// EndpointsChanged says that the endpoints of an organisation are not what they
	// were, or for "" that those of any may not be.
	EndpointsChanged(organizationID string)
}

// Listen tells l what other processes do, until ctx is done. Where the database goes
// away it tells failed, and goes on when that is back.
func (s *Store) Listen(ctx context.Context, l Listener, failed func(error)) {
	if s.connection.listen == nil {
		<-ctx.Done()
		return
	}
	heard := func(message string) {
		organizationID, changed := strings.CutPrefix(message, endpointsChanged)
		switch {
		case message == "":
			s.forgetAll()
			l.EndpointsChanged("")
			l.LanesDue()
		case changed:
			s.forgetOrganization(organizationID)
			l.EndpointsChanged(organizationID)
		default:
			l.LanesDue()
		}
	}
	for ctx.Err() == nil {
		if err := listen(ctx, s.connection.listen, heard); ctx.Err() == nil {
			failed(err)
		}
		pause(ctx)
	}
}

// pause waits a moment before a connection is tried again.
func pause(ctx context.Context) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
