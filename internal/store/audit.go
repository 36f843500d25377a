package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/vault"
)

// AuditEntry says who called what, when, from where and with which key: never what was sent
// or answered.
type AuditEntry struct {
	Position       int64 // among all entries
	OrganizationID string
	RequestID      string
	KeyID          string
	Role           string // of the key
	ActorID        string // in whose name; "" where nobody was named
	Method         string
	Operation      string
	CaseID         string // that was named, or made; "" where none was, or what was named cannot be one
	Status         int    // of the answer
	At             time.Time
	Details        AuditDetails
	Digest         [sha256.Size]byte // of all this as it is kept; what a block of the chain covers

	sealed []byte // the details; where they are changed, they are sealed anew, before the entry is written

	// written is whether the entry is written, or is about to be by the auditor, with the
	// status that it has. Both are changed by the goroutine of the call only, and the writer
	// reads an entry only while that goroutine waits in writer.do.
	written bool
}

// AuditDetails are what is sealed of an entry.
type AuditDetails struct {
	From      string            `json:"from"`      // the address of who called
	Resources map[string]string `json:"resources"` // the ids in the path, by what they are of
	// Shown are the ids of the cases whose patients the call showed, beside the one that it names.
	Shown []string `json:"shown,omitempty"`
	// Repeated is whether the call had been answered before, and did nothing.
	Repeated bool `json:"repeated,omitempty"`
}

// Written reports whether the entry was written, with the status that it has.
func (e *AuditEntry) Written() bool { return e.written }

// Answered gives the entry the status of an answer. Where it was written with another, it
// is to be written again.
func (e *AuditEntry) Answered(status int) {
	e.written = e.written && e.Status == status
	e.Status = status
}

// entryRow is an entry as it is kept.
type entryRow struct {
	AuditEntry
	transaction int64
}

// insertEntries writes entries, each once: what is there already, as it is where the answer
// to a commit was lost, stays as it is.
func insertEntries(d dialect) *batch {
	return over(`organization_id text, request_id text, key_id text, role text, actor_id text, method text, operation text, case_id text, status bigint, details bytea, at bigint`, `
		INSERT INTO audit_entries (transaction_id, organization_id, request_id, key_id, role, actor_id, method, operation, case_id, status, details, at)
		SELECT `+d.transaction()+`, organization_id, request_id, key_id, role, actor_id, method, operation, case_id, status, details, at
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING`)
}

// insertShown writes for which cases an entry is found that shows their patients. The bounds and
// the order of the query are those of one index only: PostgreSQL would go through all entries of
// the organisation.
var insertShown = over(`organization_id text, request_id text, status bigint, at bigint, case_id text`, `
	INSERT INTO audit_shown (shown_case_id, shown_at, entry_position)
	SELECT u.case_id, u.at, (
		SELECT position
		FROM audit_entries AS e
		WHERE e.organization_id = u.organization_id AND e.request_id >= u.request_id AND e.request_id <= u.request_id AND e.status = u.status
		ORDER BY e.request_id
		LIMIT 1)
	FROM u
	WHERE true
	ON CONFLICT DO NOTHING`)

// entryRows are entries as they are to be written.
type entryRows struct {
	entries [][]any
	shown   [][]any // a row for each case that one of them shows
}

// add adds an entry; caseID is the case that the call made, or "".
func (r *entryRows) add(e *AuditEntry, caseID string) {
	r.entries = append(r.entries, e.row(caseID))
	for _, shown := range e.Details.Shown {
		r.shown = append(r.shown, []any{e.OrganizationID, e.RequestID, int64(e.Status), e.At.UnixMilli(), shown})
	}
}

func (r *entryRows) addAll(others entryRows) {
	r.entries = append(r.entries, others.entries...)
	r.shown = append(r.shown, others.shown...)
}

// entrySteps write entries.
func (w *writer) entrySteps(rows entryRows) []step {
	return []step{{batch: w.insertEntries, rows: rows.entries}, {batch: insertShown, rows: rows.shown}}
}

// withEntries returns entries, and those of the calls that asked for changes.
func withEntries(changes []*change, entries entryRows) (all entryRows) {
	all.addAll(entries)
	for _, c := range changes {
		if c.entry != nil {
			all.add(c.entry, c.created())
		}
	}
	return all
}

