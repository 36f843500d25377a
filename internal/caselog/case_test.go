package caselog_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func TestFoldingNothingChangesNothing(t *testing.T) {
	c, err := caselog.Fold(nil)
	require.NoError(t, err)
	require.Nil(t, c)

	s := tell(t)
	c, err = caselog.Fold(s.now)
	require.NoError(t, err)
	require.Same(t, s.now, c)
}

func TestADamagedLogIsNotFolded(t *testing.T) {
	s := tell(t, caselog.AddComment{Text: "a"}, caselog.AddPayment{Description: "Consultation", Amount: 1}, caselog.CreateOrder{})
	next := func(change func(*caselog.Event)) []caselog.Event {
		e := caselog.Event{ID: "event-5", CaseID: "case-1", Sequence: 5, At: s.when(), Actor: doctor, Data: &caselog.Escalated{}}
		change(&e)
		return []caselog.Event{e}
	}
	saying := func(data caselog.Data) []caselog.Event {
		return next(func(e *caselog.Event) { e.Data = data })
	}
	for _, test := range []struct {
		name   string
		c      *caselog.Case
		events []caselog.Event
	}{
		{"an event is missing", s.now, next(func(e *caselog.Event) { e.Sequence = 6 })},
		{"an event is there twice", s.now, s.events[3:]},
		{"the first event is missing", nil, s.events[1:]},
		{"an event in the middle is missing", nil, []caselog.Event{s.events[0], s.events[1], s.events[3]}},
		{"it begins with something else", nil, next(func(e *caselog.Event) { e.Sequence = 1 })},
		{"it begins again", s.now, saying(&caselog.Created{})},
		{"an event is of another case", s.now, next(func(e *caselog.Event) { e.CaseID = "case-2" })},
		{"a comment is deleted that never was", s.now, saying(&caselog.CommentDeleted{CommentID: "comment-1"})},
		{"an attachment is deleted that never was", s.now, saying(&caselog.AttachmentDeleted{AttachmentID: "scan"})},
		{"somebody is taken off who was not assigned", s.now, saying(&caselog.Unassigned{User: doctor})},
		{"a payment is completed that never was", s.now, saying(&caselog.PaymentCompleted{Payment: caseupdate.Payment{ID: "payment-1"}})},
		{"an order goes on that never was", s.now, saying(&caselog.OrderStatusChanged{Order: caseupdate.Order{ID: "order-1"}})},
		{"an order is tracked that never was", s.now, saying(&caselog.OrderTrackingAdded{Order: caseupdate.Order{ID: "order-1"}})},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := portrait(t, s.now)
			c, err := caselog.Fold(test.c, test.events...)
			require.Error(t, err)
			require.Nil(t, c)
			require.Equal(t, before, portrait(t, s.now))
		})
	}
}

// Lists grow with room to spare, so what is shared shows only where there is some.
func TestTwoFuturesOfACaseLeaveEachOtherAlone(t *testing.T) {
	for _, test := range []struct {
		name string
		cmd  func(c *caselog.Case, text string) caselog.Command
	}{
		{"comments", func(_ *caselog.Case, text string) caselog.Command { return caselog.AddComment{Text: text} }},
		{"deleted comments", func(c *caselog.Case, text string) caselog.Command {
			i := slices.IndexFunc(c.Comments, func(comment caselog.Comment) bool { return comment.Text == text })
			return caselog.DeleteComment{CommentID: c.Comments[i].ID}
		}},
		{"attachments", func(_ *caselog.Case, text string) caselog.Command { return caselog.AddAttachment{File: file(text)} }},
		{"decisions", func(_ *caselog.Case, text string) caselog.Command { return caselog.AddDecision{Category: &text} }},
		{"submissions", func(_ *caselog.Case, text string) caselog.Command {
			cmd := intake(1)
			cmd.Form.Name = text
			return cmd
		}},
		{"assignees", func(_ *caselog.Case, text string) caselog.Command {
			return caselog.Assign{Users: []caseupdate.User{{ID: text}}}
		}},
		{"payments", func(_ *caselog.Case, text string) caselog.Command { return caselog.AddPayment{Description: text} }},
		{"orders", func(_ *caselog.Case, text string) caselog.Command { return caselog.CreateOrder{Status: text} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t)
			for _, text := range []string{"1", "2", "3", "4", "5", "6", "this", "that"} {
				s.do(caselog.AddComment{Text: text})
			}
			for _, text := range []string{"1", "2", "3", "4", "5", "6"} {
				this := s.future(test.cmd(s.now, "this"))
				before := portrait(t, this)
				that := s.future(test.cmd(s.now, "that"))
				require.NotEqual(t, before, portrait(t, that))
				require.Equal(t, before, portrait(t, this))
				s.do(test.cmd(s.now, text))
			}
		})
	}

	t.Run("answers of one submission", func(t *testing.T) {
		s := tell(t, intake(6))
		var c *caselog.Case
		for _, e := range s.events {
			this, err := caselog.Fold(c, e)
			require.NoError(t, err)
			if answered, ok := e.Data.(*caselog.FormAnswered); ok {
				before, another := portrait(t, this), *answered
				another.Response.Text = "that"
				e.Data = &another
				_, err := caselog.Fold(c, e)
				require.NoError(t, err)
				require.Equal(t, before, portrait(t, this))
			}
			c = this
		}
	})
}

// future returns the case after cmd, which the story does not tell.
func (s *story) future(cmd caselog.Command) *caselog.Case {
	s.t.Helper()
	happened, err := caselog.Decide(s.now, cmd, s.act())
	require.NoError(s.t, err)
	next, err := caselog.Fold(s.now, happened...)
	require.NoError(s.t, err)
	return next
}
