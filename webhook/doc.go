// Package webhook receives casehook's webhooks: verified, typed, each once, and in order. It signs them,
// too.
//
// A receiver begins with a [Receiver], an [http.Handler]. It is given the secret that was shown when the
// endpoint was made, and a function for each event that matters:
//
//	secret, err := webhook.ParseSecret(os.Getenv("CASEHOOK_SECRET"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	receiver := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}}}
//	webhook.On(receiver, func(ctx context.Context, p *caseupdate.AddCaseDecision) error {
//		log.Println(p.Case.ShortID, "approved:", p.Decision.IsApproved)
//		return nil
//	})
//	http.Handle("/hooks", receiver)
//
// That remembers in memory what it has handled. A [SQLStore] remembers in a database, and a [FeedClient]
// reads from casehook's log what never came.
//
// Who has a handler already asks a [Verifier], once per request, with the headers and the body exactly as
// they came. Three things such a receiver must know:
//
//   - Verify the bytes that came, before anything parses them.
//   - A message can come more than once: webhook-id ([HeaderID]) is the event's id, the same over
//     every retry and replay, and so the idempotency key.
//   - The messages of a case are numbered 1, 2, 3 … by [HeaderSequence]: a hole is a message lost.
//
// While a secret is rotated, casehook signs with the old one and the new one: a receiver can change
// over at any time in the overlap, or hold both in Verifier.Secrets.
//
// # The scheme
//
// The signatures are those of Standard Webhooks (https://www.standardwebhooks.com), so any library
// for it verifies casehook's messages too. What is signed is "id.timestamp.body". A whsec_ secret
// makes "v1," and the base64 HMAC-SHA256; an ed25519 key makes "v1a," and the base64 signature: the
// sender keeps the private key (whsk_), receivers are given the public one (whpk_). The header
// webhook-signature lists all of them, separated by spaces.
//
// Endpoints that ask for it also get x-cv-signature, a plain HMAC over the body ([VerifyCV]). It
// binds neither id nor time, so a message caught on its way can be sent again: prefer a Verifier.
//
// # Signing
//
// [Sign] signs a body in memory. A [Signer] signs one that is streamed.
package webhook

// The headers of a delivery. [http.Header.Get] and Set take them as they are.
const (
	// HeaderID holds the event's id: the idempotency key, the same over retries and replays.
	HeaderID = "webhook-id"
	// HeaderTimestamp holds the time of this attempt, in Unix seconds.
	HeaderTimestamp = "webhook-timestamp"
	// HeaderSignature holds the signatures, "v1,…" or "v1a,…", separated by spaces.
	HeaderSignature = "webhook-signature"
	// HeaderCV holds the lowercase hex HMAC-SHA256 of the body; see [SignCV].
	HeaderCV = "x-cv-signature"
	// HeaderCaseID holds the case's id. Messages of one case come in order.
	HeaderCaseID = "casehook-case-id"
	// HeaderSequence counts 1, 2, 3 … over what one endpoint is sent of one case.
	HeaderSequence = "casehook-sequence"
	// HeaderAttempt counts the attempts at this delivery: 1, 2, 3 …
	HeaderAttempt = "casehook-attempt"
)
