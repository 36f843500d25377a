package storetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

var answerTests = []test{
	{"a change keeps its answer with its events, and is not recorded twice", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		var made *store.Committed
		once := func(key string) store.Proposal {
			p := c.proposal(id, nil, comment(1))
			p.Once = &store.Once{Key: key, Digest: [32]byte{7}}
			p.Answer = func(committed *store.Committed) ([]byte, error) {
				made = committed
				return []byte("answer to " + key), nil
			}
			return p
		}
		committed, err := c.Change(t.Context(), once("one"))
		require.NoError(t, err)
		require.Same(t, committed, made, "the answer is made of what is recorded")
		_, err = c.Change(t.Context(), once("one"))
		require.ErrorIs(t, err, store.ErrAnswered)
		_, err = c.Change(t.Context(), once("two"))
		require.NoError(t, err)
		requireLog(t, c, id, 3)
		for range 2 {
			requireAnswer(t, c, "one", "answer to one", [32]byte{7})
			requireAnswer(t, c, "two", "answer to two", [32]byte{7})
			c.reopen()
		}
	}},
	{"the answer of a case that is made is kept with it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cmd := c.creation()
		p := c.proposal(cmd.ID, nil, cmd)
		p.Once, p.Answer = &store.Once{Key: "create"}, answer("created")
		_, err := c.Change(t.Context(), p)
		require.NoError(t, err)
		c.reopen()
		requireAnswer(t, c, "create", "created", [32]byte{})
	}},
	{"an answer is kept by itself, once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		kept := &store.Kept{Once: store.Once{Key: "key", Digest: [32]byte{1}}, Answer: []byte("first")}
		require.NoError(t, c.Keep(t.Context(), c.org.ID, kept))
		kept.Answer = []byte("second")
		require.ErrorIs(t, c.Keep(t.Context(), c.org.ID, kept), store.ErrAnswered)
		for range 2 {
			requireAnswer(t, c, "key", "first", [32]byte{1})
			c.reopen()
		}
	}},
	{"an empty answer is an answer", func(t *testing.T, url string) {
		c := newClinic(t, url)
		require.NoError(t, c.Keep(t.Context(), c.org.ID, &store.Kept{Once: store.Once{Key: "key"}}))
		requireAnswer(t, c, "key", "", [32]byte{})
	}},
	{"idempotency keys are their organisation's only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		other := c.neighbour()
		require.NoError(t, c.Keep(t.Context(), c.org.ID, &store.Kept{Once: store.Once{Key: "key"}, Answer: []byte("mine")}))
		_, _, err := other.Answer(t.Context(), other.org.ID, "key")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NoError(t, other.Keep(t.Context(), other.org.ID, &store.Kept{Once: store.Once{Key: "key"}, Answer: []byte("theirs")}))
		requireAnswer(t, c, "key", "mine", [32]byte{})
		requireAnswer(t, other, "key", "theirs", [32]byte{})
		require.ErrorIs(t, c.Keep(t.Context(), newID(), &store.Kept{Once: store.Once{Key: "key"}}), store.ErrNotFound)
	}},
}

func requireAnswer(t *testing.T, c *clinic, key, want string, wantDigest [32]byte) {
	t.Helper()
	got, digest, err := c.Answer(t.Context(), c.org.ID, key)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
	require.Equal(t, wantDigest, digest)
}

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }
