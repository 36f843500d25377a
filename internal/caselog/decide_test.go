package caselog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func TestTheEventsOfOneCommandFollowEachOther(t *testing.T) {
	s := tell(t, caselog.Escalate{})
	s.as(nurse, caselog.AddDecision{IsApproved: true})

	equal(t, "the second event of the decision", caselog.Event{
		ID:       s.events[3].ID,
		CaseID:   "case-1",
		Sequence: 4,
		At:       s.when(),
		Actor:    nurse,
		Data:     &caselog.StatusChanged{Old: caseupdate.StatusOpen, New: caseupdate.StatusApproved},
	}, s.events[3])
	for i, e := range s.events {
		require.Equal(t, int64(i+1), e.Sequence)
		require.Equal(t, "case-1", e.CaseID)
	}
	require.Equal(t, s.events[2].At, s.events[3].At)
	require.NotEqual(t, s.events[2].ID, s.events[3].ID)
}

func TestTimeIsCutToTheMillisecondInUTC(t *testing.T) {
	s := blank(t)
	act := s.act()
	act.At = time.Date(2026, 11, 23, 15, 5, 6, 789_999_999, time.FixedZone("CET", 3600))
	happened, err := caselog.Decide(nil, creation(), act)
	require.NoError(t, err)
	require.Equal(t, "2026-11-23T14:05:06.789Z", happened[0].At.String())
	require.Equal(t, time.UTC, happened[0].At.Location())
}

func TestTimeDoesNotRunBackwardsInACase(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration // of the command, after the last event
		want  time.Duration
	}{
		{"later", time.Second, time.Second},
		{"at the same time", 0, 0},
		{"within the same millisecond", 999 * time.Microsecond, 0},
		{"a little before", -time.Microsecond, 0},
		{"long before", -24 * time.Hour, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t)
			want := caseupdate.At(s.at.Add(test.want))
			s.at = s.at.Add(test.after - time.Minute) // to which do adds a minute
			s.do(caselog.AddComment{Text: "a"})
			require.Equal(t, want, s.now.UpdatedAt)
			require.Equal(t, want, s.now.Comments[0].CreatedAt, "what was made has the time of its event")
			require.Equal(t, want, s.activity().Timestamp)
		})
	}
}

func TestACaseHasAtMostTenThousandEvents(t *testing.T) {
	full := conflict("the case has as many events as a case can have, 10,000")
	s := tell(t)
	var events []caselog.Event
	for sequence := int64(2); sequence < caselog.MaxEvents; sequence++ {
		var data caselog.Data = &caselog.Escalated{}
		if sequence%2 == 1 {
			data = &caselog.Deescalated{}
		}
		events = append(events, caselog.Event{
			ID: fmt.Sprint("event-", sequence), CaseID: "case-1", Sequence: sequence, At: s.when(), Actor: robot, Data: data,
		})
	}
	var err error
	s.now, err = caselog.Fold(s.now, events...)
	require.NoError(t, err)
	require.Equal(t, int64(9_999), s.now.Version)

	s.refuses(caselog.AddDecision{IsApproved: true}, full) // two events
	s.do(caselog.AddComment{Text: "the last word"})
	s.refuses(caselog.AddComment{Text: "one more"}, full)
	s.refuses(caselog.Archive{Reason: "RESOLVED"}, full)
}
