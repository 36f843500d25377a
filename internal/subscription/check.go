package subscription

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// What an endpoint has where its owner does not say otherwise.
const (
	DefaultTimeout     = 15 * time.Second
	DefaultMaxInFlight = 32
)

// The limits of an endpoint.
const (
	MaxURL         = 2048
	MaxDescription = 500
	MaxHeaders     = 20
	MaxHeaderName  = 100
	MaxHeaderValue = 4096
	MaxTimeout     = 60 * time.Second
	MaxInFlight    = 256
	MaxRateLimit   = 10_000
	MaxInlineBytes = 2_000_000_000
)

// Check refuses an endpoint that cannot be. Plain http is allowed only with
// insecure, for development. Whether the address may be dialled is not asked here
// but at each attempt.
func (e *Endpoint) Check(insecure bool) error {
	var faults []refusal.Fault
	add := func(field, allowed string) { faults = append(faults, refusal.Fault{Field: field, Allowed: allowed}) }

	if allowed := checkURL(e.URL, insecure); allowed != "" {
		add("url", allowed)
	}
	switch {
	case len(e.Description) > MaxDescription || !utf8.ValidString(e.Description):
		add("description", fmt.Sprintf("must be UTF-8, at most %d bytes long", MaxDescription))
	case strings.ContainsFunc(e.Description, unicode.IsControl):
		add("description", "must have no control characters")
	}
	if len(e.Events) == 0 {
		add("events", `must have at least 1 item, ["*"] for all`)
	}
	for i, name := range e.Events {
		switch {
		case name == AllEvents && len(e.Events) > 1:
			add(fmt.Sprintf("events[%d]", i), `must stand alone where it is "*"`)
		case name != AllEvents && !caseupdate.Event(name).Known():
			add(fmt.Sprintf("events[%d]", i), refusal.OneOf(append([]caseupdate.Event{AllEvents}, caseupdate.Events()...)))
		case slices.Contains(e.Events[:i], name):
			add(fmt.Sprintf("events[%d]", i), "must not be named twice")
		}
	}
	if e.Payload != PayloadEvent && e.Payload != PayloadFull {
		add("payload", `must be "event" or "full"`)
	}
	if e.Documents != DocumentsBase64 && e.Documents != DocumentsURL {
		add("documents", `must be "base64" or "url"`)
	}
	if e.Ordering != OrderingCase && e.Ordering != OrderingNone {
		add("ordering", `must be "case" or "none"`)
	}
	if !e.Signs(SigningStandard) {
		add("signing", `must contain "standard"`)
	}
	for i, signing := range e.Signing {
		if (signing != SigningStandard && signing != SigningCV) || slices.Contains(e.Signing[:i], signing) {
			add(fmt.Sprintf("signing[%d]", i), `must be "standard" or "cv", each once`)
		}
	}
	if e.Timeout < time.Second || e.Timeout > MaxTimeout {
		add("timeoutSeconds", fmt.Sprintf("must be a whole number from 1 to %d", int(MaxTimeout.Seconds())))
	}
	if e.MaxInFlight < 1 || e.MaxInFlight > MaxInFlight {
		add("maxInFlight", fmt.Sprintf("must be a whole number from 1 to %d", MaxInFlight))
	}
	if e.RateLimit != nil && (*e.RateLimit < 1 || *e.RateLimit > MaxRateLimit) {
		add("rateLimit", fmt.Sprintf("must be null, or a whole number from 1 to %d, attempts a second", MaxRateLimit))
	}
	if e.MaxInlineBytes != nil && (*e.MaxInlineBytes < 0 || *e.MaxInlineBytes > MaxInlineBytes) {
		add("maxInlineBytes", fmt.Sprintf("must be null, or a whole number from 0 to %d", MaxInlineBytes))
	}
	faults = append(faults, checkHeaders(e.Headers)...)
	if len(faults) > 0 {
		return refusal.Fields(faults...)
	}
	return nil
}

// checkURL says what the URL must be, or "" where it is fine.
func checkURL(s string, insecure bool) string {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "must not be empty"
	case len(s) > MaxURL:
		return fmt.Sprintf("must be at most %d bytes long", MaxURL)
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return "must be an absolute URL, such as https://partner.example/hooks"
	case u.Scheme != "https" && !(insecure && u.Scheme == "http"):
		if insecure {
			return "must begin with https:// or http://"
		}
		return "must begin with https://"
	case !isPort(u.Port()):
		return "must have a port from 1 to 65535, or none"
	case u.User != nil:
		return "must have no user name or password: put what authenticates into headers"
	case u.Fragment != "":
		return "must have no fragment"
	}
	return ""
}

// isPort reports whether a port is one, or there is none.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// reserved are the headers that casehook or HTTP itself sets.
var reserved = []string{
	"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive",
	"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-cv-signature",
}

func checkHeaders(headers map[string]string) []refusal.Fault {
	var faults []refusal.Fault
	if len(headers) > MaxHeaders {
		faults = append(faults, refusal.Fault{Field: "headers", Allowed: fmt.Sprintf("must have at most %d items", MaxHeaders)})
	}
	seen := make(map[string]bool, len(headers))
	for name, value := range headers {
		lower := strings.ToLower(name)
		allowed := CheckHeader(name, value)
		if allowed == "" && seen[lower] {
			allowed = "must not name a header twice"
		}
		seen[lower] = true
		if allowed != "" && !slices.Contains(faults, refusal.Fault{Field: "headers", Allowed: allowed}) {
			faults = append(faults, refusal.Fault{Field: "headers", Allowed: allowed})
		}
	}
	return faults
}

// CheckHeader says what the headers of an endpoint must be, where one of them cannot be; "" where
// it is fine.
func CheckHeader(name, value string) (allowed string) {
	lower := strings.ToLower(name)
	switch {
	case name == "" || len(name) > MaxHeaderName || strings.ContainsFunc(name, notToken):
		return "must have names of letters, digits and hyphens (RFC 9110, section 5.1)"
	case slices.Contains(reserved, lower), strings.HasPrefix(lower, "webhook-"), strings.HasPrefix(lower, "casehook-"):
		return "must not name a header that casehook or HTTP sets"
	case len(value) > MaxHeaderValue || strings.ContainsFunc(value, notVisible) || strings.TrimSpace(value) != value:
		return fmt.Sprintf("must have values of visible ASCII, at most %d bytes long", MaxHeaderValue)
	}
	return ""
}

// notToken reports whether r may not stand in a header's name (RFC 9110, section 5.6.2).
func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// notVisible reports whether r may not stand in a header's value.
func notVisible(r rune) bool { return r < ' ' || r >= 0x7f }
