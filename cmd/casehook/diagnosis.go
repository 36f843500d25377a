package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// suspect is a webhook whose signature is looked into.
type suspect struct {
	header http.Header
	body   []byte
}

// diagnose says whether a webhook that came at a time is genuine, and by what, or else why it does
// not verify. It repeats nothing of the webhook and of the secrets.
func diagnose(s suspect, known secrets, at time.Time) (genuine bool, says string) {
	// A sender that knows nothing of Standard Webhooks signs the body alone.
	if known.cv || s.header.Get(webhook.HeaderSignature) == "" && s.header.Get(webhook.HeaderCV) != "" {
		err := webhook.VerifyCV(s.header, s.body, known.symmetric()...)
		switch {
		case err == nil:
			return true, "verified by " + webhook.HeaderCV
		case !errors.Is(err, webhook.ErrNoMatch):
			return false, plain(err)
		}
		return false, s.mismatch(known, func(body []byte, by secrets) bool {
			return webhook.VerifyCV(s.header, body, by.texts...) == nil
		})
	}
	verifier := webhook.Verifier{Secrets: known.keys, Now: func() time.Time { return at }}
	err := verifier.Verify(s.header, s.body)
	if err == nil {
		return true, "verified"
	}
	// The signature as it was at the moment when it was made.
	signed := func(body []byte, by secrets) bool {
		then := webhook.Verifier{Secrets: by.keys, Now: s.signedAt}
		return then.Verify(s.header, body) == nil
	}
	late := errors.Is(err, webhook.ErrTooOld) || errors.Is(err, webhook.ErrTooNew)
	switch {
	case late && signed(s.body, known):
		apart := at.Sub(s.signedAt()).Round(time.Second)
		if apart < 0 {
			return false, fmt.Sprintf("a timestamp from the future: the signature is right, and was made %s from now: a clock is wrong", -apart)
		}
		return false, fmt.Sprintf("an old timestamp: the signature is right, but was made %s ago: the webhook was sent again by somebody, or a clock is wrong", apart)
	case !late && !errors.Is(err, webhook.ErrNoMatch):
		return false, plain(err)
	}
	return false, s.mismatch(known, signed)
}

// plain is an error of package webhook without the package's name.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "webhook: ") }

// signedAt returns the time that webhook-timestamp says, which is known to be one.
func (s suspect) signedAt() time.Time {
	seconds, _ := strconv.ParseInt(s.header.Get(webhook.HeaderTimestamp), 10, 64)
	return time.Unix(seconds, 0)
}

// mismatch says why a signature that is well formed is not the body's. Matches tells whether it is
// another body's, or was made with other secrets.
func (s suspect) mismatch(known secrets, matches func([]byte, secrets) bool) string {
	bare, marked := bytes.CutPrefix(s.body, []byte("\ufeff"))
	if marked && matches(bare, known) {
		return "a changed body: a byte order mark was put before it; without that it verifies"
	}
	if matches(bytes.TrimSpace(s.body), known) {
		return "a changed body: white space was put around it; without that it verifies"
	}
	event, faults := inspect(s.body)
	for _, printed := range reprints(s.body) {
		if matches(printed.body, known) {
			if keys := otherKeys(faults); keys != "" {
				return "a changed body: keys were taken out or put in: " + keys
			}
			return "a re-serialised body: it was parsed and printed again, which changed " + printed.changed + ". Verify the bytes that came"
		}
	}
	if matches(s.body, known.misread()) {
		return "a wrong secret: webhook-signature is keyed with the bytes that the base64 of the secret stands for, x-cv-signature with the secret as it was shown, whsec_ included; this one was made with something else of it"
	}
	if s.header.Get(webhook.HeaderSignature) != "" && webhook.VerifyCV(s.header, s.body, known.symmetric()...) == nil {
		return "a changed header: x-cv-signature is right for this secret and this body, so that webhook-id, webhook-timestamp or webhook-signature is another than was sent"
	}
	if says := s.otherLength(); says != "" {
		if keys := otherKeys(faults); event.Known() && keys != "" {
			says += "; " + keys
		}
		return "a changed body: " + says
	}
	if len(faults) > 0 && event.Known() || !json.Valid(s.body) {
		return "a changed body, as it seems: it is not as the format has it: " + faults[0].text + ", see casehook validate. Else it is a wrong secret"
	}
	update, err := caseupdate.Parse(s.body)
	if id := s.header.Get(webhook.HeaderID); err == nil && id != "" && update.Activity().ID != "" && id != update.Activity().ID {
		return "a changed body or a changed header, as it seems: webhook-id is not the id of the activity in the body"
	}
	if err == nil && event.Known() {
		if printed, err := caseupdate.Marshal(update); err == nil && bytes.Equal(printed, s.body) {
			return "a wrong secret, as it seems: the body is just as casehook prints it. Is it the secret of this endpoint, and the one from after it was rotated? Else a value in the body was changed"
		}
	}
	return "a wrong secret or a changed body"
}

