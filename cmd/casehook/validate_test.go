package main

import (
	"encoding/json"
	"testing"

	"github.com/casehook/casehook/caseupdate"
)

func FuzzInspect(f *testing.F) {
	for _, seed := range []string{`{"event":"REOPEN_CASE","payload":{"case":{"id":1}}}`, `{"event":1,"payload":[]}`, ` [`, ``, `{"":{}}`, "\"\xff\"", `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, faults := inspect(body)
		if len(faults) == 0 {
			if update, err := caseupdate.Parse(body); err != nil || !update.Event.Known() {
				t.Fatalf("there is no fault in what is not read: %v", err)
			}
		}
		if !json.Valid(body) && len(faults) != 1 {
			t.Fatalf("%d faults in what is not JSON", len(faults))
		}
		for _, fault := range faults {
			if fault.line < 1 || fault.column < 1 || fault.column > len(body)+1 {
				t.Fatalf("a fault at %d:%d of %d bytes", fault.line, fault.column, len(body))
			}
		}
	})
}
