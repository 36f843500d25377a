package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
)

var caseTests = []test{
	{"a case that was read again is the one that was changed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.story()
		want, wantKey, err := c.Case(t.Context(), c.org.ID, id, 0)
		require.NoError(t, err)
		c.reopen()
		got, gotKey, err := c.Case(t.Context(), c.org.ID, id, 0)
		require.NoError(t, err)
		requireEqual(t, want, got)
		require.Equal(t, wantKey.MAC("link"), gotKey.MAC("link"), "and its key is the same")
	}},
	{"a case as of its event N is the fold of its first N events", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.story()
		entries, err := c.CaseFeed(t.Context(), c.org.ID, id, 0, 100)
		require.NoError(t, err)
		var state *caselog.Case
		for i, entry := range entries {
			state, err = caselog.Fold(state, entry.Event)
			require.NoError(t, err)
			asOf, _, err := c.Case(t.Context(), c.org.ID, id, int64(i)+1)
			require.NoError(t, err)
			requireEqual(t, state, asOf)
		}
		for _, sequence := range []int64{-1, int64(len(entries)) + 1} {
			_, _, err = c.Case(t.Context(), c.org.ID, id, sequence)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
	}},
	{"a case of 2,001 events is shown as of any of them, in a time that does not grow with the log of others", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cmd := c.creation()
		commands := []caselog.Command{cmd}
		for i := range 2_000 {
			commands = append(commands, caselog.AddComment{Text: fmt.Sprintf("comment %d", i)})
		}
		events := c.do(cmd.ID, nil, commands...).Events
		require.Len(t, events, 2_001)
		look := func() {
			for _, sequence := range []int{1, 2, 199, 999, 1_000, 1_001, 1_999, 2_000, 2_001} {
				want, err := caselog.Fold(nil, events[:sequence]...)
				require.NoError(t, err)
				got, _, err := c.Case(t.Context(), c.org.ID, cmd.ID, int64(sequence))
				require.NoError(t, err)
				requireEqual(t, want, got)
				fed, err := c.CaseFeed(t.Context(), c.org.ID, cmd.ID, int64(sequence)-1, 1)
				require.NoError(t, err)
				require.Len(t, fed, 1)
				requireEqual(t, events[sequence-1], fed[0].Event)
				requireEqual(t, want, fed[0].Case)
			}
		}
		look()
		events = append(events, c.do(cmd.ID, nil, caselog.Escalate{}).Events...)
		look()
		c.reopen()
		look()

		// The first of its events takes little, also where there are fifty times as many others.
		fastest := func() time.Duration {
			least := time.Hour
			for range 20 {
				begun := time.Now()
				_, _, err := c.Case(t.Context(), c.org.ID, cmd.ID, 1)
				require.NoError(t, err)
				least = min(least, time.Since(begun))
			}
			return least
		}
		alone := fastest()
		_, err := database(t, url).ExecContext(t.Context(), `
			WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < 50)
			INSERT INTO events (id, organization_id, case_id, sequence, type, at, body)
			SELECT CAST(n AS TEXT) || id, organization_id, CAST(n AS TEXT) || case_id, sequence, type, at, body
			FROM events, copies`)
		require.NoError(t, err)
		require.Less(t, fastest(), 3*alone+2*time.Millisecond)
	}},
	{"a case is found by its organisation only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		_, _, err := c.Case(t.Context(), c.neighbour().org.ID, id, 0)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, _, err = c.Case(t.Context(), c.org.ID, newID(), 0)
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"the key of a case is found whosever it is", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		_, want, err := c.Case(t.Context(), c.org.ID, id, 0)
		require.NoError(t, err)
		c.reopen()
		got, err := c.CaseKey(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want.MAC("link"), got.MAC("link"))
		_, err = c.CaseKey(t.Context(), newID())
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"cases are listed by what they are, the newest first", func(t *testing.T, url string) {
		c := newClinic(t, url)
		create := func(kind string, commands ...caselog.Command) string {
			c.clock.pass(time.Hour)
			cmd := c.creation()
			cmd.Type = kind
			c.do(cmd.ID, nil, append([]caselog.Command{cmd}, commands...)...)
			return cmd.ID
		}
		open := create("consultation")
		escalated := create("refill", caselog.Escalate{})
		archived := create("consultation", caselog.Archive{Reason: "Done"})
		approved := create("refill", caselog.AddDecision{IsApproved: true})
		c.do(open, nil, comment(1)) // which does not make it newer
		c.neighbour().create(nil)

		for _, test := range []struct {
			name   string
			filter store.CaseFilter
			want   []string
		}{
			{"all", store.CaseFilter{}, []string{approved, archived, escalated, open}},
			{"of a status", store.CaseFilter{Status: caseupdate.StatusApproved}, []string{approved}},
			{"of a type", store.CaseFilter{Type: "refill"}, []string{approved, escalated}},
			{"of a short id", store.CaseFilter{ShortID: shortID(t, c, archived)}, []string{archived}},
			{"archived", store.CaseFilter{IsArchived: new(true)}, []string{archived}},
			{"not archived", store.CaseFilter{IsArchived: new(false)}, []string{approved, escalated, open}},
			{"escalated", store.CaseFilter{IsEscalated: new(true)}, []string{escalated}},
			{"not escalated", store.CaseFilter{IsEscalated: new(false)}, []string{approved, archived, open}},
			{"made after", store.CaseFilter{CreatedAfter: new(begin.Add(2 * time.Hour))}, []string{approved, archived}},
			{"made before", store.CaseFilter{CreatedBefore: new(begin.Add(2 * time.Hour))}, []string{open}},
			{"all at once", store.CaseFilter{Type: "refill", IsEscalated: new(true), Status: caseupdate.StatusOpen, IsArchived: new(false)}, []string{escalated}},
			{"none", store.CaseFilter{Type: "else"}, nil},
		} {
			cases, next, err := c.Cases(t.Context(), c.org.ID, test.filter, store.CasePosition{}, 10)
			require.NoError(t, err, test.name)
			require.Nil(t, next, test.name)
			require.Equal(t, test.want, idsOf(cases), test.name)
		}

		// What is listed follows the case.
		c.do(archived, nil, caselog.Reopen{})
		c.do(escalated, nil, caselog.Deescalate{}, caselog.ChangeStatus{Status: caseupdate.StatusInProgress})
		cases, _, err := c.Cases(t.Context(), c.org.ID, store.CaseFilter{IsArchived: new(true)}, store.CasePosition{}, 10)
		require.NoError(t, err)
		require.Empty(t, cases)
		cases, _, err = c.Cases(t.Context(), c.org.ID, store.CaseFilter{Status: caseupdate.StatusInProgress, IsEscalated: new(false)}, store.CasePosition{}, 10)
		require.NoError(t, err)
		require.Equal(t, []string{escalated}, idsOf(cases))
	}},
	{"a list of cases goes on where it ended, also among those made at the same time", func(t *testing.T, url string) {
		c := newClinic(t, url)
		var want []string
		for i := range 7 {
			if i%3 == 0 {
				c.clock.pass(time.Second)
			}
			want = append(want, c.create(nil))
		}
		slices.Reverse(want)
		var got []string
		after := new(store.CasePosition)
		for pages := 1; after != nil; pages++ {
			cases, next, err := c.Cases(t.Context(), c.org.ID, store.CaseFilter{}, *after, 2)
			require.NoError(t, err)
			got, after = append(got, idsOf(cases)...), next
			require.LessOrEqual(t, pages, 4)
		}
		require.Equal(t, want, got)
	}},
}

func idsOf(cases []*caselog.Case) []string {
	var ids []string
	for _, c := range cases {
		ids = append(ids, c.ID)
	}
	return ids
}
