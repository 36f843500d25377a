// Package storetest is what every engine of the store must do: one suite, run on
// each.
//
//	func TestSQLite(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "casehook.db") })
//	}
//
// The tests lie in a file for each noun of the store. Most are told from a
// [clinic], which is an organisation in a store of its own, and what is done there.
package storetest

import (
	"testing"
)

// Run runs the suite. Open returns the URL of a database that is fresh and empty.
//
// One test kills the process that writes: Run starts the test binary again for it,
// with the same test selected, and there does nothing but write.
func Run(t *testing.T, open func(t *testing.T) string) {
	if writeUntilKilled(t) {
		return
	}
	for _, noun := range []struct {
		name  string
		tests []test
	}{
		{"Change", changeTests},
		{"Batch", batchTests},
		{"Race", raceTests},
		{"Case", caseTests},
		{"Event", eventTests},
		{"Lane", laneTests},
		{"Ordering", orderingTests},
		{"Withheld", withheldTests},
		{"Node", nodeTests},
		{"Delivery", deliveryTests},
		{"Retry", retryTests},
		{"Cancel", cancelTests},
		{"Health", healthTests},
		{"Replay", replayTests},
		{"Receipt", receiptTests},
		{"Traffic", trafficTests},
		{"Happening", happeningTests},
		{"Tampering", tamperTests},
		{"Audit", auditTests},
		{"Prune", pruneTests},
		{"Erasure", erasureTests},
		{"Rewrap", rewrapTests},
		{"KMS", kmsTests},
		{"Endpoint", endpointTests},
		{"Answer", answerTests},
		{"Organization", organizationTests},
		{"User", userTests},
		{"Key", keyTests},
		{"Session", sessionTests},
		{"Migration", migrationTests},
		{"Life", lifeTests},
		{"Secrecy", secrecyTests},
		{"Model", modelTests},
	} {
		t.Run(noun.name, func(t *testing.T) {
			for _, test := range noun.tests {
				t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
			}
		})
	}
}

// test is a sentence about the store, and what proves it in a fresh database.
type test struct {
	name string
	run  func(t *testing.T, url string)
}
