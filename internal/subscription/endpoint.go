// Package subscription is what an endpoint asks for: which events, in what form,
// under which clearance, signed how, and tried when.
//
// Start with [Endpoint]. The package is pure: it knows no clock, no database and
// no network.
package subscription

import (
	"net/url"
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// Endpoint is a partner's URL and what is sent to it.
type Endpoint struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organizationId"`

	URL         string            `json:"url"`
	Description string            `json:"description"`
	Events      []string          `json:"events"` // names, or AllEvents alone
	Payload     Payload           `json:"payload"`
	Documents   Documents         `json:"documents"`
	Clearance   Clearance         `json:"clearance"`
	Ordering    Ordering          `json:"ordering"`
	Signing     []Signing         `json:"signing"`
	Headers     map[string]string `json:"headers"` // values are secret: never shown again
	Timeout     time.Duration     `json:"timeout"` // of one attempt, from dialling to the end of the answer
	MaxInFlight int               `json:"maxInFlight"`
	RateLimit   *int              `json:"rateLimit"` // attempts a second; nil: no limit

	// MaxInlineBytes is how large a document may be to come in base64; a larger one comes
	// as a link. Nil: no limit.
	MaxInlineBytes *int `json:"maxInlineBytes,omitempty"`

	Secrets []Secret `json:"secrets"` // the newest first
	State   State    `json:"-"`
	// StateAt is when somebody paused or resumed it last; nil where that is not known.
	StateAt   *time.Time `json:"stateAt,omitempty"`
	Moving    bool       `json:"-"` // what waits is being brought into the order of its cases
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
}

// New returns an endpoint as it is where its owner does not say otherwise. What it may be told
// has no default.
func New(url string, clearance Clearance) *Endpoint {
	return &Endpoint{
		URL:         url,
		Events:      []string{AllEvents},
		Payload:     PayloadEvent,
		Documents:   DocumentsBase64,
		Clearance:   clearance,
		Ordering:    OrderingCase,
		Signing:     []Signing{SigningStandard, SigningCV},
		Headers:     map[string]string{},
		Timeout:     DefaultTimeout,
		MaxInFlight: DefaultMaxInFlight,
	}
}

// AllEvents subscribes to every event, where it is the only item of an endpoint's
// events.
const AllEvents = "*"

// Payload says which case is sent with an event.
type Payload string

// What is sent with an event: the basic case, or all of it.
const (
	PayloadEvent Payload = "event"
	PayloadFull  Payload = "full"
)

// Documents says how a document's bytes are sent.
type Documents string

// A document comes in base64 in the body, or as a signed link.
const (
	DocumentsBase64 Documents = "base64"
	DocumentsURL    Documents = "url"
)

// Ordering says whether the messages of one case wait for each other.
type Ordering string

// In the order of the case, or as soon as each can be.
const (
	OrderingCase Ordering = "case"
	OrderingNone Ordering = "none"
)

// Signing is a way to sign a message.
type Signing string

// Standard Webhooks' headers, and x-cv-signature.
const (
	SigningStandard Signing = "standard"
	SigningCV       Signing = "cv"
)

// State says whether an endpoint is sent anything. Whatever its state, deliveries
// are recorded for it, and sent in order once it is active again.
type State string

// The states of an endpoint.
const (
	Active   State = "active"
	Paused   State = "paused"   // by its owner
	Disabled State = "disabled" // by its answers
)

// Clearance is what an endpoint, or a reader of the feed, may be told.
type Clearance struct {
	PHI        bool `json:"phi"`        // what is marked isPHI, and who the submitter is
	Restricted bool `json:"restricted"` // what is marked isRestricted
}

// Withholds reports whether an event is not told at all.
func (c Clearance) Withholds(a caseupdate.Activity) bool {
	return a.IsRestricted && !c.Restricted
}

// Secret signs an endpoint's messages, until it expires. An endpoint always has a
// symmetric one, and may have ed25519 keys beside it.
type Secret struct {
	Value     string     `json:"value"`               // whsec_…, or whsk_… of an ed25519 key
	PublicKey string     `json:"publicKey,omitempty"` // whpk_…, of an ed25519 key
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt *time.Time `json:"expiresAt"` // nil: not at all
}

// Receiving reports whether the endpoint is sent anything now.
func (e *Endpoint) Receiving() bool { return e.State == Active && !e.Moving }

// Subscribes reports whether the endpoint asked for events of that name.
func (e *Endpoint) Subscribes(name caseupdate.Event) bool {
	return slices.Contains(e.Events, AllEvents) || slices.Contains(e.Events, string(name))
}

// Receives reports whether the endpoint is sent the event: it asked for it, and
// its clearance does not withhold it.
func (e *Endpoint) Receives(a caseupdate.Activity) bool {
	return e.Subscribes(a.Type) && !e.Clearance.Withholds(a)
}

// Recipient names who is sent the messages: the URL without its query, which may hold a
// secret.
func (e *Endpoint) Recipient() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// Signs reports whether messages are signed in that way.
func (e *Endpoint) Signs(with Signing) bool {
	return slices.Contains(e.Signing, with)
}

// Symmetric reports whether the secret is one that the receiver has too.
func (s Secret) Symmetric() bool { return s.PublicKey == "" }

// Live reports whether the secret has not expired.
func (s Secret) Live(now time.Time) bool { return s.ExpiresAt == nil || now.Before(*s.ExpiresAt) }

// Newest returns the newest live secret of a kind, or nil.
func (e *Endpoint) Newest(symmetric bool, now time.Time) *Secret {
	for i, secret := range e.Secrets {
		if secret.Symmetric() == symmetric && secret.Live(now) {
			return &e.Secrets[i]
		}
	}
	return nil
}

// LiveSecrets returns the secrets that have not expired, the newest first.
func (e *Endpoint) LiveSecrets(now time.Time) []string {
	var live []string
	for _, secret := range e.Secrets {
		if secret.Live(now) {
			live = append(live, secret.Value)
		}
	}
	return live
}
