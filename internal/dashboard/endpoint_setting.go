package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casehook/casehook/internal/subscription"
)

// setting is a field of the form of an endpoint.
type setting struct {
	field
	told func(*subscription.Endpoint) string // what an endpoint has there, in words
}

// endpointFields are the fields of the form, in their order.
var endpointFields = []setting{
	{field{"url", "URL"}, func(e *subscription.Endpoint) string { return e.URL }},
	{field{"description", "Description"}, func(e *subscription.Endpoint) string { return cmp.Or(e.Description, "None") }},
	{field{"phi", "Patient data (PHI)"}, func(e *subscription.Endpoint) string { return chosen("phi", yesOrNo(e.Clearance.PHI)).Name }},
	{field{"restricted", "Restricted content"}, func(e *subscription.Endpoint) string {
		return chosen("restricted", yesOrNo(e.Clearance.Restricted)).Name
	}},
	{field{"events", "Events"}, func(e *subscription.Endpoint) string {
		if slices.Contains(e.Events, subscription.AllEvents) {
			return "All"
		}
		return strings.Join(e.Events, ", ")
	}},
	{field{"payload", "Case"}, func(e *subscription.Endpoint) string { return chosen("payload", string(e.Payload)).Name }},
	{field{"documents", "Documents"}, func(e *subscription.Endpoint) string { return chosen("documents", string(e.Documents)).Name }},
	{field{"maxInlineBytes", "Largest document in a message"}, func(e *subscription.Endpoint) string {
		return limit(e.MaxInlineBytes, " bytes, and larger ones as links")
	}},
	{field{"ordering", "Order"}, func(e *subscription.Endpoint) string { return chosen("ordering", string(e.Ordering)).Name }},
	{field{"signing", "Signatures"}, func(e *subscription.Endpoint) string {
		if e.Signs(subscription.SigningCV) {
			return "Standard Webhooks, x-cv-signature"
		}
		return "Standard Webhooks"
	}},
	{field{"headers", "Own headers"}, func(e *subscription.Endpoint) string {
		if len(e.Headers) == 0 {
			return "None"
		}
		return strings.Join(headerNames(e), ", ") + " (values are not shown)"
	}},
	{field{"timeoutSeconds", "Timeout"}, func(e *subscription.Endpoint) string { return took(e.Timeout) }},
	{field{"maxInFlight", "In flight"}, func(e *subscription.Endpoint) string { return fmt.Sprintf("%d attempts at most", e.MaxInFlight) }},
	{field{"rateLimit", "Rate"}, func(e *subscription.Endpoint) string { return limit(e.RateLimit, " attempts a second") }},
}

// settingsOf tells what an endpoint asked for.
func settingsOf(e *subscription.Endpoint) (settings []fact) {
	for _, s := range endpointFields {
		switch s.Field {
		case "url", "description", "phi", "restricted": // told elsewhere
			continue
		case "maxInlineBytes":
			if e.MaxInlineBytes == nil || e.Documents != subscription.DocumentsBase64 {
				continue
			}
		}
		settings = append(settings, fact{s.Name, s.told(e)})
	}
	return settings
}

// limit tells of a limit that there need not be.
func limit(n *int, of string) string {
	if n == nil {
		return "No limit"
	}
	return count(int64(*n)) + of
}
