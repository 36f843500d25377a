package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// examine runs casehook doctor --json against a receiver, and returns the exit status, the report,
// and all that was printed.
func examine(t *testing.T, receiver http.Handler, secretFile string, flags ...string) (status int, r report, printed string) {
	t.Helper()
	server := httptest.NewServer(receiver)
	defer server.Close()
	var out, stderr bytes.Buffer
	status = run(t.Context(), append([]string{"doctor", "--json", "--url", server.URL + "/hooks/canary?key=canary", "--secret-file", secretFile}, flags...), &out, &stderr)
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), stderr.String())
	return status, r, out.String() + stderr.String()
}

// named returns the names of the checks with an outcome.
func (r report) named(of outcome) []string {
	var names []string
	for _, check := range r.Checks {
		if check.Outcome == of {
			names = append(names, check.Name)
		}
	}
	return names
}

func TestDoctorFindsNothingWrongWithASoundReceiver(t *testing.T) {
	sound, _, secret := startSound(t)
	status, r, printed := examine(t, sound, secret)
	require.Equal(t, 0, status, printed)
	require.True(t, r.Passed)
	require.Len(t, r.named(passed), len(checks))
	require.NotContains(t, printed, "canary")
	require.NotContains(t, printed, "whsec_")
	require.Positive(t, r.Answers.Count)
	require.LessOrEqual(t, r.Answers.Median, r.Answers.Slowest)
	for _, got := range sound.taken {
		require.Contains(t, string(got.body), "TST-00000", "only samples are sent")
	}
}

// A fault is planted into a sound receiver: it answers itself, or returns false.
type planted func(w http.ResponseWriter, r *http.Request, body []byte) bool

// plant returns a sound receiver with a fault before it.
func plant(sound http.Handler, fault planted) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if fault(w, r, body) {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sound.ServeHTTP(w, r)
	})
}

// answering makes a fault of a condition and the status that it is answered with.
func answering(status int, when func(r *http.Request, body []byte) bool) planted {
	return func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if !when(r, body) {
			return false
		}
		w.WriteHeader(status)
		return true
	}
}

