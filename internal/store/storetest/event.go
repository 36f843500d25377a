package storetest

import (
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
)

var eventTests = []test{
	{"an event that was read again is the one that was decided", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cmd := c.creation()
		want := c.do(cmd.ID, nil, cmd, caselog.Escalate{}, comment(1)).Events
		c.reopen()
		entries, err := c.CaseFeed(t.Context(), c.org.ID, cmd.ID, 0, 10)
		require.NoError(t, err)
		var got []caselog.Event
		for _, entry := range entries {
			got = append(got, entry.Event)
		}
		requireEqual(t, want, got)
	}},
	{"the feed has every event of the organisation in the order of the log, each with the case as of it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		one, two := c.create(nil), c.create(nil)
		c.neighbour().create(nil)
		var want []string
		want = append(want, one, two)
		for i := range 6 {
			id := []string{one, two, two}[i%3]
			c.do(id, nil, comment(i))
			want = append(want, id)
		}

		var got []string
		var after store.Position
		for {
			entries, err := c.Feed(t.Context(), c.org.ID, after, 3)
			require.NoError(t, err)
			if len(entries) == 0 {
				break
			}
			require.LessOrEqual(t, len(entries), 3)
			for _, entry := range entries {
				require.True(t, comesAfter(entry.Position, after), "%v after %v", entry.Position, after)
				after = entry.Position
				got = append(got, entry.Event.CaseID)
				asOf, key, err := c.Case(t.Context(), c.org.ID, entry.Event.CaseID, entry.Event.Sequence)
				require.NoError(t, err)
				requireEqual(t, store.Entry{Position: after, Event: entry.Event, Case: asOf, Key: key}, entry)
			}
		}
		require.Equal(t, want, got)
	}},
	{"which events are restricted is known of those that can be read, and taken for granted of others", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cmd := c.creation()
		events := c.do(cmd.ID, nil, cmd, caselog.AddComment{Text: "between us", IsRestricted: true}, caselog.AddComment{Text: "for all"}).Events
		open, restricted, gone := events[0].ID, events[1].ID, newID()
		c.reopen()
		got, err := c.RestrictedEvents(t.Context(), []string{open, restricted, events[2].ID, gone})
		require.NoError(t, err)
		require.Equal(t, map[string]bool{open: false, restricted: true, events[2].ID: false, gone: true}, got)
		require.NoError(t, c.erase(c.org.ID, cmd.ID))
		got, err = c.RestrictedEvents(t.Context(), []string{open})
		require.NoError(t, err)
		require.Equal(t, map[string]bool{open: true}, got)
	}},
	{"when an event was recorded is known by its organisation, whenever it happened", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id, recorded := c.create(nil), c.clock.Now()
		entries, err := c.CaseFeed(t.Context(), c.org.ID, id, 0, 1)
		require.NoError(t, err)
		eventID := entries[0].Event.ID
		_, err = database(t, url).ExecContext(t.Context(), `UPDATE events SET at = 1`)
		require.NoError(t, err)
		got, err := c.WhenRecorded(t.Context(), c.org.ID, []string{eventID, newID()})
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, recorded.UnixMilli(), got[eventID].UnixMilli())
		got, err = c.WhenRecorded(t.Context(), c.neighbour().org.ID, []string{eventID})
		require.NoError(t, err)
		require.Empty(t, got)
	}},
	{"the feed of a case goes on after a sequence", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		c.comments(4, id, nil)
		for _, test := range []struct {
			after int64
			limit int
			want  []int64
		}{
			{0, 2, []int64{1, 2}},
			{2, 2, []int64{3, 4}},
			{4, 2, []int64{5}},
			{0, 100, []int64{1, 2, 3, 4, 5}},
			{5, 2, nil},
			{99, 2, nil},
			{-3, 2, []int64{1, 2}},
		} {
			entries, err := c.CaseFeed(t.Context(), c.org.ID, id, test.after, test.limit)
			require.NoError(t, err)
			var got []int64
			for _, entry := range entries {
				got = append(got, entry.Event.Sequence)
				require.Equal(t, entry.Event.Sequence, entry.Case.Version)
			}
			require.Equal(t, test.want, got, "%d after %d", test.limit, test.after)
		}
	}},
	{"the feed of a case is its organisation's only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		_, err := c.CaseFeed(t.Context(), c.neighbour().org.ID, id, 0, 10)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.CaseFeed(t.Context(), c.org.ID, newID(), 0, 10)
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}

// comesAfter reports whether the place a of the feed comes after b.
func comesAfter(a, b store.Position) bool {
	return cmp.Or(cmp.Compare(a.Transaction, b.Transaction), cmp.Compare(a.Event, b.Event)) > 0
}

// Restored demands that a reader of the feed misses nothing where the database was
// restored into another cluster of PostgreSQL, in which the ids of transactions are
// lower.
func Restored(t *testing.T, url string) {
	c := newClinic(t, url)
	id := c.create(nil)
	require.NoError(t, c.Close())
	_, err := database(t, url).ExecContext(t.Context(), `UPDATE events SET transaction_id = transaction_id + 1000000000`)
	require.NoError(t, err)

	c.open()
	before, err := c.Feed(t.Context(), c.org.ID, store.Position{}, 10)
	require.NoError(t, err)
	require.Len(t, before, 1)
	for round := range 2 {
		c.comments(1, id, nil)
		after, err := c.Feed(t.Context(), c.org.ID, before[round].Position, 10)
		require.NoError(t, err)
		require.Len(t, after, 1)
		require.Equal(t, int64(2+round), after[0].Event.Sequence)
		before = append(before, after[0])
		c.reopen()
	}

	c.calls(1)
	require.NoError(t, c.Close())
	_, err = database(t, url).ExecContext(t.Context(), `UPDATE audit_entries SET transaction_id = transaction_id + 2000000000`)
	require.NoError(t, err)
	c.open()
	c.calls(1)
	c.chainAudit()
	require.Equal(t, int64(2), c.verifyAudit()[0].Chained, "the audit goes on too")
}
