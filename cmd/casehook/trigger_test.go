package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

func TestTriggerSendsEachEventAsTheFormatHasIt(t *testing.T) {
	sound, url, secret := startSound(t)
	for i, event := range caseupdate.Events() {
		var out, stderr bytes.Buffer
		require.Equal(t, 0, run(t.Context(), []string{"trigger", string(event), "--url", url, "--secret-file", secret}, &out, &stderr), stderr.String())
		got, faults := inspect(sound.taken[i].body)
		require.Empty(t, faults, event)
		require.Equal(t, event, got)
	}
}

func TestTriggerSendsWhatAReceiverMustSurvive(t *testing.T) {
	for _, test := range []struct {
		name                string
		flags               []string
		sequences, attempts []string
		ids                 []int // which are the same
	}{
		{"once, without flags", nil, []string{"1"}, []string{"1"}, []int{0}},
		{"several of one case", []string{"--repeat", "3"}, []string{"1", "2", "3"}, []string{"1", "1", "1"}, []int{0, 1, 2}},
		{"each twice", []string{"--duplicate", "--repeat", "2"}, []string{"1", "1", "2", "2"}, []string{"1", "2", "1", "2"}, []int{0, 0, 1, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sound, url, secret := startSound(t)
			var out, stderr bytes.Buffer
			arguments := append([]string{"trigger", "ADD_CASE_COMMENT", "--url", url, "--secret-file", secret}, test.flags...)
			require.Equal(t, 0, run(t.Context(), arguments, &out, &stderr), stderr.String())
			require.Len(t, sound.taken, len(test.sequences))
			var order []string
			for i, got := range sound.taken {
				require.Equal(t, test.sequences[i], got.header.Get(webhook.HeaderSequence))
				require.Equal(t, test.attempts[i], got.header.Get(webhook.HeaderAttempt))
				require.Equal(t, sound.taken[0].header.Get(webhook.HeaderCaseID), got.header.Get(webhook.HeaderCaseID), "one case")
				update, err := caseupdate.Parse(got.body)
				require.NoError(t, err)
				id := got.header.Get(webhook.HeaderID)
				require.Equal(t, update.Activity().ID, id)
				if test.ids[i] == len(order) {
					require.NotContains(t, order, id)
					order = append(order, id)
				}
				require.Equal(t, order[test.ids[i]], id)
				_, faults := inspect(got.body)
				require.Empty(t, faults)
			}
		})
	}
}

func TestWhatIsOutOfOrderComesBeforeTheAnswerToTheLast(t *testing.T) {
	_, _, secretFile := startSound(t)
	key, err := webhook.ParseSecret(string(bytes.TrimSpace(readAll(t, secretFile))))
	require.NoError(t, err)
	var order []string // of the handler, which the receiver calls for one webhook of a case at a time
	receiver := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{key}}, Hold: time.Minute}
	webhook.On(receiver, func(ctx context.Context, _ *caseupdate.AddCaseComment) error {
		order = append(order, strconv.FormatInt(webhook.MessageOf(ctx).Sequence, 10))
		return nil
	})
	server := httptest.NewServer(receiver)
	defer server.Close()
	var out, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"trigger", "ADD_CASE_COMMENT", "--url", server.URL, "--secret-file", secretFile, "--out-of-order"}, &out, &stderr), stderr.String())
	require.Equal(t, []string{"1", "2", "3"}, order, "the receiver has put them in order")
	require.Regexp(t, `(?s)sequence 3, .*sequence 2, .*sequence 1, `, out.String())
}

func TestTriggerPutsValuesIntoTheBody(t *testing.T) {
	sound, url, secret := startSound(t)
	var out, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{
		"trigger", "PAYMENT_ADDED", "--url", url, "--secret-file", secret, "--header", "cv-api-key: canary",
		"--set", "payload.payment.amount=159.5", "--set", "payload.payment.description=Tom & <Jerry> 𝄞",
		"--set", "payload.activity.id=event-1", "--set", "payload.case.id=case-1", "--set", "payload.news={ \"a\": [1] }",
	}, &out, &stderr), stderr.String())
	got := sound.taken[0]
	require.Contains(t, string(got.body), `"description":"Tom & <Jerry> 𝄞","amount":159.5,`)
	require.Contains(t, string(got.body), `,"news":{"a":[1]}}}`)
	require.Equal(t, "event-1", got.header.Get(webhook.HeaderID))
	require.Equal(t, "case-1", got.header.Get(webhook.HeaderCaseID))
	require.Equal(t, "canary", got.header.Get("cv-api-key"))
	require.NotContains(t, out.String(), "canary")
}

func TestTriggerSignsForXCVSignatureToo(t *testing.T) {
	sound, url, secretFile := startSound(t)
	var out, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"trigger", "REOPEN_CASE", "--url", url, "--secret-file", secretFile}, &out, &stderr), stderr.String())
	secret := string(bytes.TrimSpace(readAll(t, secretFile)))
	require.NoError(t, webhook.VerifyCV(sound.taken[0].header, sound.taken[0].body, secret))
	require.NotContains(t, out.String()+stderr.String(), secret)
}
