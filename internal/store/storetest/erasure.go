package storetest

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

var erasureTests = []test{
	{"a case that was erased is unknown to every call, and listed with who erased it and when", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		kept, id := c.create(nil), c.story()
		p := c.proposal(id, nil, comment(1))
		p.Once, p.Answer = &store.Once{Key: "key"}, answer("kept")
		_, err := c.Change(t.Context(), p)
		require.NoError(t, err)
		delivery := c.find(store.DeliveryFilter{CaseID: id})[0].ID
		state, _, err := c.Case(t.Context(), c.org.ID, id, 0)
		require.NoError(t, err)

		require.ErrorIs(t, c.erase(c.neighbour().org.ID, id), store.ErrNotFound, "it is not the neighbour's")
		require.NoError(t, c.erase(c.org.ID, id))
		again := c.creation()
		again.ID = id
		sameName := c.creation()
		sameName.ShortID = state.ShortID
		for range 2 {
			for name, call := range map[string]func() error{
				"Case":         func() error { _, _, err := c.Case(t.Context(), c.org.ID, id, 0); return err },
				"Case at":      func() error { _, _, err := c.Case(t.Context(), c.org.ID, id, 1); return err },
				"CaseKey":      func() error { _, err := c.CaseKey(t.Context(), id); return err },
				"CaseFeed":     func() error { _, err := c.CaseFeed(t.Context(), c.org.ID, id, 0, 10); return err },
				"CaseReceipts": func() error { _, err := c.CaseReceipts(t.Context(), c.org.ID, id, false, 0, 10); return err },
				"Change":       func() error { _, err := c.Change(t.Context(), c.proposal(id, nil, comment(1))); return err },
				"Retry":        func() error { _, err := c.Retry(t.Context(), c.org.ID, delivery, nil); return err },
				"Answer":       func() error { _, _, err := c.Answer(t.Context(), c.org.ID, "key"); return err },
				"Erase":        func() error { return c.erase(c.org.ID, id) },
				"InsertReplay": func() error {
					return c.InsertReplay(t.Context(), &store.Replay{ID: newID(), OrganizationID: c.org.ID, EndpointID: e.ID, CaseID: id}, nil)
				},
			} {
				require.ErrorIs(t, call(), store.ErrNotFound, name)
			}
			d, attempts, err := c.Delivery(t.Context(), c.org.ID, delivery)
			require.NoError(t, err)
			require.Equal(t, store.Canceled, d.State)
			require.Empty(t, attempts)
			_, err = c.Change(t.Context(), c.proposal(id, nil, again))
			require.ErrorIs(t, err, store.ErrCaseExists, "its id is not given again")
			_, err = c.Change(t.Context(), c.proposal(sameName.ID, nil, sameName))
			require.ErrorIs(t, err, store.ErrShortIDTaken)

			cases, next, err := c.Cases(t.Context(), c.org.ID, store.CaseFilter{}, store.CasePosition{}, 10)
			require.NoError(t, err)
			require.Nil(t, next)
			require.Len(t, cases, 1)
			require.Equal(t, kept, cases[0].ID)
			erasures, err := c.Erasures(t.Context(), c.org.ID, "", 10)
			require.NoError(t, err)
			require.Len(t, erasures, 1)
			now := at(c.clock.Now())
			want := store.Erasure{ID: erasures[0].ID, OrganizationID: c.org.ID, CaseID: id, ActorID: doctor.ID, KeyID: "key-1", At: now, FinishedAt: &now}
			requireEqual(t, want, erasures[0])
			c.reopen()
		}
		others, err := c.Erasures(t.Context(), c.neighbour().org.ID, "", 10)
		require.NoError(t, err)
		require.Empty(t, others)
		requireLog(t, c, kept, 1)
	}},
	{"what waits of a case that is erased is canceled, with receipts of what was attempted, and an attempt under way is recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		ordered, free := c.endpoint(), c.endpoint(unordered)
		outbox := new(tray)
		id, kept := c.create(outbox), c.create(nil)
		c.comments(2, id, nil)
		var underWay store.Message
		for _, m := range outbox.take() {
			if m.EndpointID == ordered.ID {
				underWay = m
				continue
			}
			c.fail(m, begin.Add(time.Hour))
		}
		require.NoError(t, c.erase(c.org.ID, id))
		require.Empty(t, c.find(store.DeliveryFilter{CaseID: id, State: store.Pending}))
		require.Len(t, c.find(store.DeliveryFilter{CaseID: id, State: store.Canceled}), 6)
		require.Len(t, c.find(store.DeliveryFilter{CaseID: kept, State: store.Pending}), 2)
		const receipts = `SELECT COUNT(*) FROM receipts WHERE case_id = $1 AND endpoint_id = $2 AND outcome = $3 AND attempts = 1 AND recipient IS NOT NULL`
		require.Equal(t, 1, rows(t, url, receipts, id, free.ID, "canceled"))
		require.Zero(t, rows(t, url, receipts, id, ordered.ID, "canceled"), "of it no attempt was made yet")

		a := &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 200, Answer: []byte("thanks")}
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: underWay, Attempt: a, State: store.Delivered, Recipient: "https://partner.example",
			End: &store.End{Node: c.node, EndpointID: ordered.ID, Lane: id, Through: 1, Settled: func(_, _ bool) {}}}))
		require.Equal(t, 1, rows(t, url, receipts, id, ordered.ID, "delivered"))
		require.Len(t, c.find(store.DeliveryFilter{CaseID: id, State: store.Delivered}), 1)
		_, _, err := c.Case(t.Context(), c.org.ID, id, 0)
		require.ErrorIs(t, err, store.ErrNotFound)
		c.chain()
		require.Empty(t, c.verify("")[0].Fault)
	}},
	{"what is put in line of a case while it is erased is canceled, and its lane goes on", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		id := c.create(nil)
		require.NoError(t, c.erase(c.org.ID, id))
		_, err := database(t, url).ExecContext(t.Context(), `UPDATE deliveries SET state = 'pending', finished_at = NULL WHERE case_id = $1`, id)
		require.NoError(t, err)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Empty(t, c.load(e.ID, id).Messages)
		require.Len(t, c.find(store.DeliveryFilter{CaseID: id, State: store.Canceled}), 1)
	}},
	{"the feed and replays go on behind what was erased", func(t *testing.T, url string) {
		c := newClinic(t, url)
		first, erased := c.create(nil), c.create(nil)
		c.comments(9, erased, nil)
		last := c.create(nil)
		e := c.endpoint()
		require.NoError(t, c.erase(c.org.ID, erased))

		var told []string
		var position store.Position
		for {
			page, err := c.Feed(t.Context(), c.org.ID, position, 1)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			position = page[0].Position
			told = append(told, page[0].Event.CaseID)
		}
		require.Equal(t, []string{first, last}, told)

		s := newSender(c, false)
		c.through(c.replay(store.Replay{EndpointID: e.ID}), e, s)
		require.Len(t, s.sent, 2)
		require.Empty(t, c.find(store.DeliveryFilter{CaseID: erased}))

		c.comments(1, last, nil)
		page, err := c.Feed(t.Context(), c.org.ID, position, 10)
		require.NoError(t, err)
		require.Len(t, page, 1, "no place in the feed is given twice")
	}},
	{"a replay of what failed leaves out what was erased", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 2)
		for _, m := range messages {
			a := &store.Attempt{Number: 13, StartedAt: begin, StatusCode: 500}
			require.NoError(t, c.Record(t.Context(), store.Outcome{Message: m, Attempt: a, State: store.Failed}))
		}
		require.NoError(t, c.erase(c.org.ID, messages[0].Event.CaseID))
		r := c.replay(store.Replay{EndpointID: e.ID, OnlyFailed: true})
		c.advance(r, 10)
		require.Equal(t, []string{"1 CREATE_CASE failed"}, c.deliveries(store.DeliveryFilter{CaseID: messages[0].Event.CaseID}))
		require.Equal(t, []string{"1 CREATE_CASE sending"}, c.deliveries(store.DeliveryFilter{CaseID: messages[1].Event.CaseID}))
	}},
	{"a copy of the database from before an erasure opens nothing of the case, with the master key and the shares as they are now", func(t *testing.T, url string) {
		c := newClinic(t, url)
		mark := "mark" + rand.Text()
		kept := c.create(nil)
		cmd := c.creation()
		cmd.Title = mark
		id := cmd.ID
		c.do(id, nil, cmd, caselog.AddComment{Text: mark})
		c.comments(3, id, nil)

		before, after := c.copyDatabase(t), c.copyDatabase(t)
		restored := c.restore(t, before)
		state, _, err := restored.Case(t.Context(), c.org.ID, id, 0)
		require.NoError(t, err)
		require.Equal(t, mark, state.Title, "before the erasure a copy opens")
		require.NoError(t, restored.Close())

		require.NoError(t, c.erase(c.org.ID, id))
		restored = c.restore(t, after)
		for name, call := range map[string]func() error{
			"Case":     func() error { _, _, err := restored.Case(t.Context(), c.org.ID, id, 0); return err },
			"CaseKey":  func() error { _, err := restored.CaseKey(t.Context(), id); return err },
			"CaseFeed": func() error { _, err := restored.CaseFeed(t.Context(), c.org.ID, id, 0, 10); return err },
		} {
			require.ErrorIs(t, call(), store.ErrNotFound, name)
		}
		page, err := restored.Feed(t.Context(), c.org.ID, store.Position{}, 2)
		require.NoError(t, err)
		require.Len(t, page, 1)
		require.Equal(t, kept, page[0].Event.CaseID, "what was not erased opens")
		cases, _, err := restored.Cases(t.Context(), c.org.ID, store.CaseFilter{}, store.CasePosition{}, 10)
		require.NoError(t, err)
		require.Len(t, cases, 1)
		require.NoError(t, restored.Close())

		// Neither by the row, whatever share is tried.
		var wrapped []byte
		require.NoError(t, database(t, after).QueryRowContext(t.Context(), `SELECT wrapped_key FROM cases WHERE id = $1`, id).Scan(&wrapped))
		blocks, err := filepath.Glob(filepath.Join(c.folder, "*"))
		require.NoError(t, err)
		require.NotEmpty(t, blocks)
		tried := 0
		for _, block := range blocks {
			content, err := os.ReadFile(block)
			require.NoError(t, err)
			require.NotContains(t, string(content), mark)
			for ; len(content) > 0 && tried < 100; content = content[32:] { // those that were given out are the first
				tried++
				half := vault.Share(content[:32])
				_, err := vault.New(c.keyring).OpenKey("case "+id, &half, wrapped)
				require.Error(t, err)
			}
		}
		for _, dump := range []string{dump(t, after), dump(t, url)} {
			require.NotContains(t, dump, mark)
		}
	}},
	{"what a caller said in the clear of a case, its type, is gone with it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cmd := c.creation()
		cmd.Type = "mark" + rand.Text()
		c.do(cmd.ID, nil, cmd)
		require.Contains(t, dump(t, url), cmd.Type)
		require.NoError(t, c.erase(c.org.ID, cmd.ID))
		require.NotContains(t, dump(t, url), cmd.Type)
	}},
	{"an erasure that was begun is finished, by whoever asks again or by the upkeep", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for _, finish := range []func(id string, d *drawer) error{
			func(id string, d *drawer) error { return c.Erase(t.Context(), c.erasure(c.org.ID, id), d, nil) },
			func(_ string, d *drawer) error {
				c.clock.pass(time.Minute)
				_, err := c.FinishErasures(t.Context(), d)
				return err
			},
		} {
			cmd := c.creation()
			p := c.proposal(cmd.ID, nil, cmd)
			p.Blobs = []store.Blob{{ID: newID(), Size: 1}, {ID: newID(), Size: 2}}
			_, err := c.Change(t.Context(), p)
			require.NoError(t, err)

			d := &drawer{stuck: true}
			require.ErrorIs(t, c.Erase(t.Context(), c.erasure(c.org.ID, cmd.ID), d, nil), errStuck)
			_, _, err = c.Case(t.Context(), c.org.ID, cmd.ID, 0)
			require.ErrorIs(t, err, store.ErrNotFound, "it is gone at once")
			_, err = c.FinishErasures(t.Context(), d)
			require.NoError(t, err, "it is left to who began it")
			erasures, err := c.Erasures(t.Context(), c.org.ID, "", 1)
			require.NoError(t, err)
			require.Nil(t, erasures[0].FinishedAt)

			d.stuck = false
			require.NoError(t, finish(cmd.ID, d))
			require.ElementsMatch(t, []string{p.Blobs[0].ID, p.Blobs[1].ID}, d.removed)
			erasures, err = c.Erasures(t.Context(), c.org.ID, "", 1)
			require.NoError(t, err)
			require.NotNil(t, erasures[0].FinishedAt)
			require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM blobs`))
			require.ErrorIs(t, c.erase(c.org.ID, cmd.ID), store.ErrNotFound)
		}
	}},
	{"an erasure is not finished while the share cannot be destroyed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		away := c.folder + "-away"
		blocks, err := filepath.Glob(filepath.Join(c.folder, "*"))
		require.NoError(t, err)
		require.Len(t, blocks, 1)
		require.NoError(t, os.Rename(blocks[0], away))
		require.ErrorIs(t, c.erase(c.org.ID, id), os.ErrNotExist)
		require.NoError(t, os.Rename(away, blocks[0]))
		before, err := os.ReadFile(blocks[0])
		require.NoError(t, err)

		c.clock.pass(time.Minute)
		more, err := c.FinishErasures(t.Context(), new(drawer))
		require.NoError(t, err)
		require.False(t, more)
		after, err := os.ReadFile(blocks[0])
		require.NoError(t, err)
		require.Equal(t, make([]byte, 32), after[:32])
		require.True(t, bytes.Equal(before[32:], after[32:]))
	}},
	{"a case that is older than shares opens, and can be erased", func(t *testing.T, url string) {
		c := newClinic(t, url)
		ids := []string{c.create(nil), c.create(nil)}
		for _, id := range ids {
			c.takeShare(t, id)
		}
		c.reopen()
		for _, id := range ids {
			requireLog(t, c, id, 1)
			c.comments(1, id, nil)
		}
		require.NoError(t, c.erase(c.org.ID, ids[0]))
		_, _, err := c.Case(t.Context(), c.org.ID, ids[0], 0)
		require.ErrorIs(t, err, store.ErrNotFound)
		requireLog(t, c, ids[1], 2)
	}},
	{"a case whose share is missing is not taken for erased", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		blocks, err := filepath.Glob(filepath.Join(c.folder, "*"))
		require.NoError(t, err)
		require.NoError(t, os.Remove(blocks[0]))
		c.reopen()
		_, _, err = c.Case(t.Context(), c.org.ID, id, 0)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NotErrorIs(t, err, store.ErrNotFound)
	}},
}

// EraseType erases a case that lies between others, and returns its type, which is in
// the clear until then. Nobody has the database any more.
func EraseType(t *testing.T, url string) (mark string) {
	t.Helper()
	c := newClinic(t, url)
	c.create(nil)
	cmd := c.creation()
	cmd.Type = "mark" + rand.Text()
	c.do(cmd.ID, nil, cmd)
	c.create(nil)
	c.reopen() // it is where it will lie
	require.NoError(t, c.erase(c.org.ID, cmd.ID))
	require.NoError(t, c.Close())
	return cmd.Type
}

// erase erases a case that has no documents.
func (c *clinic) erase(organizationID, id string) error {
	return c.Erase(c.ctx, c.erasure(organizationID, id), new(drawer), nil)
}

func (c *clinic) erasure(organizationID, id string) store.Erasure {
	return store.Erasure{ID: newID(), OrganizationID: organizationID, CaseID: id, ActorID: doctor.ID, KeyID: "key-1", At: c.clock.Now()}
}

// drawer is where documents are, which can be stuck.
type drawer struct {
	stuck   bool
	removed []string
}

var errStuck = errors.New("the drawer is stuck")

func (d *drawer) Delete(_ context.Context, id string) error {
	if d.stuck {
		return errStuck
	}
	d.removed = append(d.removed, id)
	return nil
}

// takeShare makes a case as those are that are older than shares: its key is wrapped by
// the master alone.
func (c *clinic) takeShare(t *testing.T, id string) {
	t.Helper()
	db := database(t, c.url)
	var name string
	var wrapped []byte
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT share, wrapped_key FROM cases WHERE id = $1`, id).Scan(&name, &wrapped))
	shares, err := share.Open(c.folder)
	require.NoError(t, err)
	half, err := shares.Get(name)
	require.NoError(t, err)
	require.NoError(t, shares.Close())

	owner := []byte("casehook data key of case " + id)
	bound, err := c.keyring.Decrypt(wrapped, owner)
	require.NoError(t, err)
	key, err := hkdf.Expand(sha256.New, half[:], "casehook vault v1 share case "+id, 32)
	require.NoError(t, err)
	aead, err := subtle.NewAESGCM(key)
	require.NoError(t, err)
	data, err := aead.Decrypt(bound, owner)
	require.NoError(t, err)
	wrapped, err = c.keyring.Encrypt(data, owner)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `UPDATE cases SET share = NULL, wrapped_key = $2 WHERE id = $1`, id, wrapped)
	require.NoError(t, err)
}

