package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
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
			a.BodySHA256, a.ended()})
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
func (r *receiptRow) digest() [sha256.Size]byte {
	return digestOf(
		[]string{r.organizationID, r.DeliveryID, r.EventID, string(r.EventType), r.CaseID, r.EndpointID, string(r.sealed), string(r.Outcome), string(r.BodySHA256)},
		[]int64{r.transaction, r.Position, int64(r.Attempts), int64(r.StatusCode), number(r.Clearance.PHI), number(r.Clearance.Restricted), r.At.UnixMilli()})
}

// receiptLedger is that of all receipts.
var receiptLedger = &ledger{
	one: "receipt", many: "receipts",
	reached: `
		SELECT reached_transaction, reached_number
		FROM receipt_chain`,
	reach: `
		UPDATE receipt_chain
		SET reached_transaction = $1, reached_number = $2
		WHERE reached_transaction = $3 AND reached_number = $4`,
	addBlock: `
		INSERT INTO receipt_blocks (organization_id, number, last_transaction, last_number, receipts, at, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
	lastBlock: `
		SELECT number, hash
		FROM receipt_blocks
		WHERE organization_id = $1
		ORDER BY number DESC
		LIMIT 1`,
	blocks: `
		SELECT number, last_transaction, last_number, receipts, at, hash
		FROM receipt_blocks
		WHERE organization_id = $1 AND number > $2
		ORDER BY number
		LIMIT 1000`,
	rows: selectReceipts + `
	WHERE (transaction_id, position) > ($1, $2) AND %s
	ORDER BY transaction_id, position
	LIMIT $3`,
	scan: func(row scanner) (link, error) {
		r, err := scanReceipt(row)
		return link{r.organizationID, place{r.transaction, r.Position}, r.Digest}, err
	},
}

// ChainReceipts chains the receipts that are in no block yet, and reports whether there
// may be more. Where two processes do so at the same time, one has done nothing.
func (s *Store) ChainReceipts(ctx context.Context) (more bool, err error) {
	return s.chain(ctx, receiptLedger)
}

// SentLast returns the number of the last attempt of a delivery of which there is a receipt,
// and the SHA-256 of the body that was sent; 0 where there is none.
func (s *Store) SentLast(ctx context.Context, deliveryID string) (attempt int, bodySHA256 []byte, err error) {
	err = s.readers.QueryRowContext(ctx, `
		SELECT attempts, body_sha256
		FROM receipts
		WHERE delivery_id = $1 AND repeated = 0 AND body_sha256 IS NOT NULL
		ORDER BY attempts DESC
		LIMIT 1`, deliveryID).Scan(&attempt, &bodySHA256)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the receipts of delivery %s: %w", deliveryID, err)
	}
	return attempt, bodySHA256, nil
}

// CaseReceipts returns at most limit receipts of a case that come after a position, the
// oldest first. The error is ErrNotFound where the organisation has no such case, or where
// it was erased and erased is not set.
func (s *Store) CaseReceipts(ctx context.Context, organizationID, caseID string, erased bool, after int64, limit int) ([]Receipt, error) {
	if erased {
		switch owner, err := s.CaseOwner(ctx, caseID); {
		case err != nil:
			return nil, err
		case owner != organizationID:
			return nil, ErrNotFound
		}
	} else if _, _, err := s.Case(ctx, organizationID, caseID, 0); err != nil {
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
