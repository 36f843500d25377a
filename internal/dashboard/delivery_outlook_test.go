package dashboard

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

func TestWhatBecomesOfADeliveryIsToldInWords(t *testing.T) {
	soon, past := time.Now().Add(4*time.Minute), time.Now().Add(-time.Minute)
	active := &subscription.Endpoint{State: subscription.Active}
	first := &store.Head{DeliveryID: "first", EventType: caseupdate.EventCreateCase, Sequence: 1, DueAt: &soon}
	for name, test := range map[string]struct {
		delivery service.Delivery
		prospect service.Prospect
		by       string
		erased   bool
		row      string // what rows say of it
		want     outlook
	}{
		"delivered": {
			delivery: service.Delivery{State: store.Delivered, Tries: 2, FinishedAt: &past},
			want:     outlook{Tone: "good", Text: "The endpoint took it at attempt 2,", At: &past, Then: "Nothing more is sent."},
		},
		"failed for good": {
			delivery: service.Delivery{State: store.Failed, Tries: 13, FinishedAt: &past},
			want:     outlook{Tone: "bad", Text: "It failed for good after 13 attempts,", At: &past, Then: "Nothing more is sent by itself: send it again when the endpoint is mended."},
		},
		"given up": {
			delivery: service.Delivery{State: store.Canceled, Sequence: 1, FinishedAt: &past},
			want:     outlook{Tone: "quiet", Text: "It was canceled,", At: &past, Then: "It was given up, and its lane went on without it."},
		},
		"given up by somebody": {
			delivery: service.Delivery{State: store.Canceled, Sequence: 1, FinishedAt: &past},
			by:       "the key “Ops”",
			want:     outlook{Tone: "quiet", Text: "It was canceled,", At: &past, Then: "It was given up by the key “Ops”, and its lane went on without it."},
		},
		"withheld": {
			delivery: service.Delivery{State: store.Canceled, Withheld: true, Tries: 1, FinishedAt: &past, EndpointID: "e"},
			prospect: service.Prospect{Uncleared: true},
			want:     outlook{Tone: "quiet", Text: "It was withheld,", At: &past, Then: "Never sent: the endpoint is not cleared for what is restricted. Once it is, this can be sent again.", Path: "/endpoints/e", Link: "The endpoint"},
		},
		"withheld after an attempt": {
			delivery: service.Delivery{State: store.Canceled, Withheld: true, Sequence: 3, Tries: 2, FinishedAt: &past, EndpointID: "e"},
			prospect: service.Prospect{Uncleared: true},
			want:     outlook{Tone: "quiet", Text: "It was withheld,", At: &past, Then: "The endpoint is not cleared for what is restricted. Once it is, this can be sent again.", Path: "/endpoints/e", Link: "The endpoint"},
		},
		"withheld from what is cleared by now": {
			delivery: service.Delivery{State: store.Canceled, Withheld: true, Tries: 1, FinishedAt: &past},
			want:     outlook{Tone: "quiet", Text: "It was withheld,", At: &past, Then: "Never sent: the endpoint was not cleared for what is restricted. It is now, and this can be sent again."},
		},
		"to be withheld": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Uncleared: true},
			want: outlook{
				Tone: "wait", Text: "It waits for its turn, and is withheld then, unless the endpoint is cleared for what is restricted before.",
				Path: "/endpoints/", Link: "The endpoint",
			},
			row: "to be withheld: the endpoint is not cleared for what is restricted",
		},
		"of a case that was erased": {
			delivery: service.Delivery{State: store.Canceled, Sequence: 1, FinishedAt: &past}, erased: true,
			want: outlook{Tone: "quiet", Text: "It was canceled,", At: &past, Then: "Its case was erased."},
		},
		"on its way": {
			delivery: service.Delivery{State: store.Sending, Tries: 2},
			want:     outlook{Tone: "busy", Text: "Attempt 3 is under way.", Soon: true},
		},
		"tried again": {
			delivery: service.Delivery{State: store.Pending, Tries: 8, Deferred: 2, NextAttemptAt: &soon},
			want:     outlook{Tone: "wait", Text: "Next attempt", At: &soon, Then: "It is number 7 of 13."},
			row:      "next attempt",
		},
		"tried again for the last time": {
			delivery: service.Delivery{State: store.Pending, Tries: 12, NextAttemptAt: &soon},
			want:     outlook{Tone: "wait", Text: "Next attempt", At: &soon, Then: "It is number 13 of 13."},
			row:      "next attempt",
		},
		"tried again after the schedule": {
			delivery: service.Delivery{State: store.Pending, Tries: 14, NextAttemptAt: &soon},
			want:     outlook{Tone: "wait", Text: "Next attempt", At: &soon, Then: "It is the last one."},
			row:      "next attempt",
		},
		"its turn": {
			delivery: service.Delivery{State: store.Pending, NextAttemptAt: &past},
			want:     outlook{Tone: "wait", Text: "It is its turn: it is sent as soon as the endpoint has room for it.", Soon: true},
			row:      "its turn has come",
		},
		"behind another": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Ahead: 1, First: first},
			want:     outlook{Tone: "wait", Text: "It waits behind 1 earlier event of the case, of which the first is attempted", At: &soon, Path: "/deliveries/first", Link: "What it waits for: Case opened"},
			row:      "behind event 1",
		},
		"behind many that it may not know of": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Ahead: store.MaxAhead},
			want:     outlook{Tone: "wait", Text: "It waits behind 100 earlier events or more of the case."},
			row:      "behind an earlier event",
		},
		"to an endpoint that is paused": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Endpoint: &subscription.Endpoint{State: subscription.Paused}, Ahead: 3},
			want:     outlook{Tone: "wait", Text: "It waits: the endpoint is paused. It is sent, in order, once that is resumed.", Path: "/endpoints/", Link: "The endpoint"},
			row:      "endpoint paused",
		},
		"to an endpoint that is disabled": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Endpoint: &subscription.Endpoint{State: subscription.Disabled}},
			want:     outlook{Tone: "wait", Text: "It waits: the endpoint is disabled, as it answered 410. It is sent, in order, once that is resumed.", Path: "/endpoints/", Link: "The endpoint"},
			row:      "endpoint disabled",
		},
		"to an endpoint that fails": {
			delivery: service.Delivery{State: store.Pending, NextAttemptAt: &soon},
			prospect: service.Prospect{Health: subscription.Health{ClosedAt: &past, ProbeAt: &soon}, Ahead: 2},
			want: outlook{
				Tone: "wait", Text: "It waits: the endpoint fails, and is only probed, by one message at a time. Next probe", At: &soon,
				Then: "When that succeeds, or the endpoint is resumed, what waits is sent in order. 2 earlier events of the case come first.", Path: "/endpoints/", Link: "The endpoint",
			},
			row: "behind an earlier event; the endpoint is probed",
		},
		"to an endpoint that fails, behind another": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Health: subscription.Health{ClosedAt: &past, ProbeAt: &soon}, Ahead: 1, First: first},
			want: outlook{
				Tone: "wait", Text: "It waits: the endpoint fails, and is only probed, by one message at a time. Next probe", At: &soon,
				Then: "When that succeeds, or the endpoint is resumed, what waits is sent in order. 1 earlier event of the case comes first.", Path: "/endpoints/", Link: "The endpoint",
			},
			row: "behind event 1; the endpoint is probed",
		},
		"to an endpoint that fails, with none before it": {
			delivery: service.Delivery{State: store.Pending},
			prospect: service.Prospect{Health: subscription.Health{ClosedAt: &past, ProbeAt: &soon}},
			want: outlook{
				Tone: "wait", Text: "It waits: the endpoint fails, and is only probed, by one message at a time. Next probe", At: &soon,
				Then: "When that succeeds, or the endpoint is resumed, what waits is sent in order.", Path: "/endpoints/", Link: "The endpoint",
			},
			row: "endpoint is probed; next probe",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.prospect.Endpoint == nil {
				test.prospect.Endpoint = active
			}
			row := deliveryRow{sentTo(endpointName{}, test.delivery, test.prospect), "ADA-7K2QX"}
			if test.erased {
				row.ShortID = ""
			}
			require.Equal(t, test.want, outlookOf(row, test.by))
			if test.row == "" {
				require.Nil(t, row.Wait)
			} else {
				require.Equal(t, test.row, strings.TrimSpace(row.Wait.Text+" "+row.Wait.Link)+row.Wait.Then)
			}
		})
	}
	deleted := deliveryRow{sentTo(endpointName{}, service.Delivery{State: store.Canceled, Sequence: 1, FinishedAt: &past}, service.Prospect{}), "ADA-7K2QX"}
	require.Equal(t, "Its endpoint was deleted.", outlookOf(deleted, "").Then)
}

