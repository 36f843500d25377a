package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var auditTests = []test{
	{"an entry says who called what, when, from where and with which key, to its organisation only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		caseID := newID()
		e := c.entry("request-1", "getAttachmentContent")
		e.ActorID, e.CaseID, e.Status, e.Details.Resources = "nurse-1", caseID, 404, map[string]string{"caseId": caseID, "attachmentId": "made up"}
		c.recordCall(e)
		got := c.entries(store.AuditFilter{})
		require.Len(t, got, 1)
		require.NotZero(t, got[0].Position)
		require.NotZero(t, got[0].Digest)
		want := store.AuditEntry{
			Position: got[0].Position, OrganizationID: c.org.ID, RequestID: "request-1", KeyID: "key-1", Role: "reader", ActorID: "nurse-1",
			Method: "GET", Operation: "getAttachmentContent", CaseID: caseID, Status: 404, At: at(begin),
			Details: store.AuditDetails{From: "192.0.2.7", Resources: map[string]string{"caseId": caseID, "attachmentId": "made up"}}, Digest: got[0].Digest,
		}
		require.Empty(t, cmp.Diff(want, got[0], cmpopts.IgnoreUnexported(store.AuditEntry{})))
		require.Empty(t, c.neighbour().entries(store.AuditFilter{}))
	}},
	{"what was made up for an id, and from where was called, is sealed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.entry("request-1", "getCase")
		e.CaseID, e.Details.Resources = "Ada Lovelace", map[string]string{"caseId": "Ada Lovelace"}
		c.recordCall(e)
		require.Equal(t, "Ada Lovelace", c.entries(store.AuditFilter{})[0].Details.Resources["caseId"])
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM audit_entries WHERE case_id IS NOT NULL`))
		var details []byte
		require.NoError(t, database(t, url).QueryRowContext(t.Context(), `SELECT details FROM audit_entries`).Scan(&details))
		require.False(t, bytes.Contains(details, []byte("Ada")) || bytes.Contains(details, []byte("192.0.2.7")))
	}},
	{"a change and the entry of who asked for it are one transaction, and the case that was made is named", func(t *testing.T, url string) {
		c := newClinic(t, url)
		create := c.creation()
		_, err := c.Change(store.WithAuditEntry(t.Context(), c.sealed("request-1", "createCase")), c.proposal(create.ID, nil, create))
		require.NoError(t, err)
		require.Equal(t, 1, rows(t, url, `SELECT COUNT(*) FROM audit_entries WHERE case_id = $1`, create.ID), "it is there at once")

		refused := c.sealed("request-2", "reopenCase")
		_, err = c.Change(store.WithAuditEntry(t.Context(), refused), c.proposal(create.ID, nil, caselog.Reopen{}))
		require.Error(t, err)
		require.False(t, refused.Written())

		once := &store.Once{Key: "k"}
		for i, lost := range []bool{false, true} {
			e := c.sealed(fmt.Sprintf("request-%d", 3+i), "addComment")
			p := c.proposal(create.ID, nil, comment(i))
			p.Once, p.Answer = once, answer("done")
			_, err = c.Change(store.WithAuditEntry(t.Context(), e), p)
			require.Equal(t, lost, err != nil)
			require.Equal(t, !lost, e.Written())
		}
		require.Equal(t, []string{"request-3", "request-1"}, requests(c.entries(store.AuditFilter{})))
	}},
	{"of changes that race each other none is without its entry, and none has two", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				ctx := store.WithAuditEntry(t.Context(), c.sealed(fmt.Sprintf("request-%d", i), "addComment"))
				if _, err := c.Change(ctx, c.proposal(id, nil, comment(i))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		requireLog(t, c, id, 41)
		require.Equal(t, 40, rows(t, url, `SELECT COUNT(DISTINCT request_id) FROM audit_entries`))
		require.Equal(t, 40, rows(t, url, `SELECT COUNT(*) FROM audit_entries`))
	}},
	{"whatever else is written for a call has its entry, once, and again where the answer became another", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.sealed("request-1", "createEndpoint")
		ctx := store.WithAuditEntry(t.Context(), e)
		require.NoError(t, c.InsertEndpoint(ctx, newEndpoint(c.org.ID), nil))
		require.Equal(t, 1, rows(t, url, `SELECT COUNT(*) FROM audit_entries`))
		require.NoError(t, c.InsertEndpoint(ctx, newEndpoint(c.org.ID, func(e *subscription.Endpoint) { e.URL = "https://other.example" }), nil))
		e.Answered(e.Status)
		require.NoError(t, c.RecordAuditEntry(t.Context(), e))
		require.Len(t, c.entries(store.AuditFilter{}), 1)
		e.Answered(500)
		require.NoError(t, c.RecordAuditEntry(t.Context(), e))
		got := c.entries(store.AuditFilter{})
		require.Equal(t, []string{"request-1", "request-1"}, requests(got))
		require.Equal(t, []int{500, 200}, []int{got[0].Status, got[1].Status})

		missing := c.sealed("request-2", "revokeKey")
		require.ErrorIs(t, c.RevokeKey(store.WithAuditEntry(t.Context(), missing), c.org.ID, newID()), store.ErrNotFound)
		require.False(t, missing.Written())
	}},
	{"what is written again, because the answer to its commit was lost, is there once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		once := c.sealed("request-1", "getCase")
		again, otherwise, others := *once, *once, c.neighbour().entry("request-1", "getCase")
		c.recordCall(others)
		for _, e := range []*store.AuditEntry{once, &again} {
			require.NoError(t, c.RecordAuditEntry(t.Context(), e))
			require.Equal(t, []string{"request-1"}, requests(c.entries(store.AuditFilter{})))
		}
		otherwise.Answered(503)
		require.NoError(t, c.RecordAuditEntry(t.Context(), &otherwise))
		require.Equal(t, []string{"request-1", "request-1"}, requests(c.entries(store.AuditFilter{})))

		create := c.creation()
		_, err := c.Change(store.WithAuditEntry(t.Context(), c.sealed("request-2", "createCase")), c.proposal(create.ID, nil, create))
		require.NoError(t, err)
		require.NoError(t, c.RecordAuditEntry(t.Context(), c.sealed("request-2", "createCase")))
		require.Equal(t, []string{"request-2", "request-1", "request-1"}, requests(c.entries(store.AuditFilter{})))
		require.Equal(t, 4, rows(t, url, `SELECT COUNT(*) FROM audit_entries`), "that of the neighbour too")
	}},
	{"entries are found by key, case, operation and time, the newest first, a page at a time", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cases := []string{newID(), newID()}
		for i := range 6 {
			e := c.entry(fmt.Sprint(i), []string{"getCase", "listCaseEvents", "addComment"}[i%3])
			e.KeyID, e.CaseID, e.At = []string{"key-1", "key-2"}[i/3], cases[i%2], begin.Add(time.Duration(i/2)*time.Minute)
			c.recordCall(e)
		}
		minute := func(n int) *time.Time { return new(begin.Add(time.Duration(n) * time.Minute)) }
		for _, test := range []struct {
			filter store.AuditFilter
			want   []string
		}{
			{store.AuditFilter{}, []string{"5", "4", "3", "2", "1", "0"}},
			{store.AuditFilter{KeyID: "key-2"}, []string{"5", "4", "3"}},
			{store.AuditFilter{CaseID: cases[1]}, []string{"5", "3", "1"}},
			{store.AuditFilter{Operation: "getCase"}, []string{"3", "0"}},
			{store.AuditFilter{Since: minute(1)}, []string{"5", "4", "3", "2"}},
			{store.AuditFilter{Until: minute(1)}, []string{"1", "0"}},
			{store.AuditFilter{Since: minute(1), Until: minute(2), CaseID: cases[0]}, []string{"2"}},
			{store.AuditFilter{KeyID: "nobody"}, []string{}},
		} {
			require.Equal(t, test.want, requests(c.entries(test.filter)), "%+v", test.filter)
			var paged []string
			var last *store.AuditPosition
			for {
				page, err := c.AuditEntries(t.Context(), c.org.ID, test.filter, last, 1)
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				paged, last = append(paged, page[0].RequestID), &store.AuditPosition{At: page[0].At.UnixMilli(), Position: page[0].Position}
			}
			require.Equal(t, test.want, append([]string{}, paged...))
		}
	}},
	{"an entry is found by each case whose patient it showed, in the order of all", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cases := []string{newID(), newID(), newID()}
		for i, shown := range [][]string{nil, cases[:2], {cases[1]}, nil, cases} {
			e := c.entry(fmt.Sprint(i), []string{"getCase", "revealCases"}[min(len(shown), 1)])
			if e.KeyID, e.At, e.Details.Shown = []string{"key-1", "key-2"}[i%2], begin.Add(time.Duration(i/2)*time.Minute), shown; shown == nil {
				e.CaseID = cases[0]
			}
			c.recordCall(e)
		}
		for i, want := range [][]string{{"4", "3", "1", "0"}, {"4", "2", "1"}, {"4"}} {
			require.Equal(t, want, requests(c.entries(store.AuditFilter{CaseID: cases[i]})))
			var paged []string
			for last := (*store.AuditPosition)(nil); ; {
				page, err := c.AuditEntries(t.Context(), c.org.ID, store.AuditFilter{CaseID: cases[i]}, last, 1)
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				paged, last = append(paged, page[0].RequestID), &store.AuditPosition{At: page[0].At.UnixMilli(), Position: page[0].Position}
			}
			require.Equal(t, want, paged)
		}
		require.Equal(t, cases, c.entries(store.AuditFilter{CaseID: cases[2]})[0].Details.Shown)
		minute := begin.Add(time.Minute)
		for want, filter := range map[string]store.AuditFilter{
			"[3 1]": {CaseID: cases[0], KeyID: "key-2"}, "[4 1]": {CaseID: cases[0], Operation: "revealCases"},
			"[4 2]": {CaseID: cases[1], Since: &minute}, "[1]": {CaseID: cases[1], Until: &minute},
		} {
			require.Equal(t, want, fmt.Sprint(requests(c.entries(filter))))
		}
		require.Empty(t, c.neighbour().entries(store.AuditFilter{CaseID: cases[0]}))
		again := c.sealed("5", "revealCases")
		again.Details.Shown = cases
		other := *again
		for _, e := range []*store.AuditEntry{again, &other} { // the answer to the commit was lost
			c.recordCall(e)
		}
		require.Equal(t, []string{"4", "5"}, requests(c.entries(store.AuditFilter{CaseID: cases[2]})))
	}},
	{"what was recorded before the store is closed is written", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for i := range 700 {
			c.recordCall(c.entry(fmt.Sprint(i), "getCase"))
		}
		c.reopen()
		require.Equal(t, 700, rows(t, url, `SELECT COUNT(*) FROM audit_entries`))
		require.Len(t, c.entries(store.AuditFilter{}), 700)
		e := c.sealed("late", "getCase")
		require.NoError(t, c.Close())
		require.ErrorContains(t, c.RecordAuditEntry(t.Context(), e), "closed")
	}},
	{"while the database does not take entries none is given up, and once very many are waiting no other is taken", func(t *testing.T, url string) {
		c := newClinic(t, url)
		var said bytes.Buffer // read once the store is closed
		c.log = slog.New(slog.NewTextHandler(&said, nil))
		c.reopen()
		db := database(t, url)
		_, err := db.ExecContext(t.Context(), `ALTER TABLE audit_entries RENAME TO elsewhere`)
		require.NoError(t, err)
		c.recordCall(c.entry("0", "getCase"))
		for range 3 { // nobody waits for what cannot be written
			_, err = c.AuditEntries(t.Context(), c.org.ID, store.AuditFilter{}, nil, 1)
			require.ErrorContains(t, err, "audit_entries")
		}

		hungUp, hangUp := context.WithCancel(t.Context())
		hangUp()
		taken := 1
		for {
			if err = c.RecordAuditEntry(hungUp, c.sealed(fmt.Sprint(taken), "getCase")); err != nil {
				break
			}
			taken++
		}
		require.ErrorIs(t, err, context.Canceled, "what a client did not wait for is taken too, while there is room")
		refused := c.sealed("refused", "getCase")
		require.True(t, store.Unavailable(c.RecordAuditEntry(t.Context(), refused)))
		require.False(t, refused.Written())
		require.Equal(t, taken, c.UnwrittenEntries())
		require.Greater(t, taken, 4000)

		_, err = db.ExecContext(t.Context(), `ALTER TABLE elsewhere RENAME TO audit_entries`)
		require.NoError(t, err)
		for err = errors.New("full"); err != nil; { // it waits for room
			err = c.RecordAuditEntry(t.Context(), c.sealed("last", "getCase"))
		}
		require.Len(t, c.entries(store.AuditFilter{}), taken+1)
		require.Equal(t, taken+1, rows(t, url, `SELECT COUNT(DISTINCT request_id) FROM audit_entries`))
		require.NoError(t, c.Close())
		require.Zero(t, c.UnwrittenEntries())
		require.Equal(t, []int{1, 1}, []int{
			strings.Count(said.String(), `level=ERROR msg="cannot write the audit" entries=1 error=`),
			strings.Count(said.String(), `level=INFO msg="the audit is written again"`),
		}, said.String())
		require.Equal(t, 2, strings.Count(said.String(), "\n"), said.String())
	}},
	{"what cannot be written before the store is closed is counted", func(t *testing.T, url string) {
		c := newClinic(t, url)
		_, err := database(t, url).ExecContext(t.Context(), `ALTER TABLE audit_entries RENAME TO elsewhere`)
		require.NoError(t, err)
		for i := range 3 {
			c.recordCall(c.entry(fmt.Sprint(i), "getCase"))
		}
		require.ErrorContains(t, c.Close(), "3 entries of the audit could not be written")
	}},
	{"entries outlive the erasure of their case", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		e := c.entry("request-1", "getCase")
		e.CaseID = id
		c.recordCall(e)
		require.NoError(t, c.Erase(store.WithAuditEntry(t.Context(), c.sealed("request-2", "eraseCase")), store.Erasure{ID: newID(), OrganizationID: c.org.ID, CaseID: id, At: begin}, new(drawer), nil))
		require.ElementsMatch(t, []string{"request-2", "request-1"}, requests(c.entries(store.AuditFilter{})))
		require.Len(t, c.entries(store.AuditFilter{CaseID: id}), 1)
	}},
	{"the entries of each organisation are chained, beside the receipts", func(t *testing.T, url string) {
		c := newClinic(t, url)
		other := c.neighbour()
		c.calls(3)
		other.calls(2)
		c.chainAudit()
		c.calls(4)
		c.chainAudit()
		c.chainAudit()
		c.calls(1)
		chains := c.verifyAudit()
		require.Equal(t, []int64{7, 2, 1}, []int64{chains[0].Chained, chains[0].Blocks, chains[0].Unchained})
		require.Equal(t, []int64{2, 1, 0}, []int64{chains[1].Chained, chains[1].Blocks, chains[1].Unchained})
		require.Empty(t, chains[0].Fault+chains[1].Fault)
		require.Zero(t, c.verify("")[0].Blocks)
		_, err := store.VerifyAudit(t.Context(), url, chains[0].Head)
		require.NoError(t, err)
		_, err = store.VerifyAudit(t.Context(), url, "00")
		require.ErrorIs(t, err, store.ErrNoSuchHead)
	}},
	tamperingAudit("a key is changed", `UPDATE audit_entries SET key_id = 'other' WHERE position = 2`, "block 1 does not cover its entries"),
	tamperingAudit("a case is taken out", `UPDATE audit_entries SET case_id = NULL WHERE position = 5`, "block 2 does not cover its entries"),
	tamperingAudit("a status is changed", `UPDATE audit_entries SET status = 403 WHERE position = 5`, "block 2 does not cover its entries"),
	tamperingAudit("an entry is taken out", `DELETE FROM audit_entries WHERE position = 1`, "block 1 does not cover its entries"),
	tamperingAudit("the last entry is taken out", `DELETE FROM audit_entries WHERE position = 6`, "the last entry of block 2 is missing"),
	tamperingAudit("a block is taken out", `DELETE FROM audit_blocks WHERE number = 1`, "block 1 is missing"),
	tamperingAudit("the last block is taken out", `DELETE FROM audit_blocks WHERE number = 2`, "entry 4 is in no block"),
}

// LostEntry demands that an entry of the audit is there once where it is not known whether
// it was written. Lose has the answer to the next commit be lost.
func LostEntry(t *testing.T, url string, lose func()) {
	c := newClinic(t, url)
	lose()
	c.recordCall(c.entry("request-1", "getCase"))
	_, err := c.AuditEntries(t.Context(), c.org.ID, store.AuditFilter{}, nil, 10)
	require.True(t, store.Unavailable(err), "its commit failed: %v", err)
	require.Eventually(t, func() bool { return c.UnwrittenEntries() == 0 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"request-1"}, requests(c.entries(store.AuditFilter{})))
	c.chainAudit()
	require.Equal(t, int64(1), c.verifyAudit()[0].Chained)
}

// tamperingAudit is the test that what a statement does to the audit is found.
func tamperingAudit(name, statement, want string) test {
	return test{"it is found where " + name, func(t *testing.T, url string) {
		c := newClinic(t, url)
		for range 2 {
			c.calls(3)
			c.chainAudit()
		}
		require.Empty(t, c.verifyAudit()[0].Fault)
		result, err := database(t, url).ExecContext(t.Context(), statement)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		require.Contains(t, c.verifyAudit()[0].Fault, want)
	}}
}

// entry returns the entry of a call by a reader from 192.0.2.7.
func (c *clinic) entry(requestID, operation string) *store.AuditEntry {
	return &store.AuditEntry{
		OrganizationID: c.org.ID, RequestID: requestID, KeyID: "key-1", Role: "reader", Method: "GET", Operation: operation, Status: 200, At: begin,
		Details: store.AuditDetails{From: "192.0.2.7", Resources: map[string]string{}},
	}
}

// sealed returns an entry that is ready to be written.
func (c *clinic) sealed(requestID, operation string) *store.AuditEntry {
	e := c.entry(requestID, operation)
	if err := c.SealAuditEntry(c.ctx, e); err != nil {
		panic(err) // also called where t must not fail
	}
	return e
}

func (c *clinic) recordCall(e *store.AuditEntry) {
	c.t.Helper()
	require.NoError(c.t, c.SealAuditEntry(c.ctx, e))
	require.NoError(c.t, c.RecordAuditEntry(c.ctx, e))
}

// calls has n calls about a case recorded, and waits until they are written.
func (c *clinic) calls(n int) {
	c.t.Helper()
	for range n {
		e := c.entry(newID(), "getCase")
		e.CaseID = newID()
		c.recordCall(e)
	}
	c.entries(store.AuditFilter{})
}

func (c *clinic) entries(filter store.AuditFilter) []store.AuditEntry {
	c.t.Helper()
	all, err := c.AuditEntries(c.ctx, c.org.ID, filter, nil, 10_000)
	require.NoError(c.t, err)
	return all
}

func (c *clinic) chainAudit() {
	c.t.Helper()
	more, err := c.ChainAudit(c.ctx)
	require.NoError(c.t, err)
	require.False(c.t, more)
}

func (c *clinic) verifyAudit() []store.Chain {
	c.t.Helper()
	chains, err := store.VerifyAudit(c.ctx, c.url, "")
	require.NoError(c.t, err)
	return chains
}

// requests returns the ids of the requests of entries.
func requests(entries []store.AuditEntry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.RequestID
	}
	return ids
}