// copyDatabase copies the database as it is, with what was committed last, and returns
// the URL of the copy.
func (c *clinic) copyDatabase(t *testing.T) string {
	t.Helper()
	if path, ok := strings.CutPrefix(c.url, "sqlite:"); ok { // while it is in use
		copied := filepath.Join(t.TempDir(), "copy.db")
		for _, suffix := range []string{"", "-wal"} {
			content, err := os.ReadFile(path + suffix)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(copied+suffix, content, 0o600))
		}
		return "sqlite:" + copied
	}
	require.NoError(t, c.Close()) // PostgreSQL copies what nobody is connected to
	defer func() {
		c.open()
		c.live()
	}()
	u, err := url.Parse(c.url)
	require.NoError(t, err)
	original, copied := strings.TrimPrefix(u.Path, "/"), "casehook_"+strings.ToLower(rand.Text())
	u.Path = "/postgres"
	server, err := sql.Open("pgx", u.String())
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := server.ExecContext(context.Background(), "DROP DATABASE "+copied+" WITH (FORCE)")
		require.NoError(t, errors.Join(err, server.Close()))
	})
	_, err = server.ExecContext(t.Context(), "CREATE DATABASE "+copied+" TEMPLATE "+original)
	require.NoError(t, err)
	u.Path = "/" + copied
	return u.String()
}

