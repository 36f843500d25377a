//go:build unix

package store_test

import (
	"testing"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/store/storetest"
)

func TestPostgreSQL(t *testing.T) {
	storetest.Run(t, func(t *testing.T) string { return postgrestest.DSN(t) })
}

func TestTheFeedGoesOnInARestoredDatabase(t *testing.T) {
	storetest.Restored(t, postgrestest.DSN(t))
}

func TestAnAttemptCountsOnceWhereTheAnswerToItsCommitWasLost(t *testing.T) {
	way := postgrestest.NewDeaf(t, postgrestest.DSN(t))
	storetest.Lost(t, way.URL, way.Lose)
}

func TestAnEntryOfTheAuditIsThereOnceWhereTheAnswerToItsCommitWasLost(t *testing.T) {
	way := postgrestest.NewDeaf(t, postgrestest.DSN(t))
	storetest.LostEntry(t, way.URL, way.Lose)
}

func TestWhatTwoProcessesChangeOfAnEndpointIsAllKept(t *testing.T) {
	storetest.Beside(t, postgrestest.DSN(t))
}

func TestNoNumberIsGivenTwiceWhileAnotherProcessWithholds(t *testing.T) {
	storetest.WithheldBeside(t, postgrestest.DSN(t))
}

func BenchmarkPostgreSQL(b *testing.B) { storetest.Bench(b, postgrestest.DSN(b)) }
