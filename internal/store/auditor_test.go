package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoAsksAfterEntriesWereGivenUpIsToldSo(t *testing.T) {
	a := &auditor{
		queue:  make(chan unwritten, 1),
		ending: make(chan struct{}),
		done:   make(chan struct{}),
		lost:   1, // as when the database was gone at the end
	}
	go a.run()
	require.ErrorIs(t, a.flush(t.Context()), errClosed)
	require.Error(t, a.close())
}
