package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var endpointTests = []test{
	{"an organisation has at most 2,000 endpoints, beside those that were deleted", func(t *testing.T, url string) {
		c := newClinic(t, url)
		first := c.endpoint()
		_, err := c.Endpoint(t.Context(), c.org.ID, first.ID) // those that follow cannot be read
		require.NoError(t, err)
		_, err = database(t, url).ExecContext(t.Context(), `
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
			INSERT INTO endpoints (id, organization_id, state, settings)
			SELECT id || '-' || i, organization_id, state, settings
			FROM n
			CROSS JOIN endpoints`)
		require.NoError(t, err)
		require.ErrorIs(t, c.InsertEndpoint(t.Context(), newEndpoint(c.org.ID), nil), store.ErrTooManyEndpoints)
		_, err = database(t, url).ExecContext(t.Context(), `UPDATE endpoints SET state = 'deleted' WHERE id <> $1`, first.ID)
		require.NoError(t, err)
		require.NoError(t, c.InsertEndpoint(t.Context(), newEndpoint(c.org.ID), nil))
		require.NoError(t, c.neighbour().InsertEndpoint(t.Context(), newEndpoint(c.neighbour().org.ID), nil))
	}},
	{"an endpoint that was read again is the one that was kept", func(t *testing.T, url string) {
		c := newClinic(t, url)
		want := newEndpoint(c.org.ID)
		want.URL = "https://partner.example/hooks?token=1"
		want.Description = "Partner"
		want.Events = []string{string(caseupdate.EventCreateCase), string(caseupdate.EventEscalateCase)}
		want.Payload, want.Documents, want.Ordering = subscription.PayloadFull, subscription.DocumentsURL, subscription.OrderingNone
		want.Clearance = subscription.Clearance{PHI: true}
		want.Signing = []subscription.Signing{subscription.SigningStandard, subscription.SigningCV}
		want.Headers = map[string]string{"cv-api-key": "secret"}
		want.Timeout, want.MaxInFlight, want.RateLimit = 3*time.Second, 7, new(11)
		want.MaxInlineBytes = new(8 << 20)
		want.Secrets = []subscription.Secret{{Value: "whsec_bmV3", CreatedAt: begin}, {Value: "whsec_b2xk", CreatedAt: begin, ExpiresAt: new(begin.Add(time.Hour))}}
		want.State = subscription.Disabled
		require.NoError(t, c.InsertEndpoint(t.Context(), want, nil))
		for range 2 {
			got, err := c.Endpoint(t.Context(), c.org.ID, want.ID)
			require.NoError(t, err)
			requireEqual(t, want, got)
			got, err = c.EndpointByID(t.Context(), want.ID)
			require.NoError(t, err)
			requireEqual(t, want, got)
			c.reopen()
		}
	}},
	{"a changed endpoint is seen at once by whoever asks, and by the next change", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		id := c.create(nil)
		want := *e
		want.URL = "https://partner.example/elsewhere"
		want.Events = []string{string(caseupdate.EventEscalateCase)}
		want.State = subscription.Paused
		requireEqual(t, &want, c.update(e.ID, func(e *subscription.Endpoint) { *e = want }))
		got, err := c.Endpoint(t.Context(), c.org.ID, e.ID)
		require.NoError(t, err)
		requireEqual(t, &want, got)
		c.comments(1, id, nil)
		require.Equal(t, []string{"1 CREATE_CASE pending"}, c.deliveries(store.DeliveryFilter{EndpointID: e.ID}))
	}},
	{"changes of an endpoint at the same time are all kept", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		addToHeaders(t, e, c)
	}},
	{"a change of an endpoint that is refused changes nothing", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		refused := errors.New("refused")
		_, err := c.UpdateEndpoint(t.Context(), c.org.ID, e.ID, func(e *subscription.Endpoint) (*store.Kept, error) {
			e.Description = "changed"
			return nil, refused
		})
		require.ErrorIs(t, err, refused)
		got, err := c.Endpoint(t.Context(), c.org.ID, e.ID)
		require.NoError(t, err)
		requireEqual(t, e, got)
	}},
	{"a deleted endpoint is gone, and what waits for it is canceled", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e, other := c.endpoint(), c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		first := byEndpoint(outbox.take(), e.ID)[0]
		c.deliver(first, nil)
		waiting := c.create(nil)
		_, err := c.EndpointByID(t.Context(), e.ID)
		require.NoError(t, err)

		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		for range 2 {
			_, err = c.Endpoint(t.Context(), c.org.ID, e.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
			_, err = c.EndpointByID(t.Context(), e.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
			_, err = c.UpdateEndpoint(t.Context(), c.org.ID, e.ID, unchanged)
			require.ErrorIs(t, err, store.ErrNotFound)
			require.ErrorIs(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID), store.ErrNotFound)
			listed, err := c.Endpoints(t.Context(), c.org.ID, "", 10)
			require.NoError(t, err)
			require.Len(t, listed, 1)
			require.Equal(t, other.ID, listed[0].ID)
			require.Equal(t,
				[]string{"1 CREATE_CASE delivered", "2 ADD_CASE_COMMENT canceled"},
				c.deliveries(store.DeliveryFilter{EndpointID: e.ID, CaseID: id}))
			require.Equal(t, []string{"1 CREATE_CASE canceled"}, c.deliveries(store.DeliveryFilter{EndpointID: e.ID, CaseID: waiting}))
			requireDue(t, c, e.ID, nil)
			require.Empty(t, c.claim(e.ID))
			require.Empty(t, c.load(e.ID, id).Messages)
			_, err = c.Retry(t.Context(), c.org.ID, first.DeliveryID, nil)
			require.ErrorIs(t, err, store.ErrNotFound)
			c.reopen()
		}
		c.comments(1, id, nil)
		require.Len(t, c.find(store.DeliveryFilter{EndpointID: e.ID, CaseID: id}), 2)
		require.Len(t, c.find(store.DeliveryFilter{EndpointID: other.ID, CaseID: id}), 3)
	}},
	{"of a deleted endpoint only what it was called is kept", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e, other, stranger := c.endpoint(), c.endpoint(), c.neighbour()
		e, err := c.UpdateEndpoint(t.Context(), c.org.ID, e.ID, func(e *subscription.Endpoint) (*store.Kept, error) {
			e.URL, e.Description = "https://partner.example/hooks?token=secret", "The pharmacy"
			return nil, nil
		})
		require.NoError(t, err)
		size := func() int {
			return rows(t, url, `SELECT length(settings) FROM endpoints WHERE id = $1`, e.ID)
		}
		before := size()
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		require.Less(t, size(), before/2, "its settings and secrets are gone")
		ids := []string{e.ID, other.ID, "none"}
		deleted, err := c.DeletedEndpoints(t.Context(), c.org.ID, ids)
		require.NoError(t, err)
		require.Len(t, deleted, 1)
		require.False(t, deleted[0].DeletedAt.IsZero())
		require.Equal(t, store.DeletedEndpoint{ID: e.ID, Recipient: "https://partner.example/hooks", Description: "The pharmacy", DeletedAt: deleted[0].DeletedAt}, deleted[0])
		known, err := c.KnownEndpoints(t.Context(), c.org.ID)
		require.NoError(t, err)
		require.Len(t, known, 1)
		require.Equal(t, other.ID, known[0].ID)
		deleted, err = stranger.DeletedEndpoints(t.Context(), stranger.org.ID, ids)
		require.NoError(t, err)
		require.Empty(t, deleted)

		// Nothing was kept of those that were deleted by an older casehook.
		_, err = database(t, url).ExecContext(t.Context(), `UPDATE endpoints SET settings = $2 WHERE id = $1`, e.ID, []byte{})
		require.NoError(t, err)
		deleted, err = c.DeletedEndpoints(t.Context(), c.org.ID, ids)
		require.NoError(t, err)
		require.Equal(t, []store.DeletedEndpoint{{ID: e.ID}}, deleted)
	}},
	{"endpoints are their organisation's only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		other := c.neighbour()
		_, err := other.Endpoint(t.Context(), other.org.ID, e.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = other.UpdateEndpoint(t.Context(), other.org.ID, e.ID, unchanged)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorIs(t, other.DeleteEndpoint(t.Context(), other.org.ID, e.ID), store.ErrNotFound)
		got, err := c.Endpoint(t.Context(), c.org.ID, e.ID)
		require.NoError(t, err)
		requireEqual(t, e, got)

		taken := *e
		taken.OrganizationID = newID()
		require.ErrorIs(t, c.InsertEndpoint(t.Context(), &taken, nil), store.ErrNotFound)
		_, err = c.Endpoint(t.Context(), newID(), e.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.EndpointByID(t.Context(), newID())
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"endpoints are listed in the order in which they were made, page by page", func(t *testing.T, url string) {
		c := newClinic(t, url)
		var want []string
		for range 5 {
			want = append(want, c.endpoint().ID)
		}
		c.neighbour().endpoint()
		var got []string
		for {
			after := ""
			if len(got) > 0 {
				after = got[len(got)-1]
			}
			page, err := c.Endpoints(t.Context(), c.org.ID, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.ID)
			}
		}
		require.Equal(t, want, got)
	}},
	{"an endpoint that cannot be kept is not there, and says nothing of its secrets", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		double := newEndpoint(c.org.ID, func(d *subscription.Endpoint) {
			d.ID, d.URL, d.Headers = e.ID, "https://secret.example", map[string]string{"authorization": "secret"}
		})
		err := c.InsertEndpoint(t.Context(), double, nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
		got, err := c.Endpoint(t.Context(), c.org.ID, e.ID)
		require.NoError(t, err)
		requireEqual(t, e, got)
	}},
	{"what is made of an endpoint keeps its answer, once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		kept := &store.Kept{Once: store.Once{Key: "make"}, Answer: []byte("made")}
		e, double := newEndpoint(c.org.ID), newEndpoint(c.org.ID)
		require.NoError(t, c.InsertEndpoint(t.Context(), e, kept))
		require.ErrorIs(t, c.InsertEndpoint(t.Context(), double, kept), store.ErrAnswered)
		_, err := c.Endpoint(t.Context(), c.org.ID, double.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		requireAnswer(t, c, "make", "made", [32]byte{})

		_, err = c.UpdateEndpoint(t.Context(), c.org.ID, e.ID, func(e *subscription.Endpoint) (*store.Kept, error) {
			e.Description = "changed"
			return kept, nil
		})
		require.ErrorIs(t, err, store.ErrAnswered)
		got, err := c.Endpoint(t.Context(), c.org.ID, e.ID)
		require.NoError(t, err)
		require.Empty(t, got.Description)
	}},
	{"an endpoint's settings open nowhere else", func(t *testing.T, url string) {
		c := newClinic(t, url)
		one, two := c.endpoint(), c.endpoint(func(e *subscription.Endpoint) { e.URL = "https://other.example" })
		_, err := database(t, url).ExecContext(t.Context(), `
			UPDATE endpoints
			SET settings = (SELECT settings FROM endpoints WHERE id = $1)
			WHERE id = $2`, one.ID, two.ID)
		require.NoError(t, err)
		c.reopen()
		_, err = c.Endpoint(t.Context(), c.org.ID, two.ID)
		require.Error(t, err)
		require.False(t, errors.Is(err, store.ErrNotFound))
		require.False(t, slices.ContainsFunc([]string{"https", "example", "whsec"}, func(s string) bool { return contains(err, s) }))
	}},
}

// Beside has two processes change an endpoint at the same time. Url is an empty database
// that both may open.
func Beside(t *testing.T, url string) {
	c := newClinic(t, url)
	e := c.endpoint()
	other := *c
	other.open()
	_, err := other.Endpoint(t.Context(), c.org.ID, e.ID)
	require.NoError(t, err, "both have it in mind")
	addToHeaders(t, e, c, &other)
}

// addToHeaders has each of the clinics add headers to an endpoint, all at the same time.
func addToHeaders(t *testing.T, e *subscription.Endpoint, clinics ...*clinic) {
	want := make(map[string]string)
	var group sync.WaitGroup
	for i := range crowd {
		header := fmt.Sprintf("x-%d", i)
		want[header] = "set"
		group.Go(func() {
			c := clinics[i%len(clinics)]
			_, err := c.UpdateEndpoint(t.Context(), e.OrganizationID, e.ID, func(e *subscription.Endpoint) (*store.Kept, error) {
				if e.Headers == nil {
					e.Headers = make(map[string]string)
				}
				e.Headers[header] = "set"
				return nil, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, c := range clinics {
		got := c.update(e.ID, func(*subscription.Endpoint) {})
		require.Equal(t, want, got.Headers)
	}
}
