package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var receiptTests = []test{
	{"each outcome has a receipt: who was told what of whom, when, under which clearance", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 3)
		digest := []byte{31: 7}
		for i, o := range []store.Outcome{
			{State: store.Delivered, Attempt: &store.Attempt{Number: 1, StartedAt: begin, Duration: time.Second, StatusCode: 204, BodySHA256: digest}},
			{State: store.Failed, Attempt: &store.Attempt{Number: 13, StartedAt: begin, Error: "no answer"}},
			{State: store.Pending, Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 500}, RetryAt: &begin},
		} {
			o.Message, o.Recipient, o.Clearance = messages[i], "https://partner.example/hooks", subscription.Clearance{PHI: true}
			require.NoError(t, c.Record(t.Context(), o))
		}
		first := c.receipts(messages[0].Event.CaseID)
		require.Len(t, first, 1)
		want := store.Receipt{
			Position: first[0].Position, DeliveryID: messages[0].DeliveryID, EventID: messages[0].Event.ID, EventType: caseupdate.EventCreateCase,
			CaseID: messages[0].Event.CaseID, EndpointID: e.ID, Recipient: "https://partner.example/hooks",
			Outcome: store.Delivered, Attempts: 1, StatusCode: 204, Clearance: subscription.Clearance{PHI: true}, BodySHA256: digest,
			At: at(begin.Add(time.Second)), Digest: first[0].Digest,
		}
		requireEqual(t, want, first[0])
		require.Equal(t, store.Failed, c.receipts(messages[1].Event.CaseID)[0].Outcome)
		require.Empty(t, c.receipts(messages[2].Event.CaseID), "it has no outcome yet")

		_, _, err := c.Cancel(t.Context(), c.org.ID, messages[2].DeliveryID, nil)
		require.NoError(t, err)
		canceled := c.receipts(messages[2].Event.CaseID)
		require.Equal(t, store.Canceled, canceled[0].Outcome)
		require.Equal(t, 1, canceled[0].Attempts)
		require.Equal(t, "https://partner.example/hooks", canceled[0].Recipient)

		_, err = c.CaseReceipts(t.Context(), c.neighbour().org.ID, messages[0].Event.CaseID, true, 0, 10)
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"what was attempted and then canceled with its endpoint has a receipt, and what was not has none", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 2)
		c.fail(messages[0], begin)
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		receipts := c.receipts(messages[0].Event.CaseID)
		require.Len(t, receipts, 1)
		require.Equal(t, store.Canceled, receipts[0].Outcome)
		require.Equal(t, "https://partner.example/hooks", receipts[0].Recipient)
		require.Empty(t, c.receipts(messages[1].Event.CaseID))
	}},
	{"what is written again, because the answer to its commit was lost, is counted and receipted once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 3)
		again := store.Outcome{Message: messages[0], Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 500}, State: store.Failed, Recipient: "https://partner.example"}
		for range 3 {
			require.NoError(t, c.Record(t.Context(), again))
			c.chain()
		}
		require.Len(t, c.receipts(messages[0].Event.CaseID), 1)
		require.Equal(t, 1, c.health(e.ID).Failures)
		require.Equal(t, int64(1), c.verify("")[0].Chained)

		again = store.Outcome{Message: messages[1], Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 204}, State: store.Delivered}
		require.NoError(t, c.Record(t.Context(), again))
		c.fail(messages[2], begin)
		require.NoError(t, c.Record(t.Context(), again))
		require.Len(t, c.receipts(messages[1].Event.CaseID), 1)
		require.Equal(t, 1, c.health(e.ID).Failures, "what succeeded before what failed does not undo it")
		require.Empty(t, c.verify("")[0].Fault)
	}},
	{"what is given up twice after the same attempt has one receipt", func(t *testing.T, url string) {
		c := newClinic(t, url)
		m := c.waiting(c.endpoint(), 1)[0]
		c.fail(m, begin)
		for range 2 {
			_, _, err := c.Cancel(t.Context(), c.org.ID, m.DeliveryID, nil)
			require.NoError(t, err)
			_, err = c.Retry(t.Context(), c.org.ID, m.DeliveryID, nil)
			require.NoError(t, err)
		}
		require.Len(t, c.receipts(m.Event.CaseID), 1)
	}},
	{"the receipts of each organisation are chained, and verified while the database is in use", func(t *testing.T, url string) {
		c := newClinic(t, url)
		other := c.neighbour()
		c.tell(3)
		other.tell(2)
		chains := c.verify("")
		require.Equal(t, []int64{3, 2}, []int64{chains[0].Unchained, chains[1].Unchained})
		c.chain()
		c.tell(4)
		c.chain()
		c.tell(1)
		chains = c.verify("")
		require.Equal(t, []string{"Clinic", "Neighbour"}, []string{chains[0].Organization, chains[1].Organization})
		require.Equal(t, []int64{7, 2, 1}, []int64{chains[0].Chained, chains[0].Blocks, chains[0].Unchained})
		require.Equal(t, []int64{2, 1, 0}, []int64{chains[1].Chained, chains[1].Blocks, chains[1].Unchained})
		noted := chains[0].Head
		c.chain()
		require.NotEqual(t, noted, c.verify(noted)[0].Head)
		_, err := store.VerifyReceipts(t.Context(), c.url, "00")
		require.ErrorIs(t, err, store.ErrNoSuchHead)
	}},
	{"nothing is chained twice, and nothing where there is nothing", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.chain()
		c.tell(2)
		c.chain()
		c.chain()
		require.Equal(t, 1, rows(t, url, `SELECT COUNT(*) FROM receipt_blocks`))
	}},
}

