package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// Receipt says who was told what of whom: the outcome of a delivery.
type Receipt struct {
	Position   int64 // among all receipts
	DeliveryID string
	EventID    string
	EventType  caseupdate.Event
	CaseID     string
	EndpointID string
	Recipient  string // the URL of the endpoint at that time, without its query
	Outcome    State  // Delivered, Failed or Canceled
	Attempts   int    // that were made
	StatusCode int    // of the last; 0 where there was no answer
	Clearance  subscription.Clearance
	BodySHA256 []byte // of what was sent last; nil where nothing was
	At         time.Time
	Digest     [sha256.Size]byte // of all this as it is kept; what a block of the chain covers
}

// receiptRow is a receipt as it is kept.
type receiptRow struct {
	Receipt
	organizationID string
	transaction    int64
	sealed         []byte // the recipient
}

// insertReceipts writes receipts, once the deliveries are as they are to be: not of what
// waits, unless that was delivered before; and what was given up meanwhile, and was not
// delivered, was canceled.
func insertReceipts(d dialect) *batch {
	return over(`organization_id text, delivery_id text, event_id text, event_type text, case_id text, endpoint_id text, recipient bytea, outcome text, attempts bigint, status_code bigint, phi bigint, restricted bigint, body_sha256 bytea, at bigint`, `
		INSERT INTO receipts (transaction_id, organization_id, delivery_id, event_id, event_type, case_id, endpoint_id, recipient, outcome, attempts, status_code, phi, restricted, body_sha256, at)
		SELECT `+d.transaction()+`, u.organization_id, u.delivery_id, u.event_id, u.event_type, u.case_id, u.endpoint_id, u.recipient,
			CASE WHEN u.outcome = 'delivered' OR u.outcome = deliveries.state THEN u.outcome ELSE 'canceled' END,
			u.attempts, u.status_code, u.phi, u.restricted, u.body_sha256, u.at
		FROM u
		LEFT JOIN deliveries ON deliveries.id = u.delivery_id
		WHERE u.outcome = 'delivered' OR deliveries.state IS DISTINCT FROM 'pending'
		ON CONFLICT DO NOTHING`)
}

// receiptStep writes a receipt of each outcome that ends a delivery, or comes after its
// end, unless there is one.
func (w *writer) receiptStep(outcomes []*outcome) step {
	var rows [][]any
	for _, o := range outcomes {
		a, m := o.Attempt, o.Message
		if a == nil {
			continue
		}
		rows = append(rows, []any{m.OrganizationID, m.DeliveryID, m.Event.ID, string(m.Event.Type()), m.Event.CaseID, m.EndpointID,
			o.recipient, string(o.State), int64(a.Number), orNull(int64(a.StatusCode)), number(o.Clearance.PHI), number(o.Clearance.Restricted),
			a.BodySHA256, a.StartedAt.Add(a.Duration).UnixMilli()})
	}
	return step{batch: w.insertReceipts, rows: rows}
}

// sealRecipient returns a recipient as a receipt keeps it; nil for "".
func (s *Store) sealRecipient(ctx context.Context, organizationID, deliveryID string, attempts int, recipient string) ([]byte, error) {
	if recipient == "" {
		return nil, nil
	}
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	sealed, err := org.key.Seal([]byte(recipient), receiptPlace(deliveryID, attempts))
	if err != nil {
		return nil, fmt.Errorf("seal a receipt of delivery %s: %w", deliveryID, err)
	}
	return sealed, nil
}

func receiptPlace(deliveryID string, attempts int) vault.Where {
	return vault.Where{Table: "receipts", Row: fmt.Sprintf("%s %d", deliveryID, attempts), Column: "recipient"}
}

const selectReceipts = `
	SELECT position, transaction_id, organization_id, delivery_id, event_id, event_type, case_id, endpoint_id, recipient, outcome, attempts, status_code, phi, restricted, body_sha256, at
	FROM receipts`

func scanReceipt(row scanner) (r receiptRow, err error) {
	var status sql.NullInt64
	var phi, restricted, milliseconds int64
	err = row.Scan(&r.Position, &r.transaction, &r.organizationID, &r.DeliveryID, &r.EventID, &r.EventType, &r.CaseID, &r.EndpointID,
		&r.sealed, &r.Outcome, &r.Attempts, &status, &phi, &restricted, &r.BodySHA256, &milliseconds)
	r.StatusCode = int(status.Int64)
	r.Clearance = subscription.Clearance{PHI: phi == 1, Restricted: restricted == 1}
	r.At = at(milliseconds)
	r.Digest = r.digest()
	return r, err
}

