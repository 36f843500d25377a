package subscription_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/subscription"
)

// valid returns an endpoint that Check accepts.
func valid() *subscription.Endpoint {
	return &subscription.Endpoint{
		URL:         "https://partner.example/hooks?for=us",
		Events:      []string{subscription.AllEvents},
		Payload:     subscription.PayloadEvent,
		Documents:   subscription.DocumentsBase64,
		Ordering:    subscription.OrderingCase,
		Signing:     []subscription.Signing{subscription.SigningStandard},
		Headers:     map[string]string{"cv-api-key": "a secret value"},
		Timeout:     subscription.DefaultTimeout,
		MaxInFlight: subscription.DefaultMaxInFlight,
	}
}

func TestCheckAcceptsTheDefaults(t *testing.T) {
	if err := subscription.New("https://partner.example/hooks", subscription.Clearance{}).Check(false); err != nil {
		t.Error(err)
	}
}

func TestCheckAcceptsWhatCanBe(t *testing.T) {
	limit := 100
	for name, change := range map[string]func(*subscription.Endpoint){
		"the usual":            func(*subscription.Endpoint) {},
		"named events":         func(e *subscription.Endpoint) { e.Events = []string{"CREATE_CASE", "ARCHIVE_CASE"} },
		"both signatures":      func(e *subscription.Endpoint) { e.Signing = append(e.Signing, subscription.SigningCV) },
		"a rate limit":         func(e *subscription.Endpoint) { e.RateLimit = &limit },
		"no document inline":   func(e *subscription.Endpoint) { e.MaxInlineBytes = new(0) },
		"a port and an IPv6":   func(e *subscription.Endpoint) { e.URL = "https://[2606:4700::1]:8443/hooks" },
		"an authentication":    func(e *subscription.Endpoint) { e.Headers = map[string]string{"Authorization": "Bearer x"} },
		"a description":        func(e *subscription.Endpoint) { e.Description = "Die Apotheke in Köln 🩺" },
		"a full case by links": func(e *subscription.Endpoint) { e.Payload, e.Documents = "full", "url" },
	} {
		t.Run(name, func(t *testing.T) {
			e := valid()
			change(e)
			if err := e.Check(false); err != nil {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func TestCheckNamesTheFieldAndWhatIsAllowedButNoValue(t *testing.T) {
	const canary = "canary"
	zero, many := 0, subscription.MaxRateLimit+1
	for _, test := range []struct {
		name   string
		field  string
		change func(*subscription.Endpoint)
	}{
		{"no URL", "url", func(e *subscription.Endpoint) { e.URL = "" }},
		{"plain http", "url", func(e *subscription.Endpoint) { e.URL = "http://canary.example" }},
		{"another scheme", "url", func(e *subscription.Endpoint) { e.URL = "ftp://canary.example" }},
		{"no host", "url", func(e *subscription.Endpoint) { e.URL = "https:///canary" }},
		{"a port alone", "url", func(e *subscription.Endpoint) { e.URL = "https://:443/canary" }},
		{"a port that is too high", "url", func(e *subscription.Endpoint) { e.URL = "https://canary.example:65536/" }},
		{"the port 0", "url", func(e *subscription.Endpoint) { e.URL = "https://canary.example:0/" }},
		{"not absolute", "url", func(e *subscription.Endpoint) { e.URL = "/canary" }},
		{"not a URL", "url", func(e *subscription.Endpoint) { e.URL = "https://canary.example/%zz" }},
		{"a password", "url", func(e *subscription.Endpoint) { e.URL = "https://user:canary@partner.example" }},
		{"a fragment", "url", func(e *subscription.Endpoint) { e.URL = "https://partner.example/#canary" }},
		{"a long URL", "url", func(e *subscription.Endpoint) { e.URL = "https://partner.example/" + strings.Repeat(canary, 400) }},
		{"a long description", "description", func(e *subscription.Endpoint) { e.Description = strings.Repeat(canary, 100) }},
		{"a description of two lines", "description", func(e *subscription.Endpoint) { e.Description = canary + "\n" + canary }},
		{"a description that steers a terminal", "description", func(e *subscription.Endpoint) { e.Description = canary + "\x1b[2J" }},
		{"a description with an old control character", "description", func(e *subscription.Endpoint) { e.Description = canary + "\u0085" }},
		{"no events", "events", func(e *subscription.Endpoint) { e.Events = nil }},
		{"an unknown event", "events[1]", func(e *subscription.Endpoint) { e.Events = []string{"CREATE_CASE", canary} }},
		{"an event twice", "events[1]", func(e *subscription.Endpoint) { e.Events = []string{"CREATE_CASE", "CREATE_CASE"} }},
		{"all events and one more", "events[0]", func(e *subscription.Endpoint) { e.Events = []string{"*", "CREATE_CASE"} }},
		{"an unknown payload", "payload", func(e *subscription.Endpoint) { e.Payload = canary }},
		{"unknown documents", "documents", func(e *subscription.Endpoint) { e.Documents = canary }},
		{"an unknown ordering", "ordering", func(e *subscription.Endpoint) { e.Ordering = canary }},
		{"no standard signature", "signing", func(e *subscription.Endpoint) { e.Signing = []subscription.Signing{"cv"} }},
		{"an unknown signature", "signing[1]", func(e *subscription.Endpoint) { e.Signing = append(e.Signing, canary) }},
		{"a signature twice", "signing[1]", func(e *subscription.Endpoint) { e.Signing = append(e.Signing, "standard") }},
		{"no time", "timeoutSeconds", func(e *subscription.Endpoint) { e.Timeout = 0 }},
		{"too much time", "timeoutSeconds", func(e *subscription.Endpoint) { e.Timeout = time.Hour }},
		{"none in flight", "maxInFlight", func(e *subscription.Endpoint) { e.MaxInFlight = 0 }},
		{"too many in flight", "maxInFlight", func(e *subscription.Endpoint) { e.MaxInFlight = subscription.MaxInFlight + 1 }},
		{"a rate of nothing", "rateLimit", func(e *subscription.Endpoint) { e.RateLimit = &zero }},
		{"too high a rate", "rateLimit", func(e *subscription.Endpoint) { e.RateLimit = &many }},
		{"less than no document inline", "maxInlineBytes", func(e *subscription.Endpoint) { e.MaxInlineBytes = new(-1) }},
		{"larger documents inline than there are", "maxInlineBytes", func(e *subscription.Endpoint) { e.MaxInlineBytes = new(subscription.MaxInlineBytes + 1) }},
		{"a header of ours", "headers", func(e *subscription.Endpoint) { e.Headers = map[string]string{"Webhook-Id": canary} }},
		{"a header of HTTP", "headers", func(e *subscription.Endpoint) { e.Headers = map[string]string{"transfer-encoding": canary} }},
		{"a header's name with a space", "headers", func(e *subscription.Endpoint) { e.Headers = map[string]string{"x canary": "1"} }},
		{"a header that injects another", "headers", func(e *subscription.Endpoint) { e.Headers = map[string]string{"x-key": "1\r\nx-canary: 1"} }},
		{"a header twice", "headers", func(e *subscription.Endpoint) { e.Headers = map[string]string{"x-key": canary, "X-Key": canary} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := valid()
			test.change(e)
			refused, ok := errors.AsType[*refusal.Error](e.Check(false))
			if !ok {
				t.Fatal("Check accepts it")
			}
			var fields []string
			for _, fault := range refused.Faults {
				fields = append(fields, fault.Field)
			}
			if diff := cmp.Diff([]string{test.field}, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if strings.Contains(refused.Error(), canary) {
				t.Errorf("the error repeats what was sent: %v", refused)
			}
		})
	}
}

func TestPlainHTTPIsForDevelopment(t *testing.T) {
	e := valid()
	e.URL = "http://127.0.0.1:3000/hooks"
	if err := e.Check(true); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://partner.example/hooks", "http://a", "https://", "https://u:p@h", "https://h#f", "https:opaque", "//h", "https://[::1]:1", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := valid()
		e.URL = text
		if e.Check(false) == nil && !strings.HasPrefix(strings.ToLower(text), "https://") {
			t.Errorf("%q is accepted", text)
		}
	})
}