// created returns the id of the case that the change makes; "" for none, or one of many.
func (c *change) created() string {
	if c.creates && c.alone {
		return c.state.ID
	}
	return ""
}

// carry has the entry committed with the job.
func (e *AuditEntry) carry(j *job) {
	if len(j.changes) > 0 {
		j.changes[0].entry = e
	} else {
		j.entries.add(e, "")
	}
}

// row returns the entry as a row; caseID is the case that the call made, or "".
func (e *AuditEntry) row(caseID string) []any {
	if caseID == "" {
		caseID = e.CaseID
	}
	var about any
	if caseID != "" {
		about = caseID
	}
	return []any{e.OrganizationID, e.RequestID, e.KeyID, e.Role, e.ActorID, e.Method, e.Operation, about, int64(e.Status), e.sealed, e.At.UnixMilli()}
}

// SealAuditEntry makes an entry ready to be written. What is named as a case and cannot be
// one is among its resources only.
func (s *Store) SealAuditEntry(ctx context.Context, e *AuditEntry) error {
	org, err := s.organization(ctx, e.OrganizationID)
	if err != nil {
		return err
	}
	if id, err := uuid.Parse(e.CaseID); err != nil || id.String() != e.CaseID {
		e.CaseID = ""
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return fmt.Errorf("seal an entry of the audit: %w", err)
	}
	if e.sealed, err = org.key.Seal(details, entryPlace(e.RequestID)); err != nil {
		return fmt.Errorf("seal an entry of the audit: %w", err)
	}
	return nil
}

func entryPlace(requestID string) vault.Where {
	return vault.Where{Table: "audit_entries", Row: requestID, Column: "details"}
}

type entryKey struct{}

// WithAuditEntry returns a context of a call: the first transaction that is committed for it
// has the entry in it, so that there is never the one without the other. The entry was
// sealed, and has the status that the call is answered with where it succeeds.
func WithAuditEntry(ctx context.Context, e *AuditEntry) context.Context {
	return context.WithValue(ctx, entryKey{}, e)
}

// entryOf returns the entry that is to be written with the next transaction; nil for none.
func entryOf(ctx context.Context) *AuditEntry {
	e, _ := ctx.Value(entryKey{}).(*AuditEntry)
	if e == nil || e.written {
		return nil
	}
	return e
}

const selectEntries = `
	SELECT position, transaction_id, organization_id, request_id, key_id, role, actor_id, method, operation, case_id, status, details, at
	FROM audit_entries`

func scanEntry(row scanner) (e entryRow, err error) {
	var caseID sql.NullString
	var milliseconds int64
	err = row.Scan(&e.Position, &e.transaction, &e.OrganizationID, &e.RequestID, &e.KeyID, &e.Role, &e.ActorID,
		&e.Method, &e.Operation, &caseID, &e.Status, &e.sealed, &milliseconds)
	e.CaseID, e.At = caseID.String, at(milliseconds)
	e.Digest = e.digest()
	return e, err
}

// digest covers each column of the entry, with its length before it.
func (e *entryRow) digest() [sha256.Size]byte {
	return digestOf(
		[]string{e.OrganizationID, e.RequestID, e.KeyID, e.Role, e.ActorID, e.Method, e.Operation, e.CaseID, string(e.sealed)},
		[]int64{e.transaction, e.Position, int64(e.Status), e.At.UnixMilli()})
}

