package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// A check sends webhooks to a receiver and returns those that were answered otherwise than they
// must be.
type check struct {
	name, says, advice string
	standard           bool // whether only webhook-signature can pass it
	run                func(context.Context, *checkup) (found []finding, note string, err error)
}

// checks are all of them. The first one says whether the others have a meaning.
var checks = []check{
	{
		name:   "accepts",
		says:   "answers genuine webhooks with 2xx: each event, and a full case",
		advice: "Is it the endpoint's secret? Verify the bytes that came, before anything parses them.",
		run:    accepts,
	},
	{
		name:   "verifies-bytes",
		says:   "verifies bodies that serializers write differently",
		advice: "Verify the bytes that came, not JSON that was parsed and written again: take the raw body before any middleware parses it.",
		run:    verifiesBytes,
	},
	{
		name:   "refuses-tampered",
		says:   "refuses a body that was changed on its way",
		advice: "Compute the signature over ID.TIMESTAMP.BODY (x-cv-signature: over the body) and answer 401 where it is another.",
		run:    refusesTampered,
	},
	{
		name:     "refuses-borrowed",
		says:     "refuses an id or a time that the signature is not for",
		advice:   "Verify webhook-signature, which covers webhook-id and webhook-timestamp. x-cv-signature covers neither; run doctor with --cv where you know that and have to live with it.",
		standard: true,
		run:      refusesBorrowed,
	},
	{
		name:   "refuses-wrong-secret",
		says:   "refuses what another secret signed, and signatures that are none",
		advice: "Compare all of the signature, with a function that takes the same time for any, and refuse where none matches.",
		run:    refusesWrongSecret,
	},
	{
		name:   "refuses-unsigned",
		says:   "refuses what has no signature, no id or no time",
		advice: "Answer 401 where a header that verifying needs is absent: absent must not mean unchecked.",
		run:    refusesUnsigned,
	},
	{
		name:     "refuses-stale",
		says:     "refuses what was signed ten minutes ago, or will be in ten minutes",
		advice:   "Compare webhook-timestamp with your clock, after verifying, and refuse where they are more than 5 minutes apart, either way.",
		standard: true,
		run:      refusesStale,
	},
	{
		name:   "tolerates-unknown-events",
		says:   "answers an event that it does not know with 2xx",
		advice: "New events may come. Take and ignore those that you do not know, else they come again for days and hold up their case.",
		run:    toleratesUnknownEvents,
	},
	{
		name:   "tolerates-unknown-fields",
		says:   "answers a body with new fields with 2xx",
		advice: "New fields may come, at any place. Ignore those that you do not know.",
		run:    toleratesUnknownFields,
	},
	{
		name:   "tolerates-blanked",
		says:   "answers bodies with 2xx in which what may be PHI is blanked",
		advice: "Without clearance for PHI the title and all of the submitter but the id are null, and what is marked as PHI is null or an empty text. redacted lists the paths.",
		run:    toleratesBlanked,
	},
	{
		name:   "idempotent",
		says:   "answers a webhook that comes again with 2xx",
		advice: "webhook-id is the same each time. Keep it with what you do, under a primary key, and answer 2xx where it is there already.",
		run:    idempotent,
	},
	{
		name:   "tolerates-holes",
		says:   "answers what comes after a hole in the sequence with 2xx, and what fills it",
		advice: "A hole means that a message is lost for now. Take what comes, and fill the hole from the log.",
		run:    toleratesHoles,
	},
	{
		name:   "takes-1-mb",
		says:   "takes a body of more than 1 MB",
		advice: "Raise the limit on the body, of the framework and of a proxy before it. With 413, documents come as links instead; what is no document does not.",
		run:    takesAMegabyte,
	},
	{
		name:   "fast",
		says:   "answers in time, 20 cases at once too",
		advice: "Keep what came and answer; work on it afterwards.",
		run:    fast,
	},
}

func accepts(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	var last answer
	sent := 0
	take := func(event caseupdate.Event, payload subscription.Payload, name string) error {
		m, err := newSample(event, payload, time.Now())
		if err != nil {
			return err
		}
		if last, err = c.send(ctx, m); err != nil {
			return err
		}
		if last.taken() {
			c.taken++
		}
		sent++
		found = append(found, to2xx(name, last)...)
		return nil
	}
	for _, event := range caseupdate.Events() {
		if err := take(event, subscription.PayloadEvent, string(event)); err != nil {
			return nil, "", err
		}
		if last.failed != nil && c.taken == 0 {
			return found, "", nil // nor will there be an answer 20 times
		}
	}
	err = take(caseupdate.EventAddCaseDecision, subscription.PayloadFull, string(caseupdate.EventAddCaseDecision)+" with the full case")
	if at, dated := http.ParseTime(last.header.Get("Date")); dated == nil && len(found) > 0 {
		if apart := time.Since(at).Round(time.Second); apart.Abs() > time.Minute {
			note = "the receiver's clock, by its Date header, is " + apart.Abs().String() + " away from the clock of this machine"
		}
	}
	return together(found, sent), note, err
}

// together returns findings with those as one of which the answers are alike. All is how many webhooks were sent.
func together(found []finding, all int) []finding {
	var joined []finding
	of := map[string][]string{} // by the answer: what was sent
	for _, f := range found {
		said := fmt.Sprint(f.got.status, f.got.failed, f.got.text)
		if of[said] = append(of[said], f.Sent); len(of[said]) == 1 {
			joined = append(joined, f)
		}
	}
	for i, f := range joined {
		sent := of[fmt.Sprint(f.got.status, f.got.failed, f.got.text)]
		joined[i].Sent = strings.Join(sent, ", ")
		if len(sent) == all {
			joined[i].Sent = fmt.Sprintf("each of %d genuine webhooks", all)
		}
	}
	return joined
}

func verifiesBytes(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	for _, test := range []struct {
		event             caseupdate.Event
		path, value, sent string
	}{
		{caseupdate.EventAddCaseComment, "payload.comment.text", `"<b>&amp;</b> / 'é' 𝄞"`, "a text with <, &, /, é and 𝄞 as they are"},
		{caseupdate.EventAddCaseComment, "payload.comment.text", "\"a\u2028b\u2029c\"", "a text with U+2028 and U+2029 as they are"},
		{caseupdate.EventAddCaseComment, "payload.comment.text", `"\t\"\\\u0001"`, "a text with escapes"},
		{caseupdate.EventPaymentAdded, "payload.payment.amount", `159`, "an amount of 159"},
		{caseupdate.EventPaymentAdded, "payload.payment.amount", `159.5`, "an amount of 159.5"},
	} {
		got, err := c.sendWith(ctx, test.event, test.path, json.RawMessage(test.value))
		if err != nil {
			return nil, "", err
		}
		found = append(found, to2xx(test.sent, got)...)
	}
	return found, "", nil
}

// sendWith sends a sample with pairs of paths and values in it.
func (c *checkup) sendWith(ctx context.Context, event caseupdate.Event, pairs ...any) (answer, error) {
	m, err := newSample(event, subscription.PayloadEvent, time.Now())
	for pair := range slices.Chunk(pairs, 2) {
		if err == nil {
			m, err = m.with(pair[0].(string), pair[1])
		}
	}
	if err != nil {
		return answer{}, err
	}
	return c.send(ctx, m)
}

// sample returns a webhook that is genuine as of now, and not sent yet.
func (c *checkup) sample(by secrets, at time.Time) (message, letter, error) {
	m, err := newSample(caseupdate.EventAddCaseDecision, subscription.PayloadEvent, at)
	if err != nil {
		return message{}, letter{}, err
	}
	l, err := c.sign(m, by, at)
	return m, l, err
}

func refusesTampered(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	for _, test := range []struct {
		path, sent string
		value      any
	}{
		{"payload.decision.isApproved", "a decision that was turned round", false},
		{"payload.case.shortId", "another case's number", "TST-CHANGED"},
		{"event", "another event", caseupdate.EventArchiveCase},
	} {
		m, l, err := c.sample(c.partner.secrets, time.Now())
		if err != nil {
			return nil, "", err
		}
		if m, err = m.with(test.path, test.value); err != nil {
			return nil, "", err
		}
		found = append(found, to4xx(test.sent, c.deliver(ctx, letter{l.header, m.body}))...)
	}
	return found, "", nil
}

