package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

// naughty are strings that have broken somebody's software before, after the Big
// List of Naughty Strings.
var naughty = map[string]string{
	"empty-looking words":   "undefined null NULL nil NaN Infinity true false None",
	"numbers":               "0.0/0 1e1000 -0 0x0 1,000.00 123456789012345678901234567890",
	"ASCII punctuation":     "`~!@#$%^&*()_+-=[]{}\\|;':\",./<>?",
	"other letters":         "田中さんにあげて下さい 사회과학원 Ⱥ Ⱦ ЁЂЃЄ مُنَاقَشَةُ ᚛ᚄᚓᚐᚋᚒᚄ᚜",
	"right to left":         "\u202eבְּרֵאשִׁית\u202c \u2067اَلْعَرَبِيَّةُ\u2069 \u200f",
	"emoji":                 "😍 👾🙇💁🙅 ✋🏿💪🏿 👨‍👩‍👧‍👦 🇺🇸🇷🇺 0️⃣",
	"joiners and spaces":    "a\u200db\u200cc\u200bd\u2060e\u00a0f\u3000g\u00adh\ufe0f",
	"stacked marks":         "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤",
	"not composed":          "e\u0301 é ﬁ Å A\u030a ſ İ ı ß ẞ",
	"line separators":       "a\u2028b\u2029c",
	"byte order marks":      "\ufeffa\ufeffb\ufffe",
	"noncharacters":         "\uffff\ufdd0\U0001fffe\U0010ffff\ufffd",
	"private and tagged":    "\ue000\U000f0000\U000e0041\U000e007f",
	"script tags":           "<script>alert('a')</script> <img src=x onerror=alert(1)> ]]><!-- javascript:alert(1)",
	"entities":              "&lt;b&gt; &amp;amp; &#0; %3Cb%3E \\u003cb\\u003e",
	"SQL":                   "1'; DROP TABLE events;-- $1 ?1 :name \" OR \"\"=\"",
	"templates":             "{{.Key}} {{ 7*7 }} ${7*7} <%= 7*7 %> #{7*7} %{7} {0} %s%n%d %!s(MISSING)",
	"shells":                "$(touch /tmp/a) `id` ; ls | cat && true > /dev/null",
	"log4j and XML":         "${jndi:ldap://localhost/a} <!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>",
	"paths":                 "../../../etc/passwd ..\\..\\a C:\\con\\nul /dev/null file:///etc/passwd ..%2f",
	"reserved names":        "CON PRN AUX NUL COM1 __proto__ constructor toString",
	"escapes that are text": "\\n\\r\\u0000\\x00\\\\ %00%0d%0a",
	"CRLF":                  "a\r\nSet-Cookie: b=c\r\n\r\nd",
	"a tab and lines":       "a\tb\nc\vd\fe",
	"control characters":    "\x01\x02\x07\x08\x1b[31m\x1f\x7f\u0080\u009f",
	"a NUL":                 "a\x00b",
	"long":                  strings.Repeat("長", 2_000),
	"very long":             strings.Repeat("ä", 40_000),
}

// slot stands where a naughty string goes in a body.
const slot = "§"

// A wording is a call with all of its text.
type wording struct {
	call string
	body string
	made string // what later calls name its answer's id by
}

