package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var changeTests = []test{
	{"a change commits its events, and a delivery for every endpoint that is subscribed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		all := c.endpoint()
		comments := c.endpoint(func(e *subscription.Endpoint) { e.Events = []string{string(caseupdate.EventAddCaseComment)} })
		other := c.neighbour().endpoint()

		id := c.create(nil)
		committed := c.do(id, nil, comment(1), caselog.Escalate{}, comment(2))

		require.Len(t, committed.Events, 3)
		require.Equal(t, int64(4), committed.Case.Version)
		now, _, err := c.Case(t.Context(), c.org.ID, id, 0)
		require.NoError(t, err)
		requireEqual(t, committed.Case, now)
		require.Equal(t,
			[]string{"1 CREATE_CASE pending", "2 ADD_CASE_COMMENT pending", "3 ESCALATE_CASE pending", "4 ADD_CASE_COMMENT pending"},
			c.deliveries(store.DeliveryFilter{EndpointID: all.ID}))
		require.Equal(t,
			[]string{"1 ADD_CASE_COMMENT pending", "2 ADD_CASE_COMMENT pending"},
			c.deliveries(store.DeliveryFilter{EndpointID: comments.ID}))
		require.Empty(t, c.neighbour().deliveries(store.DeliveryFilter{EndpointID: other.ID}))
	}},
	{"what is restricted is not for who has no clearance, and leaves no hole in the sequence", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cleared := c.endpoint()
		public := c.endpoint(func(e *subscription.Endpoint) { e.Clearance.Restricted = false })

		id := c.create(nil)
		c.do(id, nil, comment(1), caselog.AddComment{Text: "secret", IsRestricted: true}, comment(2))
		c.do(id, nil, caselog.AddComment{Text: "secret", IsRestricted: true})
		c.do(id, nil, caselog.Escalate{})

		require.Len(t, c.deliveries(store.DeliveryFilter{EndpointID: cleared.ID}), 6)
		require.Equal(t,
			[]string{"1 CREATE_CASE pending", "2 ADD_CASE_COMMENT pending", "3 ADD_CASE_COMMENT pending", "4 ESCALATE_CASE pending"},
			c.deliveries(store.DeliveryFilter{EndpointID: public.ID}))
	}},
	{"an endpoint that is paused or disabled gets its deliveries, which nobody is handed or told of", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for _, state := range []subscription.State{subscription.Paused, subscription.Disabled} {
			e := c.endpoint(func(e *subscription.Endpoint) { e.State = state })
			outbox := new(tray)
			id := c.create(outbox)
			require.Empty(t, outbox.messages)
			require.Empty(t, outbox.waiting)
			require.Equal(t, []string{"1 CREATE_CASE pending"}, c.deliveries(store.DeliveryFilter{EndpointID: e.ID, CaseID: id}))
		}
	}},
	{"a message comes with its event, the case as of it, and the key of the case", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		first := outbox.take()[0]
		committed := c.do(id, outbox, comment(1), caselog.Escalate{})

		second := outbox.take()
		for i, m := range second {
			asOf, key, err := c.Case(t.Context(), c.org.ID, id, int64(i)+2)
			require.NoError(t, err)
			require.Equal(t, key, m.Key)
			requireEqual(t, store.Message{
				DeliveryID:     m.DeliveryID,
				OrganizationID: c.org.ID,
				EndpointID:     e.ID,
				Lane:           id,
				Sequence:       int64(i) + 2,
				Event:          committed.Events[i],
				Case:           asOf,
				Key:            key,
			}, m)
		}
		require.Equal(t, int64(1), first.Case.Version, "the case as of an earlier event has not changed")
	}},
	{"the case that a change is of must be there, and the organisation's", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		foreign := c.neighbour()
		_, err := foreign.Change(t.Context(), foreign.proposal(id, nil, comment(1)))
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.Change(t.Context(), c.proposal(newID(), nil, comment(1)))
		require.ErrorIs(t, err, store.ErrNotFound)

		nobody := *c
		nobody.org.ID = newID()
		_, err = nobody.Change(t.Context(), nobody.proposal(id, nil, comment(1)))
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"nothing of a change that is refused, or fails, is there", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		id := c.create(nil)
		document := store.Blob{ID: newID(), Size: 3}
		p := c.proposal(id, nil, comment(1))
		p.Blobs = []store.Blob{document}
		_, err := c.Change(t.Context(), p)
		require.NoError(t, err)
		require.NoError(t, c.Keep(t.Context(), c.org.ID, &store.Kept{Once: store.Once{Key: "used"}}))
		wantFeed, err := c.Feed(t.Context(), c.org.ID, store.Position{}, 100)
		require.NoError(t, err)
		wantDeliveries := c.find(store.DeliveryFilter{})

		refused := errors.New("refused")
		taken := c.creation()
		taken.ShortID = shortID(t, c, id)
		again := c.creation()
		again.ID = id
		elsewhere := *c
		elsewhere.org = c.neighbour().org
		for _, test := range []struct {
			name     string
			proposal store.Proposal
			change   func(*store.Proposal)
			want     error // nil: any
		}{
			{"because the domain says no", c.proposal(id, nil, comment(1), caselog.Deescalate{}), nil, nil},
			{"because nothing was decided", c.proposal(id, nil, comment(1)), func(p *store.Proposal) {
				p.Decide = func(*caselog.Case) ([]caselog.Event, error) { return nil, nil }
			}, nil},
			{"because its answer cannot be made", c.proposal(id, nil, comment(1)), func(p *store.Proposal) {
				p.Once, p.Answer = &store.Once{Key: "new"}, func(*store.Committed) ([]byte, error) { return nil, refused }
			}, refused},
			{"because its idempotency key is taken", c.proposal(id, nil, comment(1)), func(p *store.Proposal) {
				p.Once, p.Answer = &store.Once{Key: "used"}, answer("")
			}, store.ErrAnswered},
			{"because its short id is taken", c.proposal(taken.ID, nil, taken, comment(1)), func(p *store.Proposal) {
				p.Once, p.Answer = &store.Once{Key: "new"}, answer("")
			}, store.ErrShortIDTaken},
			{"because the case is there", c.proposal(id, nil, again), nil, store.ErrCaseExists},
			{"because another organisation has a case of that id", elsewhere.proposal(id, nil, again), nil, store.ErrCaseExists},
			{"because the database does not take it", c.proposal(id, nil, comment(1)), func(p *store.Proposal) {
				p.Blobs = []store.Blob{document}
				p.Once, p.Answer = &store.Once{Key: "new"}, answer("")
			}, nil},
		} {
			outbox := new(tray)
			p := test.proposal
			p.Outbox = outbox
			if test.change != nil {
				test.change(&p)
			}
			_, err := c.Change(t.Context(), p)
			require.Error(t, err, test.name)
			if test.want != nil {
				require.ErrorIs(t, err, test.want, test.name)
			}
			require.Empty(t, outbox.messages, test.name)

			feed, err := c.Feed(t.Context(), c.org.ID, store.Position{}, 100)
			require.NoError(t, err)
			requireEqual(t, wantFeed, feed)
			requireEqual(t, wantDeliveries, c.find(store.DeliveryFilter{}))
			_, _, err = c.Answer(t.Context(), c.org.ID, "new")
			require.ErrorIs(t, err, store.ErrNotFound, test.name)
		}

		// What was refused left no trace in memory either.
		committed := c.do(id, nil, comment(2))
		require.Equal(t, int64(3), committed.Case.Version)
		require.Len(t, committed.Case.Comments, 2)
	}},
	{"two organisations may have the same short id", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		other := c.neighbour()
		cmd := other.creation()
		cmd.ShortID = shortID(t, c, id)
		other.do(cmd.ID, nil, cmd)
	}},
	{"a change decides again when the endpoints changed meanwhile", func(t *testing.T, url string) {
		c := newClinic(t, url)
		gone := c.endpoint()
		id := c.create(nil)

		var added *subscription.Endpoint
		decided := 0
		p := c.proposal(id, nil, comment(1))
		decide := p.Decide
		p.Decide = func(state *caselog.Case) ([]caselog.Event, error) {
			if decided++; decided == 1 {
				added = c.endpoint()
				require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, gone.ID))
			}
			return decide(state)
		}
		_, err := c.Change(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, 2, decided)
		require.Equal(t, []string{"1 ADD_CASE_COMMENT pending"}, c.deliveries(store.DeliveryFilter{EndpointID: added.ID}))
		require.Equal(t, []string{"1 CREATE_CASE canceled"}, c.deliveries(store.DeliveryFilter{EndpointID: gone.ID}))
	}},
	{"one change that the database does not take does not take the others with it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		document := store.Blob{ID: newID(), Size: 3}
		p := c.proposal(c.create(nil), nil, comment(1))
		p.Blobs = []store.Blob{document}
		_, err := c.Change(t.Context(), p)
		require.NoError(t, err)

		var ids []string
		for range 32 {
			ids = append(ids, c.create(nil))
		}
		var group sync.WaitGroup
		errs := make([]error, len(ids))
		held := c.holdWriter()
		for i, id := range ids {
			p := c.proposal(id, nil, comment(1))
			p.Decide = held.arriving(p.Decide)
			if i%2 == 1 {
				p.Blobs = []store.Blob{document}
			}
			group.Go(func() { _, errs[i] = c.Change(t.Context(), p) })
		}
		held.release(len(ids) / 2)
		group.Wait()
		for i, id := range ids {
			state, _, err := c.Case(t.Context(), c.org.ID, id, 0)
			require.NoError(t, err)
			sent := c.deliveries(store.DeliveryFilter{EndpointID: e.ID, CaseID: id})
			if i%2 == 1 {
				require.Error(t, errs[i])
				require.Equal(t, int64(1), state.Version)
				require.Len(t, sent, 1)
			} else {
				require.NoError(t, errs[i])
				require.Equal(t, int64(2), state.Version)
				require.Len(t, sent, 2)
			}
		}
	}},
}

// answer makes what a change keeps.
func answer(text string) func(*store.Committed) ([]byte, error) {
	return func(*store.Committed) ([]byte, error) { return []byte(text), nil }
}

// shortID returns that of a case.
func shortID(t *testing.T, c *clinic, id string) string {
	t.Helper()
	state, _, err := c.Case(t.Context(), c.org.ID, id, 0)
	require.NoError(t, err)
	return state.ShortID
}
