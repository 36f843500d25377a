package service

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/refusal"
)

// FuzzCursor requires of what is read as a cursor that it is text, and that the cursor
// of that place leads there again. What is refused is named and not repeated.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", encode("a"), encode("a", 1), encode("a\x00", -1), encode("", 1e9, "c"), "!", "W10", "bnVsbA", encode(nil, nil), encode([]string{"a"}, 1.5)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		var id string
		var position int64
		if err := (Page{Cursor: cursor}).decode(&id, &position); err != nil {
			require.EqualError(t, err, refusal.Field("cursor", "must be the nextCursor of this list").Error())
			return
		}
		require.True(t, IsText(id))
		if cursor == "" {
			return
		}
		var again string
		var there int64
		require.NoError(t, Page{Cursor: encode(id, position)}.decode(&again, &there))
		require.Equal(t, id, again)
		require.Equal(t, position, there)
	})
}
