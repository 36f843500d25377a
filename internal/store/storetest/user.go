package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/store"
)

var userTests = []test{
	{"a user that was read again is the one that was put last", func(t *testing.T, url string) {
		c := newClinic(t, url)
		bare := store.User{User: caseupdate.User{ID: "u-1", FirstName: "Mary", LastName: "Seacole"}, UpdatedAt: at(begin)}
		full := store.User{User: caseupdate.User{ID: "u-1", FirstName: "Mary Jane", LastName: "Seacole", Email: new("mary@example.com")}, Role: new("nurse"), UpdatedAt: at(begin.Add(time.Hour))}
		for _, want := range []store.User{bare, full, bare} {
			require.NoError(t, c.PutUser(t.Context(), c.org.ID, want))
			got, err := c.User(t.Context(), c.org.ID, "u-1")
			require.NoError(t, err)
			requireEqual(t, want, got)
		}
		c.reopen()
		got, err := c.User(t.Context(), c.org.ID, "u-1")
		require.NoError(t, err)
		requireEqual(t, bare, got)
	}},
	{"users are their organisation's only", func(t *testing.T, url string) {
		c := newClinic(t, url)
		other := c.neighbour()
		mine := store.User{User: caseupdate.User{ID: "u-1", FirstName: "Mine"}, UpdatedAt: at(begin)}
		theirs := store.User{User: caseupdate.User{ID: "u-1", FirstName: "Theirs"}, UpdatedAt: at(begin)}
		require.NoError(t, c.PutUser(t.Context(), c.org.ID, mine))
		_, err := other.User(t.Context(), other.org.ID, "u-1")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NoError(t, other.PutUser(t.Context(), other.org.ID, theirs))
		got, err := c.User(t.Context(), c.org.ID, "u-1")
		require.NoError(t, err)
		requireEqual(t, mine, got)
		require.ErrorIs(t, c.PutUser(t.Context(), newID(), mine), store.ErrNotFound)
	}},
	{"users are listed by id, page by page", func(t *testing.T, url string) {
		c := newClinic(t, url)
		var want []string
		for i := range 5 {
			id := fmt.Sprintf("u-%d", i)
			want = append(want, id)
			require.NoError(t, c.PutUser(t.Context(), c.org.ID, store.User{User: caseupdate.User{ID: id, FirstName: id}, UpdatedAt: begin}))
		}
		var got []string
		for after := ""; ; {
			page, err := c.Users(t.Context(), c.org.ID, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				require.Equal(t, u.ID, u.FirstName)
				got = append(got, u.ID)
			}
			after = got[len(got)-1]
		}
		require.Equal(t, want, got)
	}},
}