func TestAPageLooksAgainWhenSomethingIsExpected(t *testing.T) {
	soon, past := time.Now().Add(time.Minute+time.Second/2), time.Now().Add(-time.Minute)
	for want, o := range map[int]outlook{
		0:  {Tone: "good", At: &past},
		2:  {Tone: "wait", At: &past},
		62: {Tone: "wait", At: &soon},
	} {
		require.Equal(t, want, o.refresh())
	}
	require.Equal(t, 2, outlook{Tone: "busy", Soon: true}.refresh())
	require.Zero(t, outlook{Tone: "wait"}.refresh())
}

func TestAnAttemptThatWasNotMadeIsWithheld(t *testing.T) {
	require.Equal(t, "withheld", tellAttempt(service.Attempt{Number: 2, Error: delivery.Withheld}, veil{}).State)
	require.Equal(t, "failed", tellAttempt(service.Attempt{Number: 2, StatusCode: 503}, veil{}).State)
}

func TestAStateOfACaseIsNoFault(t *testing.T) {
	for _, state := range caseupdate.Statuses() {
		require.NotEqual(t, "bad", badge(state).Tone, state)
	}
	require.NotEqual(t, "bad", badge("escalated").Tone)
}

func TestAQuestionSaysWhenAMessageIsSentThatIsNotSentAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		endpoint *subscription.Endpoint
		want     string
	}{
		"active": {&subscription.Endpoint{State: subscription.Active}, ""},
		"paused": {&subscription.Endpoint{State: subscription.Paused}, " The endpoint is paused: it is sent once that is resumed."},
		"moving": {
			&subscription.Endpoint{State: subscription.Active, Moving: true},
			" What waits for the endpoint is being put in the order of its case: it is sent once that is done.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, sentWhen(service.Delivery{State: store.Failed}, service.Prospect{Endpoint: test.endpoint}))
		})
	}
}
