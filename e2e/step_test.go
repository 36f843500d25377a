//go:build unix

package e2e_test

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

// TestWhateverStepTheServerIsKilledAt kills it at each step of the way of a change. A
// table that another session has locked holds it there.
func TestWhateverStepTheServerIsKilledAt(t *testing.T) {
	for _, test := range []struct {
		name   string
		locked string // the table at which the server is held; none while the receiver holds it
		came   []string
	}{
		{"before the commit", "events", []string{"1 CREATE_CASE", "2 ADD_CASE_COMMENT"}},
		{"after the commit, while the receiver has not answered", "", []string{"1 CREATE_CASE", "2 ADD_CASE_COMMENT", "2 ADD_CASE_COMMENT"}},
		{"after the answer, while it is recorded", "attempts", []string{"1 CREATE_CASE", "2 ADD_CASE_COMMENT", "2 ADD_CASE_COMMENT"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			database, data := postgrestest.DSN(t), t.TempDir()
			direct, err := sql.Open("pgx", database)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, direct.Close()) })
			first := serve(t, data, "--dev", "--database", database)
			admin := client{first.url, adminKey}
			p := newPartner(t)
			admin.call(t, "POST /v1/endpoints", object{"url": p.URL, "clearance": object{"phi": true, "restricted": true}})
			opened := admin.open(t)
			require.Equal(t, "1 CREATE_CASE", p.next(t))
			require.Eventually(t, func() bool { // until all that is recorded
				return count(t, direct, `SELECT count(*) FROM deliveries WHERE state = 'delivered'`) == 1
			}, patience, time.Millisecond)

			// The change, which gets no further than the step.
			comment := func(c client) (answer, error) {
				return c.do("POST /v1/cases/"+opened.text("id")+"/comments", []byte(`{"text":"It itches."}`), "Idempotency-Key", "the-comment")
			}
			got := []string{"1 CREATE_CASE"}
			var release func()
			if test.locked == "" {
				p.hold = make(chan struct{})
				release = func() { close(p.hold) }
			} else {
				tx, err := direct.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				_, err = tx.ExecContext(t.Context(), `LOCK TABLE `+test.locked+` IN EXCLUSIVE MODE`)
				require.NoError(t, err)
				release = func() { require.NoError(t, tx.Rollback()) }
			}
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				_, _ = comment(admin) // the server may be killed before it answers
			}()
			if test.locked != "events" {
				got = append(got, p.next(t))
			}
			if test.locked != "" {
				require.Eventually(t, func() bool {
					return count(t, direct, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '`+test.locked+`'::regclass`) > 0
				}, patience, time.Millisecond)
			}
			first.kill()
			<-asked
			release()

			// Its lease has run out, and another server is started.
			_, err = direct.ExecContext(t.Context(), `UPDATE nodes SET expires_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1`)
			require.NoError(t, err)
			second := client{serve(t, data, "--dev", "--database", database).url, adminKey}
			answered, err := comment(second)
			require.NoError(t, err)
			require.Equal(t, http.StatusCreated, answered.status, "asked again it is done, once")
			for len(got) < len(test.came) {
				got = append(got, p.next(t))
			}
			require.Equal(t, test.came, got)
			second.call(t, "POST /v1/cases/"+opened.text("id")+"/escalate", nil)
			require.Equal(t, "3 ESCALATE_CASE", p.next(t))
			log, _ := second.feed(t, "")
			require.Len(t, log, 3)
		})
	}
}

// partner is a receiver that answers when it is let.
type partner struct {
	*httptest.Server
	hold chan struct{} // answers wait until it is closed; nil: they do not
	came chan string
}

func newPartner(t *testing.T) *partner {
	p := &partner{came: make(chan string, 100)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Event string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("read what was sent: %v", err)
		}
		p.came <- r.Header.Get("casehook-sequence") + " " + body.Event
		if p.hold != nil {
			<-p.hold
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(p.Close)
	return p
}

// next returns what came next.
func (p *partner) next(t *testing.T) string {
	t.Helper()
	select {
	case what := <-p.came:
		return what
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		return ""
	}
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}