// digest covers each column of the receipt, with its length before it.
func (r *receiptRow) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, text := range []string{r.organizationID, r.DeliveryID, r.EventID, string(r.EventType), r.CaseID, r.EndpointID, string(r.sealed), string(r.Outcome), string(r.BodySHA256)} {
		writeNumber(h, int64(len(text)))
		_, _ = h.Write([]byte(text)) // a hash never fails
	}
	for _, n := range []int64{r.transaction, r.Position, int64(r.Attempts), int64(r.StatusCode), number(r.Clearance.PHI), number(r.Clearance.Restricted), r.At.UnixMilli()} {
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

// CaseReceipts returns at most limit receipts of a case that come after a position, the
// oldest first. The error is ErrNotFound where the organisation has no such case.
func (s *Store) CaseReceipts(ctx context.Context, organizationID, caseID string, after int64, limit int) ([]Receipt, error) {
	if _, _, err := s.Case(ctx, organizationID, caseID, 0); err != nil {
		return nil, err
	}
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	rows, err := s.readers.QueryContext(ctx, selectReceipts+`
	WHERE case_id = $1 AND position > $2
	ORDER BY position
	LIMIT $3`, caseID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the receipts of case %s: %w", caseID, err)
	}
	var receipts []Receipt
	err = scanAll(rows, func(rows *sql.Rows) error {
		r, err := scanReceipt(rows)
		if err != nil {
			return err
		}
		if len(r.sealed) > 0 {
			recipient, err := org.key.Open(r.sealed, receiptPlace(r.DeliveryID, r.Attempts))
			if err != nil {
				return err
			}
			r.Recipient = string(recipient)
		}
		receipts = append(receipts, r.Receipt)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the receipts of case %s: %w", caseID, err)
	}
	return receipts, nil
}

// block is what covers the receipts of an organisation that follow each other.
type block struct {
	organizationID string
	number         int64 // 1, 2, 3 …
	last           Position
	receipts       int64
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

func (c *chained) add(r *receiptRow) {
	_, _ = c.h.Write(r.Digest[:])
	c.receipts++
	c.last = Position{r.transaction, r.Position}
}

// seal ends the block: its hash covers the block before, its receipts and its time.
func (c *chained) seal(at int64) block {
	c.at = at
	writeNumber(c.h, c.receipts)
	writeNumber(c.h, at)
	c.hash = c.h.Sum(nil)
	return c.block
}

// maxSealed is how many receipts one transaction chains.
const maxSealed = 5000

// ChainReceipts chains the receipts that are in no block yet, those of each organisation
// to its last block, and reports whether there may be more. Where two processes do so
// at the same time, one has done nothing.
func (s *Store) ChainReceipts(ctx context.Context) (more bool, err error) {
	var reached Position
	err = s.readers.QueryRowContext(ctx, `
		SELECT reached_in, reached_at
		FROM receipt_chain`).Scan(&reached.Transaction, &reached.Event)
	if err != nil {
		return false, fmt.Errorf("chain the receipts: %w", err)
	}
	rows, err := s.readers.QueryContext(ctx, selectReceipts+`
	WHERE (transaction_id, position) > ($1, $2) AND `+s.connection.settled()+`
	ORDER BY transaction_id, position
	LIMIT $3`, reached.Transaction, reached.Event, maxSealed)
	if err != nil {
		return false, fmt.Errorf("chain the receipts: %w", err)
	}
	var all []receiptRow
	err = scanAll(rows, func(rows *sql.Rows) error {
		r, err := scanReceipt(rows)
		all = append(all, r)
		return err
	})
	if err != nil || len(all) == 0 {
		return false, err
	}
	blocks := make(map[string]*chained)
	for i := range all {
		r := &all[i]
		if blocks[r.organizationID] == nil {
			number, previous, err := s.lastBlock(ctx, r.organizationID)
			if err != nil {
				return false, err
			}
			blocks[r.organizationID] = newChained(r.organizationID, number+1, previous)
		}
		blocks[r.organizationID].add(r)
	}
	last := all[len(all)-1]
	sealed := make([]block, 0, len(blocks))
	for _, c := range blocks {
		sealed = append(sealed, c.seal(s.now().UnixMilli()))
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			UPDATE receipt_chain
			SET reached_in = $1, reached_at = $2
			WHERE reached_in = $3 AND reached_at = $4`, last.transaction, last.Position, reached.Transaction, reached.Event)
		if err := oneChanged(result, err); err != nil {
			return err
		}
		for _, b := range sealed {
			if _, err := conn.ExecContext(ctx, `
				INSERT INTO receipt_blocks (organization_id, number, last_in, last_at, receipts, at, hash)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				b.organizationID, b.number, b.last.Transaction, b.last.Event, b.receipts, b.at, b.hash); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("chain the receipts: %w", err)
	}
	return len(all) == maxSealed, nil
}

// lastBlock returns the number and the hash of an organisation's last block.
func (s *Store) lastBlock(ctx context.Context, organizationID string) (number int64, hash []byte, err error) {
	err = s.readers.QueryRowContext(ctx, `
		SELECT number, hash
		FROM receipt_blocks
		WHERE organization_id = $1
		ORDER BY number DESC
		LIMIT 1`, organizationID).Scan(&number, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, nil, fmt.Errorf("read the last block of receipts: %w", err)
	}
	return number, hash, nil
}