func refusesBorrowed(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	_, l, err := c.sample(c.partner.secrets, time.Now().Add(-2*time.Second))
	if err != nil {
		return nil, "", err
	}
	found = to4xx("another webhook-id than was signed", c.deliver(ctx, l.with(http.Header{http.CanonicalHeaderKey(webhook.HeaderID): {newID()}})))
	now := strconv.FormatInt(time.Now().Unix(), 10)
	found = append(found, to4xx("another webhook-timestamp than was signed", c.deliver(ctx, l.with(http.Header{http.CanonicalHeaderKey(webhook.HeaderTimestamp): {now}})))...)
	return found, "", nil
}

func refusesWrongSecret(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	other, err := c.partner.secrets.another()
	if err != nil {
		return nil, "", err
	}
	_, l, err := c.sample(other, time.Now())
	if err != nil {
		return nil, "", err
	}
	found = to4xx("a signature by another secret", c.deliver(ctx, l))
	signature, cv := http.CanonicalHeaderKey(webhook.HeaderSignature), http.CanonicalHeaderKey(webhook.HeaderCV)
	for _, test := range []struct{ sent, signature, cv string }{
		{"a signature of no bytes", "v1,", ""},
		{"a signature that is no base64", "v1,???", "zz"},
		{"a signature of an unknown version", "v9,AAAA", "00"},
	} {
		l = l.with(http.Header{signature: {test.signature}, cv: {test.cv}})
		found = append(found, to4xx(test.sent, c.deliver(ctx, l))...)
	}
	return found, "", nil
}

func refusesUnsigned(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	_, l, err := c.sample(c.partner.secrets, time.Now())
	if err != nil {
		return nil, "", err
	}
	l = l.without(webhook.HeaderCV)
	found = to4xx("no signature", c.deliver(ctx, l.without(webhook.HeaderSignature)))
	found = append(found, to4xx("none of the headers", c.deliver(ctx, l.without(webhook.HeaderSignature, webhook.HeaderTimestamp, webhook.HeaderID)))...)
	if c.cv {
		return found, "", nil
	}
	found = append(found, to4xx("no webhook-timestamp", c.deliver(ctx, l.without(webhook.HeaderTimestamp)))...)
	found = append(found, to4xx("no webhook-id", c.deliver(ctx, l.without(webhook.HeaderID)))...)
	return found, "", nil
}

func refusesStale(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	for _, test := range []struct {
		sent  string
		apart time.Duration
	}{{"signed ten minutes ago", -10 * time.Minute}, {"signed ten minutes from now", 10 * time.Minute}} {
		_, l, err := c.sample(c.partner.secrets, time.Now().Add(test.apart))
		if err != nil {
			return nil, "", err
		}
		found = append(found, to4xx(test.sent, c.deliver(ctx, l))...)
	}
	return found, "", nil
}

func toleratesUnknownEvents(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	const event = "SOMETHING_NEW"
	got, err := c.sendWith(ctx, caseupdate.EventReopenCase, "event", event, "payload.activity.type", event,
		"payload.somethingNew", map[string]any{"id": newID()})
	return to2xx("an event "+event, got), "", err
}

func toleratesUnknownFields(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	added := map[string]any{"any": []int{1}}
	got, err := c.sendWith(ctx, caseupdate.EventAddCaseDecision, "newField", added, "payload.newField", added, "payload.case.newField", added,
		"payload.case.submitter.newField", added, "payload.activity.newField", added, "payload.decision.newField", added)
	return to2xx("a field newField in each object", got), "", err
}

func toleratesBlanked(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	for _, test := range []struct {
		event   caseupdate.Event
		payload subscription.Payload
		sent    string
		value   any      // what the paths become, which are marked as PHI
		paths   []string // beside what is blanked in each
	}{
		{caseupdate.EventAddCaseDecision, subscription.PayloadEvent, "a title and all of the submitter but the id that are null", nil, nil},
		{caseupdate.EventAddCaseDecision, subscription.PayloadEvent, "a decision without its text, category and medInfo", nil,
			[]string{"decision.decisionText", "decision.category", "decision.medInfo"}},
		{caseupdate.EventAddFormResponse, subscription.PayloadEvent, "an answer of no text", nil, nil},
		{caseupdate.EventAddCaseComment, subscription.PayloadEvent, "a comment of no text", "", []string{"comment.text"}},
		{caseupdate.EventAddCaseAttachment, subscription.PayloadEvent, "a document of no name and no content", "",
			[]string{"attachment.fileName", "attachment.content"}},
		{caseupdate.EventAddCaseDecision, subscription.PayloadFull, "a full case that is blanked", nil, nil},
	} {
		m, err := newSampleFor(subscription.Clearance{Restricted: true}, test.event, test.payload, time.Now())
		if err == nil {
			m, err = m.blanked(test.value, test.paths)
		}
		if err != nil {
			return nil, "", err
		}
		got, err := c.send(ctx, m)
		if err != nil {
			return nil, "", err
		}
		found = append(found, to2xx(test.sent, got)...)
	}
	return found, "", nil
}

