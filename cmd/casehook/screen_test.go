package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func TestScreen(t *testing.T) {
	for _, test := range []struct {
		name, golden string
		colour       bool
	}{
		{"in a file", "screen.txt", false},
		{"on a terminal", "screen-colour.txt", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			s := &screen{w: &out, colour: test.colour}
			s.taken("127.0.0.1:8080")
			s.opening("http://127.0.0.1:40001", "http://127.0.0.1:40002/hooks")
			tally := newTally()
			tell := func(sequence, next int64, standard, cv bool, took time.Duration, event caseupdate.Event, payload string) {
				r := receipt{update: parse(t, event, payload), sequence: sequence, next: next, standard: standard, cv: cv}
				s.receipt(r, took)
				tally.add(r, took)
			}
			tell(1, 1, true, true, 2345*time.Microsecond, "CREATE_CASE", `{"case":{"title":"Migraine with aura, three attacks a week","submitter":{"firstName":"Maya"}}}`)
			tell(2, 2, true, true, 800*time.Microsecond, "ADD_CASE_COMMENT", `{"comment":{"text":"Two\nlines \u001b[31mand a colour","author":{"firstName":"Amara"}}}`)
			tell(2, 3, true, true, 6*time.Second, "ADD_CASE_COMMENT", `{"comment":{"text":"Two","author":{"firstName":"Amara"}}}`)
			tell(3, 3, false, true, 12*time.Millisecond, "PAYMENT_ADDED", `{"payment":{"amount":49.5}}`)
			tell(5, 4, true, false, 1100*time.Millisecond, "ARCHIVE_CASE", `{"archiveCase":{"archiveReason":"Done"}}`)
			tell(6, 6, true, true, 2*time.Millisecond, "SOMETHING_NEW", `{}`)
			tally.missing = 2
			s.tally(tally)
			s.invitation("http://127.0.0.1:40001", "demo-key", "http://127.0.0.1:40002/hooks")

			compare(t, test.golden, out.Bytes())
		})
	}
}