func TestDoctorFindsEachFaultThatIsPlanted(t *testing.T) {
	sound, _, secretFile := startSound(t)
	secret := string(bytes.TrimSpace(readAll(t, secretFile)))
	refusals := []string{"refuses-tampered", "refuses-borrowed", "refuses-wrong-secret", "refuses-unsigned", "refuses-stale"}
	genuine := func(r *http.Request, body []byte) bool { return sound.verifier.Verify(r.Header, body) == nil }
	event := func(body []byte) caseupdate.Event {
		update, err := caseupdate.Parse(body)
		if err != nil {
			return ""
		}
		return update.Event
	}
	fresh := func(r *http.Request) bool {
		at, err := strconv.ParseInt(r.Header.Get(webhook.HeaderTimestamp), 10, 64)
		return err == nil && time.Since(time.Unix(at, 0)).Abs() < webhook.DefaultTolerance
	}
	found := map[string]bool{} // by which check
	for _, test := range []struct {
		name  string
		fault func() planted
		flags []string
		want  []string // the checks that fail
	}{
		{"it does not know one of the events", func() planted {
			return answering(422, func(_ *http.Request, body []byte) bool { return event(body) == caseupdate.EventPaymentCompleted })
		}, nil, []string{"accepts"}},
		{"it does not take a full case", func() planted {
			return answering(422, func(r *http.Request, body []byte) bool {
				return genuine(r, body) && event(body) == caseupdate.EventAddCaseDecision && bytes.Contains(body, []byte(`"responses":`)) && !bytes.Contains(body, []byte(`"redacted":`))
			})
		}, nil, []string{"accepts"}},
		{"it verifies nothing", func() planted {
			return answering(204, func(*http.Request, []byte) bool { return true })
		}, nil, refusals},
		{"it breaks on what is not genuine", func() planted {
			return answering(500, func(r *http.Request, body []byte) bool { return !genuine(r, body) })
		}, nil, refusals},
		{"it verifies text that was escaped for HTML", func() planted {
			return answering(401, func(r *http.Request, body []byte) bool {
				var escaped bytes.Buffer
				json.HTMLEscape(&escaped, body)
				return !genuine(r, escaped.Bytes())
			})
		}, nil, []string{"verifies-bytes"}},
		{"it verifies numbers as a float is printed", func() planted {
			return answering(401, func(_ *http.Request, body []byte) bool { return bytes.Contains(body, []byte(`"amount":159,`)) })
		}, nil, []string{"verifies-bytes"}},
		{"it verifies x-cv-signature only", func() planted {
			return answering(204, func(r *http.Request, body []byte) bool { return webhook.VerifyCV(r.Header, body, secret) == nil })
		}, nil, []string{"refuses-borrowed", "refuses-stale"}},
		{"it verifies x-cv-signature, and looks at the time", func() planted {
			return answering(204, func(r *http.Request, body []byte) bool {
				return fresh(r) && webhook.VerifyCV(r.Header, body, secret) == nil
			})
		}, nil, []string{"refuses-borrowed"}},
		{"it does not cover the decision", func() planted {
			return answering(204, func(r *http.Request, body []byte) bool {
				return genuine(r, bytes.Replace(body, []byte(`"isApproved":false`), []byte(`"isApproved":true`), 1))
			})
		}, nil, []string{"refuses-tampered"}},
		{"it does not look at the time", func() planted {
			forEver := webhook.Verifier{Secrets: sound.verifier.Secrets, Tolerance: 1000 * time.Hour}
			return answering(204, func(r *http.Request, body []byte) bool { return forEver.Verify(r.Header, body) == nil })
		}, nil, []string{"refuses-stale"}},
		{"it does not look into the future", func() planted {
			now := func() time.Time { return time.Now().Add(10 * time.Minute) }
			ahead := webhook.Verifier{Secrets: sound.verifier.Secrets, Now: now}
			return answering(204, func(r *http.Request, body []byte) bool { return ahead.Verify(r.Header, body) == nil })
		}, nil, []string{"refuses-stale"}},
		{"it takes what has no signature", func() planted {
			return answering(204, func(r *http.Request, _ []byte) bool { return r.Header.Get(webhook.HeaderSignature) == "" })
		}, nil, []string{"refuses-unsigned"}},
		{"it compares as much of a signature as there is", func() planted {
			return answering(204, func(r *http.Request, body []byte) bool {
				key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte(r.Header.Get(webhook.HeaderID) + "." + r.Header.Get(webhook.HeaderTimestamp) + "."))
				mac.Write(body)
				given, versioned := strings.CutPrefix(r.Header.Get(webhook.HeaderSignature), "v1,")
				raw, err := base64.StdEncoding.DecodeString(given)
				return versioned && err == nil && bytes.HasPrefix(mac.Sum(nil), raw) && fresh(r)
			})
		}, nil, []string{"refuses-wrong-secret"}},
		{"it refuses events that it does not know", func() planted {
			return answering(422, func(_ *http.Request, body []byte) bool { return event(body) != "" && !event(body).Known() })
		}, nil, []string{"tolerates-unknown-events"}},
		{"it refuses fields that it does not know", func() planted {
			return answering(422, func(r *http.Request, body []byte) bool {
				_, faults := inspect(body)
				return genuine(r, body) && event(body).Known() && len(faults) > 0
			})
		}, nil, []string{"tolerates-unknown-fields"}},
		{"it wants a title", func() planted {
			return answering(500, func(r *http.Request, body []byte) bool {
				update, err := caseupdate.Parse(body)
				return genuine(r, body) && err == nil && update.Case().Title == nil
			})
		}, nil, []string{"tolerates-blanked"}},
		{"it wants the submitter's name in a full case", func() planted {
			return answering(500, func(r *http.Request, body []byte) bool {
				update, err := caseupdate.Parse(body)
				return genuine(r, body) && err == nil && update.Case().Details != nil && update.Case().Submitter.FirstName == nil
			})
		}, nil, []string{"tolerates-blanked"}},
		{"it wants an answer's text", func() planted {
			return answering(422, func(r *http.Request, body []byte) bool {
				return genuine(r, body) && event(body) == caseupdate.EventAddFormResponse && bytes.Contains(body, []byte(`"text":""`))
			})
		}, nil, []string{"tolerates-blanked"}},
		{"it wants a document's name", func() planted {
			return answering(422, func(r *http.Request, body []byte) bool {
				return genuine(r, body) && bytes.Contains(body, []byte(`"fileName":""`))
			})
		}, nil, []string{"tolerates-blanked"}},
		{"it wants all that a decision can have", func() planted {
			return answering(422, func(r *http.Request, body []byte) bool {
				return genuine(r, body) && event(body) == caseupdate.EventAddCaseDecision && bytes.Contains(body, []byte(`"medInfo":null`))
			})
		}, nil, []string{"tolerates-blanked"}},
		{"it refuses what it has", func() planted {
			var seen sync.Map
			return answering(422, func(r *http.Request, body []byte) bool {
				_, known := seen.LoadOrStore(r.Header.Get(webhook.HeaderID), true)
				return genuine(r, body) && known
			})
		}, nil, []string{"idempotent"}},
		{"it breaks where the same comes twice at once", func() planted {
			var busy sync.Map // by id: a channel that the second one closes
			return func(w http.ResponseWriter, r *http.Request, body []byte) bool {
				if event(body) != caseupdate.EventAddCaseComment {
					return false
				}
				second := make(chan struct{})
				if first, twice := busy.LoadOrStore(r.Header.Get(webhook.HeaderID), second); twice {
					close(first.(chan struct{}))
					w.WriteHeader(500)
					return true
				}
				defer busy.Delete(r.Header.Get(webhook.HeaderID))
				select {
				case <-second:
				case <-time.After(100 * time.Millisecond):
				}
				return false
			}
		}, nil, []string{"idempotent"}},
		{"it breaks under many at once", func() planted {
			var busy atomic.Int32
			return func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
				if event(body) != caseupdate.EventAddCaseComment {
					return false
				}
				defer busy.Add(-1)
				if busy.Add(1) > 5 {
					w.WriteHeader(503)
					return true
				}
				<-time.After(50 * time.Millisecond)
				return false
			}
		}, nil, []string{"fast"}},
		{"it waits for the next of a case", func() planted {
			var mu sync.Mutex
			last := map[string]int{}
			return answering(409, func(r *http.Request, body []byte) bool {
				mu.Lock()
				defer mu.Unlock()
				id := r.Header.Get(webhook.HeaderCaseID)
				sequence, _ := strconv.Atoi(r.Header.Get(webhook.HeaderSequence))
				if sequence > last[id]+1 {
					return genuine(r, body)
				}
				last[id] = max(last[id], sequence)
				return false
			})
		}, nil, []string{"tolerates-holes"}},
		{"it takes a megabyte and no more", func() planted {
			return answering(413, func(_ *http.Request, body []byte) bool { return len(body) > 1<<20 })
		}, nil, []string{"takes-1-mb"}},
		{"it is slow", func() planted {
			return func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.Header.Get(webhook.HeaderAttempt) == "3" {
					<-time.After(300 * time.Millisecond)
				}
				return false
			}
		}, []string{"--within", "250ms"}, []string{"fast"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, r, printed := examine(t, plant(sound, test.fault()), secretFile, test.flags...)
			require.Equal(t, 1, status)
			require.False(t, r.Passed)
			require.Empty(t, cmp.Diff(test.want, r.named(failed)), printed)
			if len(test.want) == 1 {
				found[test.want[0]] = true
			}
			for _, check := range r.Checks {
				require.Equal(t, check.Outcome == failed, check.Advice != "", check.Name)
				require.Equal(t, check.Outcome == failed, len(check.Findings) > 0, check.Name)
			}
		})
	}
	t.Run("each check finds a fault that no other does", func(t *testing.T) {
		for _, check := range checks {
			require.Contains(t, found, check.name)
		}
	})
}

