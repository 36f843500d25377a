package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// Chain is the chain of an organisation's rows in a ledger, as it was found.
type Chain struct {
	OrganizationID string
	Organization   string // its name
	Chained        int64  // rows that are in blocks
	Blocks         int64
	Unchained      int64  // rows that are in none yet
	Head           string // the hash of the last block, in hex; "" where there is none
	Fault          string // what is wrong, "" where nothing is
	known          bool   // a head that was asked for was found
}

// VerifyReceipts checks the chains of receipts in the database at url, which may be in
// use: that each receipt is as it was, and none is missing or was put in. Of receipts
// that were taken from the end together with their blocks the database itself knows
// nothing: head, where it is not "", is the hash of a block that was noted before and has
// to be in a chain.
func VerifyReceipts(ctx context.Context, url, head string) (chains []Chain, err error) {
	return verify(ctx, url, head, receiptLedger)
}

// VerifyAudit is VerifyReceipts for the entries of the audit.
func VerifyAudit(ctx context.Context, url, head string) (chains []Chain, err error) {
	return verify(ctx, url, head, auditLedger)
}

func verify(ctx context.Context, url, head string, l *ledger) (chains []Chain, err error) {
	c, err := connectReader(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	v := &verifier{ledger: l, db: c.reading, head: head, chains: make(map[string]*openChain)}
	if err := v.verify(ctx); err != nil {
		return nil, fmt.Errorf("verify the %s: %w", l.many, err)
	}
	found := head == ""
	for _, id := range v.order {
		chains = append(chains, v.chains[id].Chain)
		found = found || v.chains[id].known
	}
	if !found {
		return chains, ErrNoSuchHead
	}
	return chains, nil
}

// ErrNoSuchHead means that no chain has a block with the hash that was asked for.
var ErrNoSuchHead = errors.New("no chain has a block with that hash: what was recorded last is missing at its end")

// verifier goes through all rows of a ledger, and through the blocks of each organisation
// beside.
type verifier struct {
	*ledger
	db     *sql.DB
	head   string
	end    place                 // of what is in blocks
	chains map[string]*openChain // by organisation
	order  []string
}

// openChain is a chain that is being verified.
type openChain struct {
	Chain
	blocks   []block // those that were read and not reached yet
	read     int64   // the number of the last that was read
	previous []byte  // the hash of the last that was reached
	next     *chained
}

func (v *verifier) verify(ctx context.Context) error {
	organizations, err := v.db.QueryContext(ctx, `
		SELECT id, name
		FROM organizations
		ORDER BY name`)
	if err != nil {
		return err
	}
	err = scanAll(organizations, func(rows *sql.Rows) error {
		var c openChain
		err := rows.Scan(&c.OrganizationID, &c.Organization)
		v.chains[c.OrganizationID] = &c
		v.order = append(v.order, c.OrganizationID)
		return err
	})
	if err != nil {
		return err
	}
	// The place is read first: rows that come meanwhile are behind it.
	if v.end, err = v.ledger.end(ctx, v.db); err != nil {
		return err
	}
	var reached place
	for more := true; more; {
		page, err := v.read(ctx, v.db, reached, "true")
		if err != nil {
			return err
		}
		for i := range page {
			if err := v.row(ctx, &page[i]); err != nil {
				return err
			}
			reached = page[i].place
		}
		more = len(page) == maxSealed
	}
	for _, id := range v.order {
		if err := v.finish(ctx, v.chains[id]); err != nil {
			return err
		}
	}
	return nil
}

// after reports whether p comes after other.
func (p place) after(other place) bool {
	return p.transaction > other.transaction || p.transaction == other.transaction && p.number > other.number
}

// row takes the next row.
func (v *verifier) row(ctx context.Context, r *link) error {
	c := v.chains[r.organizationID]
	switch {
	case c == nil:
		c = &openChain{Chain: Chain{OrganizationID: r.organizationID, Fault: fmt.Sprintf("%s %d is of an organisation that is not there", v.one, r.place.number)}}
		v.chains[r.organizationID] = c
		v.order = append(v.order, r.organizationID)
		return nil
	case c.Fault != "":
		return nil
	case r.place.after(v.end):
		c.Unchained++
		return nil
	}
	if err := v.readBlocks(ctx, c); err != nil {
		return err
	}
	if len(c.blocks) == 0 {
		c.Fault = fmt.Sprintf("%s %d is in no block: it was put in, or a block is missing at the end", v.one, r.place.number)
		return nil
	}
	b := c.blocks[0]
	if c.next == nil {
		c.next = newChained(c.OrganizationID, b.number, c.previous)
	}
	c.next.add(r)
	if !b.last.after(c.next.last) { // the block ends here
		c.close(v.many, v.head)
	}
	return nil
}

// close compares the block that has ended with what was found.
func (c *openChain) close(many, head string) {
	want := c.blocks[0]
	got := c.next.seal(want.at)
	if got.last != want.last || got.count != want.count || !bytes.Equal(got.hash, want.hash) {
		c.Fault = fmt.Sprintf("block %d does not cover its %s: one of them was changed, taken out or put in", want.number, many)
		return
	}
	c.Chained += want.count
	c.Blocks++
	c.previous, c.Head = want.hash, hex.EncodeToString(want.hash)
	c.known = c.known || c.Head == head
	c.blocks, c.next = c.blocks[1:], nil
}

// readBlocks reads more blocks of a chain where there are none at hand.
func (v *verifier) readBlocks(ctx context.Context, c *openChain) error {
	if len(c.blocks) > 0 {
		return nil
	}
	rows, err := v.db.QueryContext(ctx, v.blocks, c.OrganizationID, c.read)
	if err != nil {
		return err
	}
	return scanAll(rows, func(rows *sql.Rows) error {
		b := block{organizationID: c.OrganizationID}
		err := rows.Scan(&b.number, &b.last.transaction, &b.last.number, &b.count, &b.at, &b.hash)
		if b.number != c.read+1 && c.Fault == "" {
			c.Fault = fmt.Sprintf("block %d is missing", c.read+1)
		}
		c.read = b.number
		c.blocks = append(c.blocks, b)
		return err
	})
}

// finish looks for blocks that no row has ended.
func (v *verifier) finish(ctx context.Context, c *openChain) error {
	if c.Fault != "" {
		return nil
	}
	if err := v.readBlocks(ctx, c); err != nil {
		return err
	}
	if len(c.blocks) > 0 && c.Fault == "" && !c.blocks[0].last.after(v.end) {
		c.Fault = fmt.Sprintf("the last %s of block %d is missing", v.one, c.blocks[0].number)
	}
	return nil
}