// blanked returns m with a value at paths of the payload, which redacted lists too.
func (m message) blanked(value any, paths []string) (message, error) {
	at, _ := locate(m.body, steps("payload.redacted"))
	var redacted []string
	err := json.Unmarshal(m.body[at.begin:at.end], &redacted)
	for _, path := range paths {
		if err == nil {
			m, err = m.with("payload."+path, value)
		}
	}
	if err != nil {
		return message{}, err
	}
	return m.with("payload.redacted", append(redacted, paths...))
}

func idempotent(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	m, err := newSample(caseupdate.EventAddCaseComment, subscription.PayloadEvent, time.Now())
	if err != nil {
		return nil, "", err
	}
	for _, sent := range []string{"a webhook, once", "the same webhook, again", "the same webhook, a third time"} {
		got, err := c.send(ctx, m)
		if err != nil {
			return nil, "", err
		}
		found = append(found, to2xx(sent, got)...)
		m = m.again()
	}
	twice, err := newSample(caseupdate.EventAddCaseComment, subscription.PayloadEvent, time.Now())
	if err != nil {
		return nil, "", err
	}
	got, err := c.sendAll(ctx, []message{twice, twice.again()})
	if err != nil {
		return nil, "", err
	}
	for _, a := range got {
		// While the one is worked on, the other may be put off.
		if !a.taken() && (a.failed != nil || a.status != http.StatusConflict) || !got[0].taken() && !got[1].taken() {
			found = append(found, finding{"the same webhook twice at once", described(a), "2xx, or 409 to one of them", a})
		}
	}
	note = fmt.Sprintf("whether it was worked on once cannot be seen from here: look for webhook-id %s and %s, which must be there once each", m.id, twice.id)
	return found, note, nil
}

func toleratesHoles(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	first, err := newSample(caseupdate.EventAddCaseComment, subscription.PayloadEvent, time.Now())
	if err != nil {
		return nil, "", err
	}
	second, err := first.next()
	if err != nil {
		return nil, "", err
	}
	third, err := second.next()
	if err != nil {
		return nil, "", err
	}
	for _, m := range []message{first, third, second} {
		got, err := c.send(ctx, m)
		if err != nil {
			return nil, "", err
		}
		found = append(found, to2xx(fmt.Sprintf("sequence %d of 1, 3, 2", m.sequence), got)...)
	}
	return found, "", nil
}

func takesAMegabyte(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	content := base64.StdEncoding.EncodeToString(make([]byte, 3<<18)) // 1 MiB of text
	got, err := c.sendWith(ctx, caseupdate.EventAddCaseAttachment, "payload.attachment.content", content)
	return to2xx("a document, in a body of more than 1 MB", got), "", err
}

func fast(ctx context.Context, c *checkup) (found []finding, note string, err error) {
	messages := make([]message, 20)
	for i := range messages {
		if messages[i], err = newSample(caseupdate.EventAddCaseComment, subscription.PayloadEvent, time.Now()); err != nil {
			return nil, "", err
		}
	}
	got, err := c.sendAll(ctx, messages)
	if err != nil {
		return nil, "", err
	}
	refused := slices.IndexFunc(got, func(a answer) bool { return !a.taken() })
	if refused >= 0 {
		found = to2xx("20 cases at once", got[refused])
	}
	if slowest := slices.Max(c.took); slowest > c.within {
		found = append(found, finding{Sent: "all of the webhooks before", Answered: "the slowest answer took " + milliseconds(slowest), Wanted: "each within " + c.within.String()})
	}
	return found, "", nil
}
