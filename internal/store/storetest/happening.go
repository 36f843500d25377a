package storetest

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/store"
)

var happeningTests = []test{
	{"what happens is told once, in order", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 3)
		recorded, horizon, more := c.happenings(store.Horizon{}, 100)
		require.Len(t, recorded, 3)
		require.False(t, more)
		for _, h := range recorded {
			require.Equal(t, caseupdate.EventCreateCase, h.EventType)
			require.NotEmpty(t, h.ShortID)
			require.Empty(t, h.DeliveryID)
		}
		c.clock.pass(time.Hour)
		c.deliver(messages[0], nil) // which takes a second
		c.fail(messages[1], c.clock.Now().Add(time.Minute))
		c.failForGood(messages[2])
		ended, horizon, _ := c.happenings(horizon, 100)
		require.Len(t, ended, 3)
		states := map[string]store.State{}
		for _, h := range ended {
			states[h.DeliveryID] = h.State
			require.Equal(t, e.ID, h.EndpointID)
			require.Equal(t, 1, h.Attempt)
			require.Equal(t, h.State != store.Failed, h.Took == time.Second)
		}
		require.Equal(t, map[string]store.State{
			messages[0].DeliveryID: store.Delivered, messages[1].DeliveryID: store.Pending, messages[2].DeliveryID: store.Failed,
		}, states)
		again, horizon, _ := c.happenings(horizon, 100)
		require.Len(t, again, 1, "an attempt that failed may be on record late")
		require.Equal(t, store.Pending, again[0].State)
		others, _, _ := c.neighbour().happenings(store.Horizon{}, 100)
		require.Empty(t, others)

		c.clock.pass(time.Hour)
		messages[1].Tries++
		c.deliver(messages[1], nil)
		last, _, _ := c.happenings(horizon, 100)
		require.Equal(t, []store.State{store.Pending, store.Delivered}, []store.State{last[0].State, last[1].State})
		require.Equal(t, 2, last[1].Attempt)
	}},
	{"of more than asked for the latest is told", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.waiting(c.endpoint(), 5)
		all, end, more := c.happenings(store.Horizon{}, 100)
		require.Len(t, all, 5)
		require.False(t, more)
		latest, reached, more := c.happenings(store.Horizon{}, 2)
		require.Equal(t, all[3:], latest)
		require.Equal(t, end, reached)
		require.True(t, more)
	}},
	{"that more has ended than is looked at is told, whoever's it was", func(t *testing.T, url string) {
		c := newClinic(t, url)
		m := c.waiting(c.endpoint(), 2)
		c.deliver(m[0], nil)
		_, horizon, more := c.happenings(store.Horizon{}, 100)
		require.False(t, more)
		c.deliver(m[1], nil)
		_, err := database(t, url).ExecContext(t.Context(), `
			WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
			INSERT INTO receipts (transaction_id, organization_id, delivery_id, event_id, event_type, case_id, endpoint_id, outcome, attempts, phi, restricted, at)
			SELECT transaction_id, 'another', delivery_id || n, event_id, event_type, case_id, endpoint_id, outcome, attempts, phi, restricted, at
			FROM receipts, numbers
			WHERE delivery_id = $1`, m[1].DeliveryID)
		require.NoError(t, err)
		_, _, more = c.happenings(horizon, 100)
		require.True(t, more)
		_, _, more = c.happenings(store.Horizon{}, 100)
		require.True(t, more)
	}},
	{"of a case that was erased no short id is told", func(t *testing.T, url string) {
		c := newClinic(t, url)
		m := c.waiting(c.endpoint(), 1)[0]
		c.deliver(m, nil)
		require.NoError(t, c.erase(c.org.ID, m.Event.CaseID))
		left, _, _ := c.happenings(store.Horizon{}, 100)
		require.Len(t, left, 1, "the receipt")
		require.Equal(t, m.Event.CaseID, left[0].CaseID)
		require.Empty(t, left[0].ShortID)
	}},
	{"up to where what happened is known is told to its organisation only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		m := c.waiting(c.endpoint(), 2)
		c.deliver(m[0], nil)
		_, horizon, _ := c.happenings(store.Horizon{}, 100)
		sealed, err := c.SealHorizon(t.Context(), c.org.ID, horizon)
		require.NoError(t, err)
		opened, err := c.OpenHorizon(t.Context(), c.org.ID, sealed)
		require.NoError(t, err)
		require.Equal(t, horizon, opened)

		_, err = c.OpenHorizon(t.Context(), c.neighbour().org.ID, sealed)
		require.ErrorIs(t, err, store.ErrNotFound)
		open, err := json.Marshal(horizon)
		require.NoError(t, err)
		for name, text := range map[string]string{
			"nothing": "", "no base64": "{}", "what was not sealed": base64.RawURLEncoding.EncodeToString(open), "a part": sealed[:len(sealed)-4],
		} {
			_, err = c.OpenHorizon(t.Context(), c.org.ID, text)
			require.ErrorIs(t, err, store.ErrNotFound, name)
		}
	}},
}

func (c *clinic) happenings(after store.Horizon, limit int) (all []store.Happening, reached store.Horizon, more bool) {
	c.t.Helper()
	all, reached, more, err := c.Happenings(c.t.Context(), c.org.ID, after, limit)
	require.NoError(c.t, err)
	return all, reached, more
}
