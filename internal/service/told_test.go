package service_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

// golden returns a telling of a body of the format, of a case with that id.
func golden(t *testing.T, event caseupdate.Event, caseID, eventID string) service.Telling {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "caseupdate", "testdata", "golden", string(event)+".json"))
	require.NoError(t, err)
	known, err := caseupdate.Parse(body)
	require.NoError(t, err)
	text := strings.ReplaceAll(string(body), known.Case().ID, caseID)
	text = strings.ReplaceAll(text, known.Activity().ID, eventID)
	var envelope struct{ Payload json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(text), &envelope))
	return service.Telling{CaseID: caseID, Event: string(event), Payload: envelope.Payload}
}

func escalation(caseID string) service.Telling {
	payload := fmt.Sprintf(`{"escalated":{"caseId":%q,"isEscalated":true,"caller":{"id":"u-2","firstName":"Eve","lastName":"Keeper"}}}`, caseID)
	return service.Telling{CaseID: caseID, Event: "ESCALATE_CASE", Payload: json.RawMessage(payload)}
}

func newUUID() string { return uuid.Must(uuid.NewV7()).String() }

func requireKind(t *testing.T, want refusal.Kind, err error) {
	t.Helper()
	refused, ok := errors.AsType[*refusal.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, want, refused.Kind, err)
}

// at names the i-th telling.
func at(i int) string { return fmt.Sprintf("[%d].", i) }

// logged returns how many events of a case are in the log.
func (w *world) logged(t *testing.T, caseID string) int {
	t.Helper()
	events, _, _, err := w.CaseFeed(t.Context(), w.caller, caseID, 0, 100)
	if refused, ok := errors.AsType[*refusal.Error](err); ok && refused.Kind == refusal.NotFound {
		return 0
	}
	require.NoError(t, err)
	return len(events)
}

// damageEvent makes an event unreadable, in the database.
func damageEvent(t *testing.T, database, id string) {
	t.Helper()
	driver, source := "pgx", database
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path
	}
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	result, err := db.ExecContext(t.Context(), `UPDATE events SET body = $2 WHERE id = $1`, id, []byte("damaged"))
	require.NoError(t, err)
	changed, err := result.RowsAffected()
	require.NoError(t, err)
	require.Equal(t, int64(1), changed)
}

// stranger returns who calls for another organisation.
func (w *world) stranger(t *testing.T) service.Caller {
	t.Helper()
	other, err := w.Store.EnsureOrganization(t.Context(), "other", "OTH")
	require.NoError(t, err)
	return service.Caller{OrganizationID: other.ID, Role: service.Admin}
}

func TestAllThatCanBeToldIsRecordedAndSent(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, nil)
		var tellings []service.Telling
		for _, event := range caseupdate.Events() {
			tellings = append(tellings, golden(t, event, newUUID(), newUUID()))
		}
		recorded, err := w.Tell(t.Context(), w.caller, tellings, at, nil)
		require.NoError(t, err)
		require.Len(t, recorded, 19)
		sent := make(map[string]message)
		for _, m := range r.wait(t, 19+18) { // each case but one was opened by another event than its own
			sent[m.id] = m
		}
		for i, told := range recorded {
			m := sent[told.EventID]
			require.Equal(t, tellings[i].CaseID, m.caseID)
			require.Equal(t, tellings[i].Event, string(m.update.Event))
			require.Equal(t, int(told.Sequence), m.sequence)
		}
	})
}

func TestWhatIsToldIsRecordedAllOrNone(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		first, second, third := newUUID(), newUUID(), newUUID()
		created := golden(t, caseupdate.EventCreateCase, second, newUUID())
		_, err := w.Tell(t.Context(), w.caller, []service.Telling{created}, at, nil)
		require.NoError(t, err)

		_, err = w.Tell(t.Context(), w.caller, []service.Telling{
			escalation(first), golden(t, caseupdate.EventCreateCase, second, newUUID()), escalation(third),
		}, at, nil)
		requireKind(t, refusal.Conflict, err)
		require.ErrorContains(t, err, "[1].event must not be CREATE_CASE: the case is there already")
		broken := escalation(third)
		broken.Payload = json.RawMessage(`{"escalated":{}}`)
		_, err = w.Tell(t.Context(), w.caller, []service.Telling{escalation(first), broken}, at, nil)
		requireKind(t, refusal.Invalid, err)
		require.ErrorContains(t, err, "[1].payload.escalated.caseId must be given")
		require.Equal(t, []int{0, 1, 0}, []int{w.logged(t, first), w.logged(t, second), w.logged(t, third)})
	})
}

func TestAnEventIsToldOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		caseID, eventID := newUUID(), newUUID()
		telling := golden(t, caseupdate.EventAddCaseComment, caseID, eventID)
		first, err := w.Tell(t.Context(), w.caller, []service.Telling{telling}, at, nil)
		require.NoError(t, err)
		require.False(t, first[0].Known)

		fresh := escalation(caseID)
		again, err := w.Tell(t.Context(), w.caller, []service.Telling{telling, fresh}, at, nil)
		require.NoError(t, err)
		require.True(t, again[0].Known)
		require.Equal(t, first[0].Sequence, again[0].Sequence)
		require.False(t, again[1].Known)
		require.Equal(t, 3, w.logged(t, caseID), "it was opened, commented on and escalated")

		for name, taken := range map[string]service.Telling{
			"another text":  golden(t, caseupdate.EventAddCaseDecision, caseID, eventID),
			"another case":  golden(t, caseupdate.EventAddCaseComment, newUUID(), eventID),
			"another event": func() service.Telling { e := escalation(caseID); e.ID = eventID; return e }(),
		} {
			_, err := w.Tell(t.Context(), w.caller, []service.Telling{taken}, at, nil)
			requireKind(t, refusal.Conflict, err)
			require.Equal(t, 3, w.logged(t, caseID), name)
		}
		twice := []service.Telling{telling, telling}
		_, err = w.Tell(t.Context(), w.caller, twice, at, nil)
		require.ErrorContains(t, err, "[1].id must not be given twice")
	})
}

func TestTheSameToldByManyAtOnceIsRecordedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		caseID := newUUID()
		tellings := []service.Telling{
			golden(t, caseupdate.EventAddCaseComment, caseID, newUUID()),
			golden(t, caseupdate.EventEscalateCase, caseID, newUUID()),
		}
		var telling sync.WaitGroup
		for range 8 {
			telling.Go(func() {
				if _, err := w.Tell(t.Context(), w.caller, tellings, at, nil); err != nil {
					t.Error(err)
				}
			})
		}
		telling.Wait()
		require.Equal(t, 3, w.logged(t, caseID))
	})
}

func TestACaseOfAnotherOrganizationCannotBeToldOf(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		live, erased := w.newCase(t), w.newCase(t)
		require.NoError(t, w.EraseCase(t.Context(), w.caller, erased))
		stranger := w.stranger(t)
		var answers []error
		for _, caseID := range []string{live, erased} {
			_, err := w.Tell(t.Context(), stranger, []service.Telling{escalation(newUUID()), escalation(caseID)}, at, nil)
			requireKind(t, refusal.NotFound, err)
			require.ErrorContains(t, err, "[1].caseId is ")
			answers = append(answers, err)
		}
		require.Equal(t, answers[0], answers[1], "what has become of the case is not told")
		require.Equal(t, 1, w.logged(t, live))
	})
}

func TestAnIDOfAnotherOrganizationsEventIsAnsweredLikeOneOfItsOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		told := escalation(newUUID())
		told.ID = newUUID()
		_, err := w.Tell(t.Context(), w.caller, []service.Telling{told}, at, nil)
		require.NoError(t, err)
		other := escalation(newUUID())
		other.ID = told.ID
		_, own := w.Tell(t.Context(), w.caller, []service.Telling{escalation(newUUID()), other}, at, nil)
		_, others := w.Tell(t.Context(), w.stranger(t), []service.Telling{escalation(newUUID()), other}, at, nil)
		requireKind(t, refusal.Conflict, own)
		require.ErrorContains(t, own, "[1].id is ")
		require.Equal(t, own, others)
		require.Zero(t, w.logged(t, other.CaseID))
	})
}

func TestACaseThatWasErasedIsNamedByItsPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		caseID, fresh := newUUID(), newUUID()
		known := golden(t, caseupdate.EventAddCaseComment, caseID, newUUID())
		_, err := w.Tell(t.Context(), w.caller, []service.Telling{known}, at, nil)
		require.NoError(t, err)
		require.NoError(t, w.EraseCase(t.Context(), w.caller, caseID))
		for name, telling := range map[string]service.Telling{"another event": escalation(caseID), "one that was told before": known} {
			_, err := w.Tell(t.Context(), w.caller, []service.Telling{escalation(fresh), escalation(fresh), telling}, at, nil)
			requireKind(t, refusal.Conflict, err)
			require.EqualError(t, err, "[2].caseId is that of a case that was erased", name)
			require.Zero(t, w.logged(t, fresh), name)
		}
		_, err = w.Tell(t.Context(), w.caller, []service.Telling{escalation(caseID)}, func(int) string { return "" }, nil)
		require.EqualError(t, err, "caseId is that of a case that was erased")
	})
}