func TestDoctorSkipsWhatSaysNothing(t *testing.T) {
	sound, _, secret := startSound(t)
	for _, test := range []struct {
		name     string
		receiver http.Handler
		answered string
		advice   string
	}{
		{"all is refused", plant(sound, answering(401, func(*http.Request, []byte) bool { return true })), "^401 in ", "Is it the endpoint's secret\\?"},
		{"nothing is there", http.NotFoundHandler(), "^404 in ", "Is it the right path,"},
		{"all breaks", plant(sound, answering(500, func(*http.Request, []byte) bool { return true })), "^500 in ", "breaks on what is genuine"},
		{"all is redirected", http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect), "redirects are never followed", "give the URL that it leads to"},
		{"nobody answers", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
			"^no answer: the receiver closed the connection", "was reached and gave no answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, r, printed := examine(t, test.receiver, secret)
			require.Equal(t, 1, status)
			require.Equal(t, []string{"accepts"}, r.named(failed))
			require.Len(t, r.named(skipped), len(checks)-1)
			require.Len(t, r.Checks[0].Findings, 1, "20 times the same is told once: %s", printed)
			require.Regexp(t, test.answered, r.Checks[0].Findings[0].Answered)
			require.Regexp(t, test.advice, r.Checks[0].Advice)
		})
	}
}

