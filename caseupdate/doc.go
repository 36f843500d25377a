// Package caseupdate is the wire format of Case Updates webhooks: the 19 events
// that tell a partner what happened to a telehealth case, as Go types.
//
// A receiver starts with [Parse], which turns a body into an [Update] and its
// payload into one type per event:
//
//	update, err := caseupdate.Parse(body)
//	switch p := update.Payload.(type) {
//	case *caseupdate.AddCaseDecision:
//		fmt.Println(p.Case.ShortID, p.Decision.IsApproved)
//	}
//
// What is newer than this version of the package is no error and not lost: Update.Raw has the
// body, and [UnknownFields] the fields of it that no type has.
//
// A sender ends with [Marshal]. Its bytes equal what JavaScript prints for
// JSON.stringify(JSON.parse(body)), so that a receiver which parses and prints a
// body again still computes the same signature.
//
// The package neither signs nor sends: see package webhook for that. It imports
// the standard library only.
package caseupdate