// auditLedger is that of all entries.
var auditLedger = &ledger{
	one: "entry", many: "entries",
	reached: `
		SELECT reached_transaction, reached_number
		FROM audit_chain`,
	reach: `
		UPDATE audit_chain
		SET reached_transaction = $1, reached_number = $2
		WHERE reached_transaction = $3 AND reached_number = $4`,
	addBlock: `
		INSERT INTO audit_blocks (organization_id, number, last_transaction, last_number, entries, at, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
	lastBlock: `
		SELECT number, hash
		FROM audit_blocks
		WHERE organization_id = $1
		ORDER BY number DESC
		LIMIT 1`,
	blocks: `
		SELECT number, last_transaction, last_number, entries, at, hash
		FROM audit_blocks
		WHERE organization_id = $1 AND number > $2
		ORDER BY number
		LIMIT 1000`,
	rows: selectEntries + `
	WHERE (transaction_id, position) > ($1, $2) AND %s
	ORDER BY transaction_id, position
	LIMIT $3`,
	scan: func(row scanner) (link, error) {
		e, err := scanEntry(row)
		return link{e.OrganizationID, place{e.transaction, e.Position}, e.Digest}, err
	},
}

// ChainAudit is ChainReceipts for the entries of the audit.
func (s *Store) ChainAudit(ctx context.Context) (more bool, err error) {
	return s.chain(ctx, auditLedger)
}

// AuditFilter narrows a list of entries. What is empty does not.
type AuditFilter struct {
	KeyID     string
	CaseID    string // that the call names, made, or showed the patient of
	Operation string
	Since     *time.Time // not before it
	Until     *time.Time // before it
}

// AuditPosition is that of an entry in the list of entries.
type AuditPosition struct {
	At       int64 // in milliseconds
	Position int64 // among all entries
}

// query returns the text that reads at most limit entries before a position, and its arguments. Those
// about a case and those that showed it are each read in the order of their index.
func (f AuditFilter) query(organizationID string, before *AuditPosition, limit int) (string, []any) {
	const latest = `
	WHERE %s
	ORDER BY %s DESC, %s DESC
	LIMIT $2`
	where := conditions{arguments: []any{organizationID, limit}}
	if f.CaseID == "" {
		f.narrow(&where, before, "at", "position", "")
		return fmt.Sprintf(selectEntries+latest, where.text, "at", "position"), where.arguments
	}
	const apart = ` || ''` // an index of the organisation's entries would have PostgreSQL go through all of them
	f.narrow(&where, before, "at", "position", apart)
	where.and(`case_id = ?`, f.CaseID)
	shown := conditions{arguments: where.arguments}
	f.narrow(&shown, before, "shown_at", "entry_position", apart)
	shown.and(`shown_case_id = ?`, f.CaseID)
	return `
	SELECT *
	FROM (` + fmt.Sprintf(selectEntries+latest, where.text, "at", "position") + `) AS named
	UNION ALL
	SELECT *
	FROM (` + fmt.Sprintf(selectEntries+`
	JOIN audit_shown ON entry_position = position`+latest, shown.text, "shown_at", "entry_position") + `) AS shown
	ORDER BY at DESC, position DESC
	LIMIT $2`, shown.arguments
}

// narrow adds the conditions of an organisation's entries before a position, where at and position
// are the columns of that, and apart is added to the others. The organisation is the first argument.
func (f AuditFilter) narrow(where *conditions, before *AuditPosition, at, position, apart string) {
	where.text = `organization_id` + apart + ` = $1`
	for _, equal := range []struct{ column, value string }{{"key_id", f.KeyID}, {"operation", f.Operation}} {
		if equal.value != "" {
			where.and(equal.column+apart+` = ?`, equal.value)
		}
	}
	if f.Since != nil {
		where.and(at+` >= ?`, f.Since.UnixMilli())
	}
	if f.Until != nil {
		where.and(at+` < ?`, f.Until.UnixMilli())
	}
	if before != nil {
		where.and(`(`+at+`, `+position+`) < (?, ?)`, before.At, before.Position)
	}
}

// AuditEntries returns at most limit entries of an organisation that come before a position,
// the newest first; from the newest where it is nil. It waits for what this process
// has still to write.
func (s *Store) AuditEntries(ctx context.Context, organizationID string, f AuditFilter, before *AuditPosition, limit int) ([]AuditEntry, error) {
	if err := s.auditor.flush(ctx); err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	query, arguments := f.query(organizationID, before, limit)
	rows, err := s.readers.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	var all []AuditEntry
	err = scanAll(rows, func(rows *sql.Rows) error {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		details, err := org.key.Open(e.sealed, entryPlace(e.RequestID))
		if err != nil {
			return err
		}
		e.written = true
		all = append(all, e.AuditEntry)
		return json.Unmarshal(details, &all[len(all)-1].Details)
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return all, nil
}