// wordings are all calls that take text, in an order in which they are possible.
// TestEveryCallThatTakesTextIsTried fails where one is missing.
var wordings = []wording{
	{"PUT /v1/users/{id}", `{"firstName":"§","lastName":"§","email":"§@clinic.example","role":"§"}`, ""},
	{"POST /v1/cases", `{"type":"§","title":"§","referralCode":"§","productBundle":{"id":"§","name":"§"},"hrRep":{"id":"§","firstName":"§","lastName":"§"},
		"submitter":{"id":"§","firstName":"§","lastName":"§","email":"§@mail.example","phoneNumber":"§","dob":"1984-07-12","gender":"§","address":"§","city":"§","state":"§","country":"§","postalCode":"§"}}`, "{id}"},
	{"POST /v1/cases/{id}/comments", `{"text":"§","attachments":[{"fileName":"§","content":"aGk="}]}`, ""},
	{"POST /v1/cases/{id}/attachments", `{"fileName":"§","content":"aGk="}`, ""},
	{"POST /v1/cases/{id}/decisions", `{"isApproved":true,"decisionText":"§","category":"§","medInfo":{"medicine":"§","dosage":"§","pharmacyInstructions":"§","dosingFrequency":"§"}}`, ""},
	{"POST /v1/cases/{id}/form-responses", `{"form":{"id":"§","name":"§","description":"§"},"responses":[{"question":{"index":0,"type":"§","text":"§","options":["§"]},"text":"§"}]}`, ""},
	{"POST /v1/cases/{id}/payments", `{"description":"§","amount":1}`, ""},
	{"POST /v1/cases/{id}/orders", `{"status":"§","message":"§"}`, "{orderId}"},
	{"POST /v1/cases/{id}/orders/{orderId}/status", `{"status":"then §","message":"§"}`, ""},
	{"POST /v1/cases/{id}/orders/{orderId}/tracking", `{"trackingId":"§","message":"§"}`, ""},
	{"POST /v1/cases/{id}/archive", `{"archiveReason":"§","archiveNote":"§"}`, ""},
	{"POST /v1/endpoints", `{"url":"https://partner.example","description":"§","clearance":{"phi":true,"restricted":true}}`, ""},
	{"POST /v1/api-keys", `{"name":"§","role":"reader"}`, ""},
}

// wordless are the calls with a body in which no text is free: names of events, ids of
// what there is, states, moments. naughty_place_test.go has POST /v1/events.
var wordless = []string{
	"POST /v1/cases/{id}/assignees", "POST /v1/cases/{id}/status", "POST /v1/cases/{id}/payments/{paymentId}/complete",
	"POST /v1/endpoints/{id}/rotate-secret", "POST /v1/endpoints/{id}/test", "POST /v1/endpoints/{id}/replay",
	"PATCH /v1/endpoints/{id}", // it is in naughty_place_test.go
	"POST /v1/events",
	"POST /v1/organizations", // the operator's: a name there is checked as that of a key
}

func TestEveryCallThatTakesTextIsTried(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	var document struct {
		Paths map[string]map[string]struct{ RequestBody *json.RawMessage }
	}
	a, err := client{s.url, adminKey}.do("GET /openapi.json", nil)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(a.body, &document))
	var known, tried []string
	for path, calls := range document.Paths {
		for method, call := range calls {
			if name := strings.ToUpper(method) + " " + path; call.RequestBody != nil && !slices.Contains(wordless, name) {
				known = append(known, name)
			}
		}
	}
	for _, w := range wordings {
		tried = append(tried, w.call)
	}
	require.ElementsMatch(t, known, tried)
}

// TestTextComesBackByteForByte sends naughty strings in every text of every call. What
// is taken comes back as it was, over REST and in the webhook, whose signature is
// verified over the bytes; what is refused is named and not repeated.
func TestTextComesBackByteForByte(t *testing.T) {
	for engine, database := range onEach {
		t.Run(engine, func(t *testing.T) {
			s := serve(t, t.TempDir(), "--dev", "--database", database(t))
			c, r := client{s.url, adminKey}, startGo(t)
			c.subscribe(t, r)
			for name, text := range naughty {
				t.Run(name, func(t *testing.T) { c.tell(t, r, text) })
			}
			require.NotContains(t, s.log.String(), planted)
		})
	}
}

// onEach are the engines, each with a database of its own for a test.
var onEach = map[string]func(t *testing.T) string{
	"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "casehook.db") },
	"PostgreSQL": func(t *testing.T) string { return postgrestest.DSN(t) },
}

