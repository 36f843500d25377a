package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// ledger is a table whose rows are never changed or removed, and are chained by hashes:
// a block covers rows of an organisation that follow each other, and the block before.
type ledger struct {
	one, many string // what its rows are called in messages
	reached   string // reads the place up to which all rows are in blocks
	reach     string // moves it on from where it was
	addBlock  string // writes a block of an organisation
	lastBlock string // reads the number and the hash of an organisation's last block
	blocks    string // reads an organisation's blocks after a number
	rows      string // reads rows after a place that fulfil a condition, which it has %s for
	scan      func(scanner) (link, error)
}

// link is a row of a ledger, as a block covers it.
type link struct {
	organizationID string
	place          place
	digest         [sha256.Size]byte
}

// digestOf covers texts, each with its length before it, and numbers.
func digestOf(texts []string, numbers []int64) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, text := range texts {
		writeNumber(h, int64(len(text)))
		_, _ = h.Write([]byte(text)) // a hash never fails
	}
	for _, n := range numbers {
		writeNumber(h, n)
	}
	h.Sum(sum[:0])
	return sum
}

func writeNumber(h hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = h.Write(b[:])
}

// block is what covers the rows of an organisation that follow each other.
type block struct {
	organizationID string
	number         int64 // 1, 2, 3 …
	last           place
	count          int64
	at             int64
	hash           []byte
}

// chained is a block that grows.
type chained struct {
	block
	h hash.Hash
}

// newChained begins the block that follows one with that hash.
func newChained(organizationID string, number int64, previous []byte) *chained {
	c := &chained{block: block{organizationID: organizationID, number: number}, h: sha256.New()}
	_, _ = c.h.Write(previous)
	writeNumber(c.h, number)
	return c
}

func (c *chained) add(l *link) {
	_, _ = c.h.Write(l.digest[:])
	c.count++
	c.last = l.place
}

// seal ends the block: its hash covers the block before, its rows and its time.
func (c *chained) seal(at int64) block {
	c.at = at
	writeNumber(c.h, c.count)
	writeNumber(c.h, at)
	c.hash = c.h.Sum(nil)
	return c.block
}

// maxSealed is how many rows one transaction chains.
const maxSealed = 5000

// read returns at most maxSealed rows of a ledger that come after a place and fulfil a
// condition, in order.
func (l *ledger) read(ctx context.Context, db *sql.DB, after place, condition string) (all []link, err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf(l.rows, condition), after.transaction, after.number, maxSealed)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		row, err := l.scan(rows)
		all = append(all, row)
		return err
	})
	return all, err
}

// end returns the place up to which all rows are in blocks.
func (l *ledger) end(ctx context.Context, db *sql.DB) (end place, err error) {
	err = db.QueryRowContext(ctx, l.reached).Scan(&end.transaction, &end.number)
	return end, err
}

// chain chains the rows of a ledger that are in no block yet, those of each organisation
// to its last block, and reports whether there may be more. Where two processes do so
// at the same time, one has done nothing.
func (s *Store) chain(ctx context.Context, l *ledger) (more bool, err error) {
	more, err = s.chainRows(ctx, l)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("chain the %s: %w", l.many, err)
	}
	return more, nil
}

func (s *Store) chainRows(ctx context.Context, l *ledger) (more bool, err error) {
	end, err := l.end(ctx, s.readers)
	if err != nil {
		return false, err
	}
	all, err := l.read(ctx, s.readers, end, s.connection.after("$1", "$2")+` AND `+s.connection.settled())
	if err != nil || len(all) == 0 {
		return false, err
	}
	blocks := make(map[string]*chained)
	for i := range all {
		row := &all[i]
		if blocks[row.organizationID] == nil {
			number, previous, err := s.lastBlock(ctx, l, row.organizationID)
			if err != nil {
				return false, err
			}
			blocks[row.organizationID] = newChained(row.organizationID, number+1, previous)
		}
		blocks[row.organizationID].add(row)
	}
	last := all[len(all)-1].place
	sealed := make([]block, 0, len(blocks))
	for _, c := range blocks {
		sealed = append(sealed, c.seal(s.now().UnixMilli()))
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, l.reach, last.transaction, last.number, end.transaction, end.number)
		if err := oneChanged(result, err); err != nil {
			return err
		}
		for _, b := range sealed {
			if _, err := conn.ExecContext(ctx, l.addBlock,
				b.organizationID, b.number, b.last.transaction, b.last.number, b.count, b.at, b.hash); err != nil {
				return err
			}
		}
		return nil
	})
	return len(all) == maxSealed, err
}

// lastBlock returns the number and the hash of an organisation's last block.
func (s *Store) lastBlock(ctx context.Context, l *ledger, organizationID string) (number int64, hash []byte, err error) {
	err = s.readers.QueryRowContext(ctx, l.lastBlock, organizationID).Scan(&number, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, nil, fmt.Errorf("read the last block: %w", err)
	}
	return number, hash, nil
}