func TestDoctorSaysOfAReceiverThatBreaksThatItDoes(t *testing.T) {
	sound, _, secret := startSound(t)
	_, r, _ := examine(t, plant(sound, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if sound.verifier.Verify(r.Header, body) == nil {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}), secret)
	for _, check := range r.Checks {
		if check.Outcome == failed {
			require.Equal(t, "The receiver does not take it, but breaks on it: catch what verifying throws, and answer 401.", check.Advice, check.Name)
		}
	}
}

func TestDoctorTellsOfEachCheckWhenItIsMade(t *testing.T) {
	sound, _, secret := startSound(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	hangs := httptest.NewServer(plant(sound, func(_ http.ResponseWriter, r *http.Request, body []byte) bool {
		if sound.verifier.Verify(r.Header, body) == nil {
			return false
		}
		<-r.Context().Done()
		return true
	}))
	defer hangs.Close()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"doctor", "--url", hangs.URL, "--secret-file", secret}, stdout, &stderr)
		stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "✓ verifies-bytes ") {
	}
	interrupt()
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	require.Equal(t, 1, <-status)
	require.Contains(t, rest, "2 passed, 0 failed, 0 skipped")
	require.Equal(t, "casehook: stopped before the end: 2 of 14 checks were made\n", stderr.String())
}

func TestDoctorSkipsWhatXCVSignatureCannotTell(t *testing.T) {
	sound, _, secretFile := startSound(t)
	secret := string(bytes.TrimSpace(readAll(t, secretFile)))
	status, r, printed := examine(t, plant(sound, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		status := http.StatusNoContent
		if webhook.VerifyCV(r.Header, body, secret) != nil {
			status = http.StatusUnauthorized
		}
		w.WriteHeader(status)
		return true
	}), secretFile, "--cv")
	require.Equal(t, 0, status, printed)
	require.Equal(t, []string{"refuses-borrowed", "refuses-stale"}, r.named(skipped))
}

func TestDoctorExaminesByASecretThatIsNotCasehooks(t *testing.T) {
	const secret = "the-platform's"
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	status, r, printed := examine(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if webhook.VerifyCV(r.Header, body, secret) != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), file, "--cv")
	require.Equal(t, 0, status, printed)
	require.Equal(t, []string{"refuses-borrowed", "refuses-stale"}, r.named(skipped))
	require.NotContains(t, printed, secret)
}

func TestDoctorNamesAClockThatIsWrong(t *testing.T) {
	sound, _, secret := startSound(t)
	late := sound.verifier
	late.Now = func() time.Time { return time.Now().Add(-7 * time.Minute) }
	_, _, printed := examine(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Date", late.Now().UTC().Format(http.TimeFormat))
		if err := late.Verify(r.Header, body); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}), secret)
	require.Regexp(t, "the receiver's clock, by its Date header, is 7m[01]s away", printed)
}

func TestEachCheckIsInTheDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/tools.md")
	require.NoError(t, err)
	for _, check := range checks {
		require.Contains(t, string(docs), "| `"+check.name+"` |")
	}
}
