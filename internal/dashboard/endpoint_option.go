package dashboard

import (
	"github.com/casehook/casehook/internal/subscription"
)

// option is a value of a setting, and what it means to whoever decides.
type option struct{ Value, Name, Meaning string }

// options are what can be chosen of an endpoint, by the field of the form.
var options = map[string][]option{
	"phi": {
		{"yes", "Sees who the patient is", "Names, dates of birth, contacts and case titles are sent as they are. So are documents and answers that are marked PHI."},
		{"no", "Does not see who the patient is", "All of that is sent empty, and each message lists what was left empty. Free text, such as that of a comment, has no mark for PHI: it is sent as it is."},
	},
	"restricted": {
		{"yes", "Sees restricted content", "Restricted comments and documents are sent like all others."},
		{"no", "Does not see restricted content", "Restricted events are not sent. Full cases leave out what is restricted, as if it were not there."},
	},
	"events": {
		{"all", "All events", ""},
		{"some", "Only some", ""},
	},
	"payload": {
		{string(subscription.PayloadEvent), "The basic case", "What happened, and the main facts of the case: its status, its patient, who is assigned."},
		{string(subscription.PayloadFull), "The full case", "The same, with all that the case had by then: comments, answers, documents, decisions, payments, orders."},
	},
	"documents": {
		{string(subscription.DocumentsBase64), "In the message", "Each document is part of the message, in base64."},
		{string(subscription.DocumentsURL), "As signed links", "In the place of each document is a link that works for 15 minutes, without a key. Messages stay small."},
	},
	"ordering": {
		{string(subscription.OrderingCase), "In the order of each case", "A message waits until the one before it, of the same case, was delivered or given up. Cases do not wait for each other."},
		{string(subscription.OrderingNone), "Each as soon as it can be", "No message waits for another: one that fails holds up nothing, and a later one may come first."},
	},
}

// chosen returns what was chosen in a field.
func chosen(field, value string) option {
	for _, c := range options[field] {
		if c.Value == value {
			return c
		}
	}
	return option{Value: value, Name: value}
}

// clearanceOf tells what an endpoint may be told.
func clearanceOf(c subscription.Clearance) []option {
	return []option{chosen("phi", yesOrNo(c.PHI)), chosen("restricted", yesOrNo(c.Restricted))}
}

// yesOrNo is how a form has a truth.
func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