// restore opens a copy of the database with the clinic's master key, and with its shares
// as they are now.
func (c *clinic) restore(t *testing.T, url string) *clinic {
	t.Helper()
	restored := &clinic{t: t, ctx: t.Context(), url: url, keyring: c.keyring, folder: c.folder, clock: c.clock, org: c.org}
	restored.open()
	return restored
}

// dump returns all that the tables have.
func dump(t *testing.T, url string) string {
	t.Helper()
	db := database(t, url)
	var all strings.Builder
	for _, table := range []string{
		"organizations", "api_keys", "users", "cases", "events", "blobs", "endpoints", "lanes", "deliveries", "attempts", "idempotency_keys", "receipts", "replays", "erasures",
	} {
		found, err := db.QueryContext(t.Context(), `SELECT * FROM `+table)
		require.NoError(t, err)
		columns, err := found.Columns()
		require.NoError(t, err)
		for found.Next() {
			values, targets := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				targets[i] = &values[i]
			}
			require.NoError(t, found.Scan(targets...))
			for _, value := range values {
				if b, ok := value.([]byte); ok {
					value = string(b)
				}
				fmt.Fprintln(&all, value)
			}
		}
		require.NoError(t, errors.Join(found.Err(), found.Close()))
	}
	return all.String()
}