// tell makes all calls with text in every slot and requires it back.
func (c client) tell(t *testing.T, r *receiver, text string) {
	t.Helper()
	ids := []string{}
	var log, sent []byte
	var told []string // in the log
	events := 0
	for _, w := range wordings {
		call := w.call
		if !strings.HasPrefix(call, "PUT ") {
			call = strings.NewReplacer(ids...).Replace(call)
		}
		a, accepted := c.say(t, call, w.body, text)
		if w.made != "" {
			ids = append(ids, w.made, a.text("id"))
		}
		if a.header.Get("Casehook-Event-Id") != "" {
			events += len(a.events())
			told = append(told, accepted...)
			continue
		}
		requireTexts(t, call, a.body, accepted)
		_, path, _ := strings.Cut(call, " ")
		list := "GET " + strings.TrimSuffix(path, "/{id}") + "?limit=100"
		requireTexts(t, list, c.call(t, list, nil).body, accepted)
		if path == "/v1/endpoints" { // nobody is there
			c.call(t, "DELETE "+path+"/"+a.text("id"), nil)
		}
	}
	log = c.call(t, strings.NewReplacer(ids...).Replace("GET /v1/cases/{id}/events"), nil).body
	requireTexts(t, "the log", log, told)
	for range events {
		d := r.next(t)
		require.Empty(t, d.fault)
		sent = append(append(sent, d.body...), '\n')
	}
	requireTexts(t, "the webhooks", sent, told)
}

// say makes a call with text in every slot, and again with a plain word where text
// was refused. It returns the texts that were accepted.
func (c client) say(t *testing.T, call, body, text string) (a answer, accepted []string) {
	t.Helper()
	words := map[string]string{} // by field
	fill := func(refused []string) []byte {
		var value any
		require.NoError(t, json.Unmarshal([]byte(body), &value))
		value = eachText("", value, func(field, was string) string {
			if !strings.Contains(was, slot) {
				return was
			}
			words[field] = strings.Replace(was, slot, fmt.Sprintf("%s%s%d", text, planted, len(words)), 1)
			if slices.Contains(refused, field) {
				delete(words, field)
				return strings.Replace(was, slot, "plain", 1)
			}
			return words[field]
		})
		var encoded bytes.Buffer
		encoder := json.NewEncoder(&encoded)
		encoder.SetEscapeHTML(false)
		require.NoError(t, encoder.Encode(value))
		return encoded.Bytes()
	}
	a, err := c.do(call, fill(nil))
	require.NoError(t, err)
	if a.status == http.StatusUnprocessableEntity {
		a.requireProblem(t, http.StatusUnprocessableEntity, "")
		require.True(t, len(text) > 150 || strings.ContainsFunc(text, unicode.IsControl), "%s: %s", call, a.body)
		var problem struct{ Errors []struct{ Field string } }
		require.NoError(t, json.Unmarshal(a.body, &problem))
		require.NotEmpty(t, problem.Errors)
		var refused []string
		for _, fault := range problem.Errors {
			require.Contains(t, words, fault.Field)
			refused = append(refused, fault.Field)
		}
		clear(words)
		a, err = c.do(call, fill(refused))
		require.NoError(t, err)
	}
	require.Equalf(t, 2, a.status/100, "%s: %s", call, a.body)
	for _, word := range words {
		accepted = append(accepted, word)
	}
	return a, accepted
}

// eachText returns value with each text in it replaced.
func eachText(field string, value any, replace func(field, was string) string) any {
	switch value := value.(type) {
	case string:
		return replace(field, value)
	case []any:
		for i := range value {
			value[i] = eachText(fmt.Sprintf("%s[%d]", field, i), value[i], replace)
		}
	case map[string]any:
		for key := range value {
			value[key] = eachText(strings.TrimPrefix(field+"."+key, "."), value[key], replace)
		}
	}
	return value
}

// requireTexts requires that each text is a string of the JSON values in body, as it is.
func requireTexts(t *testing.T, where string, body []byte, texts []string) {
	t.Helper()
	found := map[string]bool{}
	for values := json.NewDecoder(bytes.NewReader(body)); values.More(); {
		var value any
		require.NoError(t, values.Decode(&value))
		eachText("", value, func(_, was string) string {
			found[was] = true
			return was
		})
	}
	for _, text := range texts {
		require.Truef(t, found[text], "%.80q is not in %s", text, where)
	}
}