func TestDocumentsThatAreToldCanBeReadAndAreNobodyElses(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		first, second := newUUID(), newUUID() // the keeper gives both documents the same id
		for _, caseID := range []string{first, second} {
			_, err := w.Tell(t.Context(), w.caller, []service.Telling{golden(t, caseupdate.EventAddCaseAttachment, caseID, newUUID())}, at, nil)
			require.NoError(t, err)
		}
		for _, caseID := range []string{first, second} {
			state, err := w.Case(t.Context(), w.caller, caseID, 0)
			require.NoError(t, err)
			_, content, err := w.Attachment(t.Context(), w.caller, caseID, state.Attachments[0].ID)
			require.NoError(t, err)
			text := make([]byte, 15)
			n, _ := content.Read(text)
			require.Equal(t, "Monday: bad?>>>", string(text[:n]))
			require.NoError(t, content.Close())
		}
	})
}

func TestATypeThatIsToldLaterIsFound(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		caseID := newUUID()
		_, err := w.Tell(t.Context(), w.caller, []service.Telling{escalation(caseID), golden(t, caseupdate.EventEscalateCase, caseID, newUUID())}, at, nil)
		require.NoError(t, err)
		found, _, err := w.Cases(t.Context(), w.caller, store.CaseFilter{Type: "CONSULTATION"}, service.Page{})
		require.NoError(t, err)
		require.Len(t, found, 1)
	})
}

func TestACaseThatIsErasedWhileItIsToldOfIsToldOfOrErased(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		for range 10 {
			caseID := newUUID()
			_, err := w.Tell(t.Context(), w.caller, []service.Telling{escalation(caseID)}, at, nil)
			require.NoError(t, err)
			var telling sync.WaitGroup
			for range 4 {
				telling.Go(func() {
					_, err := w.Tell(t.Context(), w.caller, []service.Telling{golden(t, caseupdate.EventAddCaseAttachment, caseID, newUUID())}, at, nil)
					if err != nil && err.Error() != "[0].caseId is that of a case that was erased" {
						t.Error(err)
					}
				})
			}
			require.NoError(t, w.EraseCase(t.Context(), w.caller, caseID))
			telling.Wait()
			require.Zero(t, w.logged(t, caseID))
		}
	})
}

func TestWhatWasToldBeforeIsKnownAgainWithoutReadingItsCases(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		first, second := newUUID(), newUUID()
		var tellings []service.Telling
		for range 20 {
			tellings = append(tellings, golden(t, caseupdate.EventAddCaseComment, first, newUUID()), golden(t, caseupdate.EventAddCaseComment, second, newUUID()))
		}
		recorded, err := w.Tell(t.Context(), w.caller, tellings, at, nil)
		require.NoError(t, err)
		// What is not asked for is damaged: who reads it fails.
		damageEvent(t, database, recorded[0].EventID)
		again, err := w.Tell(t.Context(), w.caller, tellings[1:], at, nil)
		require.NoError(t, err)
		for i, r := range again {
			want := recorded[i+1]
			want.Known = true
			require.Equal(t, want, r)
		}
	})
}

func TestACaseIsListedByWhenItsKeeperSaysThatItWasCreated(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		caseID := newUUID()
		_, err := w.Tell(t.Context(), w.caller, []service.Telling{escalation(caseID)}, at, nil)
		require.NoError(t, err)
		newer := w.newCase(t)
		listed := func(filter store.CaseFilter) (ids []string) {
			found, _, err := w.Cases(t.Context(), w.caller, filter, service.Page{})
			require.NoError(t, err)
			for _, c := range found {
				ids = append(ids, c.ID)
			}
			return ids
		}
		require.Equal(t, []string{newer, caseID}, listed(store.CaseFilter{}))
		yesterday := new(time.Now().AddDate(0, 0, -1))
		require.Empty(t, listed(store.CaseFilter{CreatedBefore: yesterday}))

		_, err = w.Tell(t.Context(), w.caller, []service.Telling{golden(t, caseupdate.EventEscalateCase, caseID, newUUID())}, at, nil)
		require.NoError(t, err)
		require.Equal(t, []string{caseID}, listed(store.CaseFilter{CreatedBefore: yesterday}))
		require.Equal(t, []string{newer}, listed(store.CaseFilter{CreatedAfter: yesterday}))
	})
}