// Each of the 19 events is told in words of its own.
func TestDescribe(t *testing.T) {
	payloads := map[caseupdate.Event]string{
		caseupdate.EventCreateCase:         `{"case":{"title":"Migraine","submitter":{"firstName":"Maya"}}}`,
		caseupdate.EventAddFormResponse:    `{"response":{"text":"yes"}}`,
		caseupdate.EventAddCaseAssignee:    `{"assignees":[{"assignee":{"firstName":"Nora"}},{"assignee":{"firstName":"Amara"}}]}`,
		caseupdate.EventRemoveCaseAssignee: `{"assignees":[{"assignee":{"firstName":"Nora"}}]}`,
		caseupdate.EventChangeCaseStatus:   `{"changeStatus":{"oldStatus":"OPEN","newStatus":"ASSIGNED"}}`,
		caseupdate.EventAddCaseAttachment:  `{"attachment":{"fileName":"diary.txt"}}`,
		caseupdate.EventAddCaseComment:     `{"comment":{"text":"No red flags.","author":{"firstName":"Amara"}}}`,
		caseupdate.EventEscalateCase:       `{"escalated":{"caller":{"firstName":"Nora"}}}`,
		caseupdate.EventDeescalateCase:     `{"escalated":{"caller":{"firstName":"Amara"}}}`,
		caseupdate.EventAddCaseDecision:    `{"decision":{"medInfo":{"medicine":"Sumatriptan"}}}`,
		caseupdate.EventPaymentAdded:       `{"payment":{"amount":49.5}}`,
		caseupdate.EventPaymentCompleted:   `{"payment":{"amount":49.5}}`,
		caseupdate.EventOrderCreated:       `{"order":{"status":"CREATED"}}`,
		caseupdate.EventOrderStatusChanged: `{"order":{"status":"SHIPPED"}}`,
		caseupdate.EventOrderTrackingAdded: `{"order":{"trackingId":"1Z999"}}`,
		caseupdate.EventDeleteCaseComment:  `{"deletedComment":{"caller":{"firstName":"Amara"}}}`,
		caseupdate.EventDeleteAttachment:   `{"deletedAttachment":{"caller":{"firstName":"Nora"}}}`,
		caseupdate.EventArchiveCase:        `{"archiveCase":{"archiveReason":"Done"}}`,
		caseupdate.EventReopenCase:         `{"archiveCase":{"caller":{"firstName":"Nora"}}}`,
	}
	want := map[caseupdate.Event]string{
		caseupdate.EventCreateCase:         "Maya: Migraine",
		caseupdate.EventAddFormResponse:    "Answered: yes",
		caseupdate.EventAddCaseAssignee:    "To Nora and Amara",
		caseupdate.EventRemoveCaseAssignee: "No longer to Nora",
		caseupdate.EventChangeCaseStatus:   "OPEN → ASSIGNED",
		caseupdate.EventAddCaseAttachment:  "Attached: diary.txt",
		caseupdate.EventAddCaseComment:     "Amara: No red flags.",
		caseupdate.EventEscalateCase:       "Escalated by Nora",
		caseupdate.EventDeescalateCase:     "Called off by Amara",
		caseupdate.EventAddCaseDecision:    "Prescribed: Sumatriptan",
		caseupdate.EventPaymentAdded:       "Asked for: 49.5",
		caseupdate.EventPaymentCompleted:   "Paid: 49.5",
		caseupdate.EventOrderCreated:       "Ordered: CREATED",
		caseupdate.EventOrderStatusChanged: "Order: SHIPPED",
		caseupdate.EventOrderTrackingAdded: "Parcel: 1Z999",
		caseupdate.EventDeleteCaseComment:  "Taken back by Amara",
		caseupdate.EventDeleteAttachment:   "Removed by Nora",
		caseupdate.EventArchiveCase:        "Archived: Done",
		caseupdate.EventReopenCase:         "Reopened by Nora",
	}
	got := make(map[caseupdate.Event]string)
	for _, event := range caseupdate.Events() {
		got[event] = describe(parse(t, event, payloads[event]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// What a case lacks is left out: the demo goes on with whatever its user tries.
func TestDescribeWhatIsEmpty(t *testing.T) {
	for _, event := range caseupdate.Events() {
		require.NotEmpty(t, describe(parse(t, event, `{}`)), event)
	}
}

func TestTallyIsComplete(t *testing.T) {
	all := func(change func(*receipt)) *tally {
		tally := newTally()
		for i, event := range caseupdate.Events() {
			r := receipt{update: &caseupdate.Update{Event: event}, sequence: int64(i) + 1, next: int64(i) + 1, standard: true, cv: true}
			if event == caseupdate.EventReopenCase {
				change(&r)
			}
			tally.add(r, time.Millisecond)
		}
		return tally
	}
	for _, test := range []struct {
		name   string
		change func(*receipt)
		right  int
	}{
		{"when each event was received, verified and in order", func(*receipt) {}, 19},
		{"but not when an event did not come", func(r *receipt) { r.update = &caseupdate.Update{Event: caseupdate.EventArchiveCase} }, 18},
		{"but not when a signature does not verify", func(r *receipt) { r.standard = false }, 18},
		{"but not when the other one does not", func(r *receipt) { r.cv = false }, 18},
		{"but not when one before it is missing", func(r *receipt) { r.sequence++ }, 18},
		{"but not when it has no sequence", func(r *receipt) { r.sequence = 0 }, 18},
	} {
		t.Run(test.name, func(t *testing.T) {
			tally := all(test.change)
			require.Equal(t, test.right, tally.right())
			require.Equal(t, test.right == 19, tally.complete())
		})
	}
	t.Run("but not when one of several webhooks did not come", func(t *testing.T) {
		tally := all(func(*receipt) {})
		tally.missing = 1
		require.False(t, tally.complete())
	})
	t.Run("also when one comes again", func(t *testing.T) {
		tally := all(func(*receipt) {})
		tally.add(receipt{update: &caseupdate.Update{Event: caseupdate.EventCreateCase}, sequence: 1, next: 20, standard: true, cv: true}, time.Second)
		require.True(t, tally.complete())
		require.Len(t, tally.took(), 19)
	})
}

func TestMedian(t *testing.T) {
	require.Equal(t, 2*time.Millisecond, median([]time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}))
	require.Equal(t, time.Millisecond, median([]time.Duration{2 * time.Millisecond, time.Millisecond}))
}

// parse reads an update of an event. Where the payload has no case, it gets an empty one.
func parse(t *testing.T, event caseupdate.Event, payload string) *caseupdate.Update {
	t.Helper()
	fields := map[string]json.RawMessage{"case": json.RawMessage(`{}`)}
	require.NoError(t, json.Unmarshal([]byte(payload), &fields))
	body, err := json.Marshal(map[string]any{"event": event, "payload": fields})
	require.NoError(t, err)
	update, err := caseupdate.Parse(body)
	require.NoError(t, err)
	return update
}

// compare wants got to be what a golden file has. -update writes it.
func compare(t *testing.T, golden string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", golden)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}