// otherLength says how long a body was, where content-length tells that it had another length.
func (s suspect) otherLength() string {
	length, err := strconv.Atoi(s.header.Get("Content-Length"))
	if err != nil || length == len(s.body) {
		return ""
	}
	says := fmt.Sprintf("content-length says %d bytes, and it has %d", length, len(s.body))
	if err := json.Unmarshal(s.body, new(any)); length > len(s.body) && err != nil && brokenAt(s.body, err) >= len(s.body)-1 {
		says += ": its end was cut off"
	}
	return says
}

// maxKeys is how many keys that are missing or new are named.
const maxKeys = 3

// otherKeys names keys that a body lacks, or has and the format has not.
func otherKeys(faults []fault) string {
	var keys []string
	for _, f := range faults {
		if strings.HasSuffix(f.text, " must be given") || strings.HasSuffix(f.text, " is not in the format") {
			keys = append(keys, f.text)
		}
	}
	if len(keys) > maxKeys {
		keys = append(keys[:maxKeys], fmt.Sprintf("and %d more", len(keys)-maxKeys))
	}
	return strings.Join(keys, ", ")
}

// misread returns secrets as those read them who take something else of the text for the key.
func (s secrets) misread() secrets {
	var wrong secrets
	for _, text := range s.symmetric() {
		encoded := strings.TrimPrefix(text, "whsec_")
		for _, key := range []string{text, encoded} {
			misread, err := webhook.ParseSecret("whsec_" + base64.StdEncoding.EncodeToString([]byte(key)))
			if err == nil { // it is too long for a secret otherwise
				wrong.keys = append(wrong.keys, misread)
			}
		}
		wrong.texts = append(wrong.texts, encoded)
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			wrong.texts = append(wrong.texts, string(key))
		}
	}
	return wrong
}

// reprint is JSON as casehook may have printed it, before somebody else did.
type reprint struct {
	body    []byte
	changed string
}

// reprints returns what a body may have been before it was parsed and printed again.
func reprints(body []byte) []reprint {
	var all []reprint
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		return nil
	}
	all = append(all, reprint{compact.Bytes(), "its white space"})
	if plain, err := asJavaScript(body); err == nil {
		all = append(all, reprint{plain, "how it writes characters or numbers"})
	}
	if update, err := caseupdate.Parse(body); err == nil {
		if ordered, err := caseupdate.Marshal(update); err == nil {
			all = append(all, reprint{ordered, "the order of its keys"})
		}
	}
	return all
}

// asJavaScript prints JSON as JavaScript does, with the keys in the order in which they are.
func asJavaScript(body []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value func(out *bytes.Buffer) error
	value = func(out *bytes.Buffer) error {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		opening, nested := token.(json.Delim)
		if !nested {
			if number, ok := token.(json.Number); ok {
				out.WriteString(shortest(number))
				return nil
			}
			text, err := jsonText(token)
			out.Write(text)
			return err
		}
		out.WriteString(opening.String())
		for first := true; dec.More(); first = false {
			if !first {
				out.WriteByte(',')
			}
			if opening == '{' {
				key, err := dec.Token()
				if err != nil {
					return err
				}
				text, err := jsonText(key)
				if err != nil {
					return err
				}
				out.Write(text)
				out.WriteByte(':')
			}
			if err := value(out); err != nil {
				return err
			}
		}
		closing, err := dec.Token()
		if err == nil {
			out.WriteString(closing.(json.Delim).String())
		}
		return err
	}
	var out bytes.Buffer
	err := value(&out)
	return out.Bytes(), err
}

// shortest returns a number as JavaScript prints it, where that has no exponent.
func shortest(number json.Number) string {
	f, err := number.Float64()
	if err != nil || f != 0 && (f < 1e-6 && f > -1e-6 || f >= 1e21 || f <= -1e21) {
		return number.String()
	}
	return strconv.FormatFloat(f+0, 'f', -1, 64) // -0 is 0
}