// Lost demands that an attempt counts once, and has one receipt, where it is not known
// whether it was recorded. Lose has the answer to the next commit be lost.
func Lost(t *testing.T, url string, lose func()) {
	c := newClinic(t, url)
	e := c.endpoint()
	m := c.waiting(e, 1)[0]
	o := store.Outcome{Message: m, Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 500}, State: store.Failed}
	lose()
	require.True(t, store.Unavailable(c.Record(t.Context(), o)))
	require.Equal(t, 1, c.health(e.ID).Failures, "it was recorded")
	require.NoError(t, c.Record(t.Context(), o))
	require.Equal(t, 1, c.health(e.ID).Failures)
	require.Len(t, c.receipts(m.Event.CaseID), 1)
}

// tamperTests: whatever is done to the receipts behind the store's back is found.
var tamperTests = []test{
	tampering("a receipt is changed", `UPDATE receipts SET outcome = 'failed' WHERE position = 2`, "block 1 does not cover its receipts"),
	tampering("a recipient is taken out", `UPDATE receipts SET recipient = NULL WHERE position = 2`, "block 1 does not cover its receipts"),
	tampering("a clearance is changed", `UPDATE receipts SET phi = 1 WHERE position = 5`, "block 2 does not cover its receipts"),
	tampering("the first receipt is taken out", `DELETE FROM receipts WHERE position = 1`, "block 1 does not cover its receipts"),
	tampering("the last receipt of a block is taken out", `DELETE FROM receipts WHERE position = 3`, "block 1 does not cover its receipts"),
	tampering("the last receipt is taken out", `DELETE FROM receipts WHERE position = 6`, "the last receipt of block 2 is missing"),
	tampering("a receipt is put in", `
		INSERT INTO receipts (transaction_id, organization_id, delivery_id, event_id, event_type, case_id, endpoint_id, outcome, attempts, phi, restricted, at)
		SELECT transaction_id, organization_id, delivery_id, event_id, event_type, case_id, endpoint_id, 'failed', 9, phi, restricted, at
		FROM receipts
		WHERE position = 2`, ""),
	tampering("a block is taken out", `DELETE FROM receipt_blocks WHERE number = 1`, "block 1 is missing"),
	tampering("the last block is taken out", `DELETE FROM receipt_blocks WHERE number = 2`, "is in no block"),
	tampering("the time of a block is changed", `UPDATE receipt_blocks SET at = at + 1 WHERE number = 1`, "block 1 does not cover its receipts"),
	tampering("a block is said to have fewer receipts", `UPDATE receipt_blocks SET receipts = receipts - 1 WHERE number = 2`, "block 2 does not cover its receipts"),
}

// tampering is the test that a statement is found, by a fault that has want in it; or, for
// "", that what it puts in behind all blocks is not taken for chained.
func tampering(name, statement, want string) test {
	return test{name, func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.tell(3)
		c.chain()
		c.tell(3)
		c.chain()
		require.Empty(t, c.verify("")[0].Fault)
		result, err := database(t, url).ExecContext(t.Context(), statement)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		chain := c.verify("")[0]
		if want == "" && chain.Fault == "" {
			require.Equal(t, int64(1), chain.Unchained)
			return
		}
		require.Contains(t, chain.Fault, want)
	}}
}

// tell has n messages of n cases delivered.
func (c *clinic) tell(n int) {
	c.t.Helper()
	endpoints, err := c.Endpoints(c.ctx, c.org.ID, "", 1)
	require.NoError(c.t, err)
	if len(endpoints) == 0 {
		endpoints = append(endpoints, c.endpoint())
	}
	for _, m := range c.waiting(endpoints[0], n) {
		a := &store.Attempt{Number: 1, StartedAt: c.clock.Now(), StatusCode: 204, BodySHA256: []byte{1}}
		require.NoError(c.t, c.Record(c.ctx, store.Outcome{Message: m, Attempt: a, State: store.Delivered, Recipient: "https://partner.example"}))
	}
}

func (c *clinic) chain() {
	c.t.Helper()
	more, err := c.ChainReceipts(c.ctx)
	require.NoError(c.t, err)
	require.False(c.t, more)
}

func (c *clinic) verify(head string) []store.Chain {
	c.t.Helper()
	chains, err := store.VerifyReceipts(c.ctx, c.url, head)
	if !errors.Is(err, store.ErrNoSuchHead) {
		require.NoError(c.t, err)
	}
	return chains
}

func (c *clinic) receipts(caseID string) []store.Receipt {
	c.t.Helper()
	receipts, err := c.CaseReceipts(c.ctx, c.org.ID, caseID, true, 0, 100)
	require.NoError(c.t, err)
	return receipts
}
