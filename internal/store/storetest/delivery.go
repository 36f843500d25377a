package storetest

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/store"
)

var deliveryTests = []test{
	{"a delivery tells what it is of, and is being sent while it is the first of a lane that somebody has", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		messages := outbox.take()
		want := []store.Delivery{{
			ID:             messages[0].DeliveryID,
			OrganizationID: c.org.ID,
			EventID:        messages[0].Event.ID,
			EventType:      caseupdate.EventCreateCase,
			EndpointID:     e.ID,
			CaseID:         id,
			Sequence:       1,
			State:          store.Sending,
			CreatedAt:      at(begin),
		}, {
			ID:             messages[1].DeliveryID,
			OrganizationID: c.org.ID,
			EventID:        messages[1].Event.ID,
			EventType:      caseupdate.EventAddCaseComment,
			EndpointID:     e.ID,
			CaseID:         id,
			Sequence:       2,
			State:          store.Pending,
			CreatedAt:      at(begin),
		}}
		requireEqual(t, want, c.find(store.DeliveryFilter{}))
		for _, d := range want {
			got, attempts, err := c.Delivery(t.Context(), c.org.ID, d.ID)
			require.NoError(t, err)
			requireEqual(t, d, got)
			require.Empty(t, attempts)
		}
	}},
	{"every attempt is recorded, and says what the receiver answered or why it did not", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		m := outbox.take()[0]
		attempts := []store.Attempt{
			{Number: 1, StartedAt: at(begin), Duration: 15 * time.Second, Error: "no answer within 15s"},
			{Number: 2, StartedAt: at(begin.Add(time.Minute)), Duration: 7 * time.Millisecond, StatusCode: 503, Answer: []byte("not now")},
			{Number: 3, StartedAt: at(begin.Add(time.Hour)), Duration: time.Millisecond, StatusCode: 204},
		}
		for i, a := range attempts {
			o := store.Outcome{Message: m, Attempt: &a, State: store.Pending}
			if i == 2 {
				o.State = store.Delivered
			} else {
				o.RetryAt = &attempts[i+1].StartedAt
			}
			require.NoError(t, c.Record(t.Context(), o))
			got, recorded, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
			require.NoError(t, err)
			requireEqual(t, attempts[:i+1], recorded)
			require.Equal(t, i+1, got.Tries)
			if i == 2 {
				require.Equal(t, store.Delivered, got.State)
				require.Equal(t, at(begin.Add(time.Hour+time.Millisecond)), *got.FinishedAt)
				require.Nil(t, got.NextAttemptAt)
			} else {
				require.Equal(t, store.Sending, got.State)
				require.Nil(t, got.FinishedAt)
			}
		}
		c.reopen()
		_, recorded, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
		require.NoError(t, err)
		requireEqual(t, attempts, recorded)
	}},
	{"the newest message that was delivered to an endpoint tells how it answered", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 3)
		other := c.endpoint()
		c.deliver(messages[0], nil)
		c.clock.pass(time.Minute)
		c.deliver(messages[1], nil)
		c.fail(messages[2], begin.Add(time.Hour))
		got, err := c.LastDelivered(t.Context(), []string{e.ID, other.ID})
		require.NoError(t, err)
		requireEqual(t, map[string]store.Answer{e.ID: {At: at(begin.Add(time.Minute + time.Second)), StatusCode: 204}}, got)
		got, err = c.LastDelivered(t.Context(), []string{other.ID})
		require.NoError(t, err)
		require.Empty(t, got)
	}},
	{"of a delivery that was attempted very often the last 200 attempts are shown", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		m := outbox.take()[0]
		for number := 1; number <= 203; number++ {
			a := &store.Attempt{Number: number, StartedAt: at(begin), StatusCode: 500}
			require.NoError(t, c.Record(t.Context(), store.Outcome{Message: m, Attempt: a, State: store.Pending, RetryAt: new(at(begin))}))
		}
		got, recorded, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
		require.NoError(t, err)
		require.Equal(t, 203, got.Tries)
		require.Len(t, recorded, 200)
		require.Equal(t, []int{4, 203}, []int{recorded[0].Number, recorded[199].Number})
	}},
	{"a delivery that waits tells when it is tried again", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		m := outbox.take()[0]
		due := begin.Add(time.Minute)
		c.fail(m, due)
		got, _, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
		require.NoError(t, err)
		require.Equal(t, store.Pending, got.State)
		require.Equal(t, at(due), *got.NextAttemptAt)
	}},
	{"a delivery tells what comes before it in its lane", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		c.create(outbox)
		messages := outbox.take()
		due := begin.Add(time.Minute)
		c.fail(messages[0], due)
		var ids []string
		for _, m := range messages {
			ids = append(ids, m.DeliveryID)
		}
		ahead, err := c.Ahead(t.Context(), ids)
		require.NoError(t, err)
		head := store.Head{DeliveryID: ids[0], EventID: messages[0].Event.ID, EventType: caseupdate.EventCreateCase, Sequence: 1, DueAt: &due}
		require.Equal(t, map[string]store.Ahead{ids[1]: {Count: 1, First: head}, ids[2]: {Count: 2, First: head}}, ahead)

		_, _, err = c.Cancel(t.Context(), c.org.ID, ids[0], nil)
		require.NoError(t, err)
		ahead, err = c.Ahead(t.Context(), ids)
		require.NoError(t, err)
		require.Equal(t, map[string]store.Ahead{ids[2]: {
			Count: 1,
			First: store.Head{DeliveryID: ids[1], EventID: messages[1].Event.ID, EventType: caseupdate.EventAddCaseComment, Sequence: 2},
		}}, ahead)
	}},
	{"what a delivery sends is read whatever its state, until its case is erased", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		want := outbox.take()[1]
		c.deliver(want, nil)
		c.reopen()
		got, err := c.Message(t.Context(), c.org.ID, want.DeliveryID)
		require.NoError(t, err)
		require.Equal(t, 1, got.Tries)
		require.Equal(t, want.Sequence, got.Sequence)
		requireEqual(t, want.Event, got.Event)
		require.Equal(t, want.Event.Sequence, got.Case.Version)
		_, err = c.Message(t.Context(), c.neighbour().org.ID, want.DeliveryID)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NoError(t, c.erase(c.org.ID, id))
		_, err = c.Message(t.Context(), c.org.ID, want.DeliveryID)
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"a delivery that failed for good, or was given up, is finished and the lane goes on", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		messages := outbox.take()
		for i, state := range []store.State{store.Failed, store.Canceled} {
			a := &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 500}
			require.NoError(t, c.Record(t.Context(), store.Outcome{Message: messages[i], Attempt: a, State: state}))
		}
		require.Equal(t,
			[]string{"1 CREATE_CASE failed", "2 ADD_CASE_COMMENT canceled", "3 ADD_CASE_COMMENT sending"},
			c.deliveries(store.DeliveryFilter{}))
		require.Equal(t, []int64{3}, sequences(c.load(e.ID, id).Messages))
	}},
	{"many outcomes at the same time are each recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		for range crowd {
			c.create(outbox)
		}
		messages := outbox.take()
		settled := make(chan bool, crowd)
		for i, m := range messages {
			go func() {
				o := store.Outcome{
					Message: m,
					Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 200 + i, Answer: []byte{byte(i)}},
					State:   store.Delivered,
					End:     &store.End{Node: c.node, EndpointID: m.EndpointID, Lane: m.Lane, Through: 1, Settled: func(remains, _ bool) { settled <- remains }},
				}
				if err := c.Record(t.Context(), o); err != nil {
					t.Error(err)
				}
			}()
		}
		for range messages {
			require.False(t, <-settled)
		}
		for i, m := range messages {
			got, attempts, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
			require.NoError(t, err)
			require.Equal(t, store.Delivered, got.State)
			requireEqual(t, []store.Attempt{{Number: 1, StartedAt: at(begin), StatusCode: 200 + i, Answer: []byte{byte(i)}}}, attempts)
		}
		requireDue(t, c, e.ID, nil)
	}},
	{"the deliveries of some events are listed, and nobody else's", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		c.endpoint()
		id := c.create(nil)
		c.comments(1, id, nil)
		c.comments(1, id, nil)
		all := c.find(store.DeliveryFilter{CaseID: id})
		slices.Reverse(all)
		first, second := all[2].EventID, all[0].EventID
		got, err := c.DeliveriesOf(t.Context(), c.org.ID, []string{first, second, newID()}, 10)
		require.NoError(t, err)
		require.Equal(t, all[:4], got)
		got, err = c.DeliveriesOf(t.Context(), c.org.ID, []string{first, second}, 3)
		require.NoError(t, err)
		require.Equal(t, all[:3], got)
		none, err := c.DeliveriesOf(t.Context(), c.neighbour().org.ID, []string{first}, 10)
		require.NoError(t, err)
		require.Empty(t, none)
		none, err = c.DeliveriesOf(t.Context(), c.org.ID, nil, 10)
		require.NoError(t, err)
		require.Empty(t, none)
	}},
	{"what failed for good is told in the order in which it did, the last first", func(t *testing.T, url string) {
		c := newClinic(t, url)
		messages := c.waiting(c.endpoint(), 4)
		for _, i := range []int{2, 0, 3} {
			c.clock.pass(time.Minute)
			c.failForGood(messages[i])
		}
		var got []string
		failed, err := c.FailedLately(t.Context(), c.org.ID, 2)
		require.NoError(t, err)
		for _, d := range failed {
			got = append(got, d.ID)
		}
		require.Equal(t, []string{messages[3].DeliveryID, messages[0].DeliveryID}, got)
		none, err := c.FailedLately(t.Context(), c.neighbour().org.ID, 2)
		require.NoError(t, err)
		require.Empty(t, none)
	}},
	{"deliveries are listed by what they are, the newest first, page by page", func(t *testing.T, url string) {
		c := newClinic(t, url)
		one, two := c.endpoint(), c.endpoint()
		outbox := new(tray)
		first, second := c.create(outbox), c.create(outbox)
		c.comments(1, first, outbox)
		messages := byLane(outbox.take())
		c.deliver(messages[one.ID+" "+first][0], nil)
		c.fail(messages[two.ID+" "+second][0], begin.Add(time.Minute))
		event := messages[one.ID+" "+first][1].Event.ID

		all := c.find(store.DeliveryFilter{})
		require.Len(t, all, 6)
		middle := madeAt(all[3])
		var since, untilOne, named int
		for _, d := range all {
			if !madeAt(d).Before(middle) {
				since++
			} else if d.EndpointID == one.ID {
				untilOne++
			}
			if d.EventType == caseupdate.EventCreateCase && madeAt(d).Before(middle) {
				named++
			}
		}
		for _, test := range []struct {
			name   string
			filter store.DeliveryFilter
			holds  func(store.Delivery) bool
			want   int
		}{
			{"all", store.DeliveryFilter{}, func(store.Delivery) bool { return true }, 6},
			{"to an endpoint", store.DeliveryFilter{EndpointID: one.ID}, func(d store.Delivery) bool { return d.EndpointID == one.ID }, 3},
			{"of a case", store.DeliveryFilter{CaseID: first}, func(d store.Delivery) bool { return d.CaseID == first }, 4},
			{"of an event", store.DeliveryFilter{EventID: event}, func(d store.Delivery) bool { return d.EventID == event }, 2},
			{"of events of a name", store.DeliveryFilter{Event: caseupdate.EventCreateCase}, func(d store.Delivery) bool { return d.EventType == caseupdate.EventCreateCase }, 4},
			{"of events of a name that nothing has", store.DeliveryFilter{Event: caseupdate.EventReopenCase}, func(store.Delivery) bool { return false }, 0},
			{"of events of a name, to an endpoint", store.DeliveryFilter{Event: caseupdate.EventCreateCase, EndpointID: one.ID}, func(d store.Delivery) bool {
				return d.EventType == caseupdate.EventCreateCase && d.EndpointID == one.ID
			}, 2},
			{"of events of a name, of a case", store.DeliveryFilter{Event: caseupdate.EventAddCaseComment, CaseID: first}, func(d store.Delivery) bool { return d.EventType == caseupdate.EventAddCaseComment }, 2},
			{"of events of a name that wait", store.DeliveryFilter{Event: caseupdate.EventAddCaseComment, State: store.Pending}, func(d store.Delivery) bool {
				return d.EventType == caseupdate.EventAddCaseComment && d.State == store.Pending
			}, 1},
			{"of events of a name that are being sent", store.DeliveryFilter{Event: caseupdate.EventCreateCase, State: store.Sending}, func(d store.Delivery) bool {
				return d.EventType == caseupdate.EventCreateCase && d.State == store.Sending
			}, 2},
			{"of events of a name that were delivered to an endpoint", store.DeliveryFilter{Event: caseupdate.EventCreateCase, EndpointID: one.ID, State: store.Delivered, Tried: true}, func(d store.Delivery) bool {
				return d.EndpointID == one.ID && d.State == store.Delivered
			}, 1},
			{"of events of a name that were tried", store.DeliveryFilter{Event: caseupdate.EventCreateCase, Tried: true}, func(d store.Delivery) bool { return d.Tries > 0 }, 2},
			{"of an event that has a name", store.DeliveryFilter{Event: caseupdate.EventAddCaseComment, EventID: event}, func(d store.Delivery) bool { return d.EventID == event }, 2},
			{"of an event that has another name", store.DeliveryFilter{Event: caseupdate.EventReopenCase, EventID: event}, func(store.Delivery) bool { return false }, 0},
			{"of events of a name that were made until then", store.DeliveryFilter{Event: caseupdate.EventCreateCase, Until: &middle}, func(d store.Delivery) bool {
				return d.EventType == caseupdate.EventCreateCase && madeAt(d).Before(middle)
			}, named},
			{"that are being sent", store.DeliveryFilter{State: store.Sending}, func(d store.Delivery) bool { return d.State == store.Sending }, 3},
			{"that wait", store.DeliveryFilter{State: store.Pending}, func(d store.Delivery) bool { return d.State == store.Pending }, 2},
			{"that were delivered", store.DeliveryFilter{State: store.Delivered}, func(d store.Delivery) bool { return d.State == store.Delivered }, 1},
			{"that failed", store.DeliveryFilter{State: store.Failed}, func(d store.Delivery) bool { return d.State == store.Failed }, 0},
			{"that failed, and are tried again", store.DeliveryFilter{State: store.Pending, Tried: true}, func(d store.Delivery) bool { return d.State == store.Pending && d.Tries > 0 }, 1},
			{"that were tried", store.DeliveryFilter{Tried: true}, func(d store.Delivery) bool { return d.Tries > 0 }, 2},
			{"that failed, and are tried again, to an endpoint", store.DeliveryFilter{EndpointID: two.ID, State: store.Pending, Tried: true}, func(d store.Delivery) bool { return d.EndpointID == two.ID && d.Tries > 0 }, 1},
			{"that were delivered to an endpoint", store.DeliveryFilter{EndpointID: two.ID, State: store.Delivered}, func(store.Delivery) bool { return false }, 0},
			{"of a case that were delivered", store.DeliveryFilter{CaseID: first, State: store.Delivered}, func(d store.Delivery) bool { return d.CaseID == first && d.State == store.Delivered }, 1},
			{"that were made since", store.DeliveryFilter{Since: &middle}, func(d store.Delivery) bool { return !madeAt(d).Before(middle) }, since},
			{"that were made until then, to an endpoint", store.DeliveryFilter{EndpointID: one.ID, Until: &middle}, func(d store.Delivery) bool { return d.EndpointID == one.ID && madeAt(d).Before(middle) }, untilOne},
			{"of a state that there is not", store.DeliveryFilter{State: "lost"}, func(store.Delivery) bool { return false }, 0},
			{"of all of these", store.DeliveryFilter{EndpointID: one.ID, CaseID: first, EventID: event, State: store.Sending}, func(d store.Delivery) bool {
				return d.EndpointID == one.ID && d.EventID == event && d.State == store.Sending
			}, 1},
		} {
			var want []store.Delivery
			for i := len(all) - 1; i >= 0; i-- {
				if test.holds(all[i]) {
					want = append(want, all[i])
				}
			}
			require.Len(t, want, test.want, test.name)
			var got []store.Delivery
			before := ""
			for {
				page, _, err := c.Deliveries(t.Context(), c.org.ID, test.filter, before, 2)
				require.NoError(t, err, test.name)
				if len(page) == 0 {
					break
				}
				require.LessOrEqual(t, len(page), 2)
				got, before = append(got, page...), page[len(page)-1].ID
			}
			requireEqual(t, want, got)
		}
	}},
	{"events of a name are looked for a part of the deliveries at a time, and all are found", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		first := c.find(store.DeliveryFilter{CaseID: c.create(nil)})[0]
		// Of what was delivered there is more than is looked at at once, and much less failed.
		require.NoError(t, addDeliveries(t.Context(), database(t, url), first.ID, 1, 9000, 4000))
		for name, filter := range map[string]store.DeliveryFilter{
			"all":               {},
			"to an endpoint":    {EndpointID: e.ID},
			"that failed":       {State: store.Failed},
			"that were tried":   {Tried: true},
			"of a case":         {CaseID: first.CaseID},
			"of a case, failed": {CaseID: first.CaseID, State: store.Failed},
		} {
			filter.Event = caseupdate.EventEscalateCase
			var found []string
			pages, before := 0, ""
			for more := true; more; pages++ {
				page, reached, err := c.Deliveries(t.Context(), c.org.ID, filter, before, 10)
				require.NoError(t, err, name)
				for _, d := range page {
					require.Equal(t, caseupdate.EventEscalateCase, d.EventType)
					found = append(found, d.EventID)
				}
				more = reached != ""
				require.True(t, !more || before == "" || reached < before, name)
				before = reached
			}
			require.Equal(t, []string{"8003", "4003", "3"}, found, name)
			if filter.State == store.Failed && filter.CaseID == "" {
				require.Equal(t, 1, pages, "there are few of them")
			} else {
				require.Equal(t, 3, pages, name)
			}
		}
	}},
	{"events of a name are all found, also while more is recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		first := c.find(store.DeliveryFilter{CaseID: c.create(nil)})[0]
		db := database(t, url)
		require.NoError(t, addDeliveries(t.Context(), db, first.ID, 1, 9000, 40))
		var recording sync.WaitGroup
		defer recording.Wait()
		recording.Go(func() {
			for number := 9001; number < 15000; number += 100 {
				if err := addDeliveries(t.Context(), db, first.ID, number, number+99, 40); err != nil {
					t.Error(err)
				}
			}
		})
		for range 30 {
			found := make(map[string]bool)
			before := ""
			for more := true; more; {
				page, reached, err := c.Deliveries(t.Context(), c.org.ID, store.DeliveryFilter{Event: caseupdate.EventEscalateCase}, before, 1000)
				require.NoError(t, err)
				for _, d := range page {
					found[d.EventID] = true
				}
				before, more = reached, reached != ""
			}
			for number := 3; number <= 9000; number += 40 {
				require.True(t, found[strconv.Itoa(number)], "event %d", number)
			}
		}
	}},
	{"what another organisation has is not told of by how far it is looked through", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		first := c.find(store.DeliveryFilter{CaseID: c.create(nil)})[0]
		require.NoError(t, addDeliveries(t.Context(), database(t, url), first.ID, 1, 5000, 4000))
		other := c.neighbour()
		for name, filter := range map[string]store.DeliveryFilter{
			"an endpoint":           {EndpointID: e.ID},
			"a case":                {CaseID: first.CaseID},
			"an event":              {EventID: first.EventID},
			"an endpoint of a case": {EndpointID: e.ID, CaseID: first.CaseID},
		} {
			for _, event := range []caseupdate.Event{"", caseupdate.EventReopenCase, caseupdate.EventAddCaseComment} {
				filter.Event = event
				found, reached, err := other.Deliveries(t.Context(), other.org.ID, filter, "", 10)
				require.NoError(t, err, name)
				require.Empty(t, found, name)
				require.Empty(t, reached, name)
			}
		}
		_, reached, err := c.Deliveries(t.Context(), c.org.ID, store.DeliveryFilter{EndpointID: e.ID, Event: caseupdate.EventReopenCase}, "", 10)
		require.NoError(t, err)
		require.NotEmpty(t, reached, "whose they are is told")
	}},
	{"deliveries are their organisation's only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		c.create(nil)
		d := c.find(store.DeliveryFilter{})[0]
		other := c.neighbour()
		require.Empty(t, other.find(store.DeliveryFilter{}))
		require.Empty(t, other.find(store.DeliveryFilter{EndpointID: d.EndpointID}))
		_, _, err := other.Delivery(t.Context(), other.org.ID, d.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = other.Retry(t.Context(), other.org.ID, d.ID, nil)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, _, err = c.Delivery(t.Context(), c.org.ID, newID())
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.Retry(t.Context(), c.org.ID, newID(), nil)
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}

// at returns t as it comes back from the database: in UTC, to the millisecond.
func at(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func byEndpoint(messages []store.Message, id string) []store.Message {
	var of []store.Message
	for _, m := range messages {
		if m.EndpointID == id {
			of = append(of, m)
		}
	}
	return of
}

// madeAt returns when a delivery was made, as its id says.
func madeAt(d store.Delivery) time.Time {
	return time.Unix(uuid.MustParse(d.ID).Time().UnixTime()).UTC()
}

// addDeliveries adds deliveries like another one, newer than it, of events whose ids are numbers.
// One in a number of them is of an escalation, and one in 1,000 failed.
func addDeliveries(ctx context.Context, db *sql.DB, like string, first, last, escalated int) error {
	_, err := db.ExecContext(ctx, `
		WITH RECURSIVE n (i) AS (SELECT CAST($2 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $3)
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, tries, created_at, finished_at)
		SELECT substr(d.id, 1, 14) || '7000-8000-' || CAST(100000000000 + i AS TEXT), d.organization_id, CAST(i AS TEXT), CASE i % $4 WHEN 3 THEN 'ESCALATE_CASE' ELSE 'ADD_CASE_COMMENT' END,
			d.endpoint_id, d.case_id, d.lane, i + 1, CASE i % 1000 WHEN 3 THEN 'failed' ELSE 'delivered' END, 1, d.created_at, d.created_at
		FROM n
		JOIN deliveries AS d ON d.id = $1`, like, first, last, escalated)
	return err
}
