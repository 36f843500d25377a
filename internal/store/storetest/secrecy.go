package storetest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// Plain is the name of an organisation, which is kept as it is: whoever looks for
// secrets in a database finds it.
const Plain = "Clinic"

// Plant writes to the database at url whatever is a secret or a patient's, each with
// a mark of its own, and returns the marks: the database must not show one of them.
// It calls whileOpen before it closes the database.
func Plant(t *testing.T, url string, whileOpen func()) (marks []string) {
	t.Helper()
	mark := func() string {
		marks = append(marks, "mark"+rand.Text())
		return marks[len(marks)-1]
	}
	c := newClinic(t, url)
	person := func() caseupdate.User {
		return caseupdate.User{ID: newID(), FirstName: mark(), LastName: mark(), Email: new(mark())}
	}
	nurse := person()
	require.NoError(t, c.PutUser(t.Context(), c.org.ID, store.User{User: nurse, Role: new(mark()), UpdatedAt: begin}))
	c.endpoint(func(e *subscription.Endpoint) {
		e.URL, e.Description = "https://"+mark()+".example/"+mark(), mark()
		e.Headers = map[string]string{mark(): mark()}
		e.Secrets = []subscription.Secret{{Value: mark()}}
	})

	create := c.creation()
	create.Title, create.ReferralCode = mark(), new(mark())
	create.ProductBundle = &caseupdate.ProductBundle{ID: newID(), Name: mark()}
	create.HRRep = &caseupdate.Person{ID: newID(), FirstName: mark(), LastName: mark()}
	create.Submitter = caseupdate.Submitter{
		ID: mark(), FirstName: new(mark()), LastName: new(mark()), Email: new(mark() + "@example.com"), PhoneNumber: new(mark()),
		DOB: new("1815-12-10"), Gender: new(mark()), Address: new(mark()), City: new(mark()), State: new(mark()), Country: new(mark()), PostalCode: new(mark()),
	}
	outbox := new(tray)
	p := c.proposal(create.ID, outbox, create,
		caselog.AnswerForm{
			Form: caseupdate.Form{Name: mark(), Description: new(mark())},
			Answers: []caselog.Answer{{
				Question: caseupdate.Question{Type: mark(), Text: mark(), Options: []string{mark()}},
				Text:     mark(),
			}},
		},
		caselog.Assign{Users: []caseupdate.User{nurse}},
		caselog.AddComment{Text: mark(), Attachments: []caselog.File{{ID: newID(), FileName: mark()}}},
		caselog.AddAttachment{File: caselog.File{ID: newID(), FileName: mark(), IsPHI: true}},
		caselog.AddDecision{IsApproved: true, DecisionText: new(mark()), Category: new(mark()), MedInfo: &caseupdate.MedInfo{
			Medicine: mark(), Dosage: mark(), PharmacyInstructions: mark(), DosingFrequency: mark(),
		}},
		caselog.AddPayment{Description: mark(), Amount: 100},
		caselog.CreateOrder{Status: mark(), Message: new(mark())},
		caselog.Archive{Reason: mark(), Note: new(mark())},
	)
	p.Once, p.Answer = &store.Once{Key: mark()}, answer(mark())
	_, err := c.Change(t.Context(), p)
	require.NoError(t, err)
	require.NoError(t, c.Keep(t.Context(), c.org.ID, &store.Kept{Once: store.Once{Key: mark()}, Answer: []byte(mark())}))

	m := outbox.take()[0]
	for number, a := range []store.Attempt{{Error: "lookup " + mark() + ": no such host"}, {StatusCode: 500, Answer: []byte(mark())}} {
		a.Number, a.StartedAt = number+1, begin
		retry := begin.Add(time.Minute)
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: m, Attempt: &a, State: store.Pending, RetryAt: &retry}))
	}
	call := c.entry("request-1", "getCase")
	call.CaseID = mark()
	call.Details = store.AuditDetails{From: mark(), Resources: map[string]string{"caseId": call.CaseID}}
	c.recordCall(call)
	require.Len(t, c.entries(store.AuditFilter{}), 1)
	whileOpen()
	require.NoError(t, c.Close())
	return marks
}

var secrecyTests = []test{
	{"an error of the store names no value", func(t *testing.T, url string) {
		c := newClinic(t, url)
		secret := "mark" + rand.Text()
		id := c.create(nil)
		c.endpoint(func(e *subscription.Endpoint) { e.URL = "https://" + secret })
		require.NoError(t, c.PutUser(t.Context(), c.org.ID, store.User{User: caseupdate.User{ID: secret, FirstName: secret}}))
		require.NoError(t, c.Keep(t.Context(), c.org.ID, &store.Kept{Once: store.Once{Key: secret}, Answer: []byte(secret)}))
		c.do(id, nil, caselog.AddComment{Text: secret})
		db := database(t, url)
		for _, damage := range []string{
			`UPDATE events SET body = (SELECT body FROM events ORDER BY position LIMIT 1)`,
			`UPDATE endpoints SET settings = $1`,
			`UPDATE users SET profile = $1`,
			`UPDATE idempotency_keys SET answer = $1`,
		} {
			arguments := []any{[]byte(secret)}
			if damage[:13] == "UPDATE events" {
				arguments = nil
			}
			_, err := db.ExecContext(t.Context(), damage, arguments...)
			require.NoError(t, err)
		}
		org := c.org.ID
		c.reopen()
		for name, call := range map[string]func() error{
			"Case":      func() error { _, _, err := c.Case(t.Context(), org, id, 0); return err },
			"Feed":      func() error { _, err := c.Feed(t.Context(), org, store.Position{}, 10); return err },
			"Change":    func() error { _, err := c.Change(t.Context(), c.proposal(id, nil, comment(1))); return err },
			"Endpoints": func() error { _, err := c.Endpoints(t.Context(), org, "", 10); return err },
			"User":      func() error { _, err := c.User(t.Context(), org, secret); return err },
			"Users":     func() error { _, err := c.Users(t.Context(), org, "", 10); return err },
			"Answer":    func() error { _, _, err := c.Answer(t.Context(), org, secret); return err },
		} {
			err := call()
			require.Error(t, err, name)
			require.NotContains(t, err.Error(), secret, name)
		}
	}},
}
