package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
)

// The people of the journey, all made up.
const (
	nurse      = "u-nora"
	doctor     = "u-amara"
	pharmacist = "u-piet"
)

// subscribe registers the people, and the receiver as an endpoint that is sent
// everything. It returns the endpoint's secret. A second endpoint is down and cleared
// for nothing, so that the dashboard shows what waits and what is withheld.
func subscribe(ctx context.Context, c *client, r *receiver) (secret string, err error) {
	for _, user := range []struct{ id, firstName, lastName, role string }{
		{nurse, "Nora", "Halvorsen", "nurse"},
		{doctor, "Amara", "Okafor", "physician"},
		{pharmacist, "Piet", "de Wit", "pharmacist"},
	} {
		_, _, err := c.call(ctx, http.MethodPut, "/v1/users/"+user.id, "", object{
			"firstName": user.firstName, "lastName": user.lastName, "email": user.id + "@clinic.example", "role": user.role,
		})
		if err != nil {
			return "", err
		}
	}
	endpoint, _, err := c.call(ctx, http.MethodPost, "/v1/endpoints", "", object{
		"url":         r.URL,
		"description": "The demo's receiver",
		"events":      []string{"*"},
		"clearance":   object{"phi": true, "restricted": true},
		"signing":     []string{"standard", "cv"},
	})
	if err != nil {
		return "", err
	}
	_, _, err = c.call(ctx, http.MethodPost, "/v1/endpoints", "", object{
		"url":         r.DownURL,
		"description": "A partner whose system is down",
		"clearance":   object{"phi": false, "restricted": false},
	})
	if err != nil {
		return "", err
	}
	secret, ok := endpoint["secret"].(string)
	if !ok {
		return "", fmt.Errorf("the answer to POST /v1/endpoints has no secret")
	}
	return secret, nil
}

// journey is the story of one case, told step by step over REST.
type journey struct {
	client *client
	// What was made on the way, and is spoken of later.
	caseID, commentID, attachmentID, paymentID, orderID string
}

// A step makes one change and returns the ids of its events.
type step func(context.Context) (events []string, err error)

// steps are the journey in order. They make each of the 19 events.
func (j *journey) steps() []step {
	return []step{
		j.keep(&j.caseID, nurse, "POST", "", object{
			"type":  "migraine",
			"title": "Migraine with aura, three attacks a week",
			"submitter": object{
				"firstName": "Maya", "lastName": "Lindqvist", "email": "maya@mail.example", "phoneNumber": "+1 555 0142",
				"dob": "1991-03-08", "gender": "female", "address": "12 Harbour Lane", "city": "Portland", "state": "OR",
				"country": "US", "postalCode": "97201",
			},
			"referralCode":  "HEADACHE-CLINIC",
			"productBundle": object{"id": "bundle-migraine", "name": "Migraine care"},
		}),
		j.tell("", "POST", "/form-responses", object{
			"form": object{"name": "Migraine intake", "description": "What the doctor needs to know first"},
			"responses": []object{
				{"question": object{"index": 0, "type": "text", "text": "Which medicines do you take?", "isPHI": true, "required": true}, "text": "Ibuprofen, 400 mg"},
				{"question": object{"index": 1, "type": "choice", "text": "Do you see an aura?", "options": []string{"yes", "no"}}, "text": "yes"},
			},
		}),
		j.tell(nurse, "POST", "/assignees", object{"userIds": []string{nurse, doctor}}),
		j.tell(doctor, "POST", "/status", object{"status": "IN_PROGRESS"}),
		j.keep(&j.attachmentID, nurse, "POST", "/attachments", object{
			"fileName": "diary.txt", "isPHI": true, "content": document("Mon: aura, 6 h. Wed: 4 h. Fri: aura, 9 h."),
		}),
		j.keep(&j.commentID, doctor, "POST", "/comments", object{
			"text": "No red flags. The scan of last year is attached.", "isRestricted": true,
			"attachments": []object{{"fileName": "mri-report.txt", "isPHI": true, "content": document("Unremarkable.")}},
		}),
		j.tell(nurse, "POST", "/escalate", nil),
		j.tell(doctor, "POST", "/deescalate", nil),
		j.tell(doctor, "POST", "/decisions", object{
			"isApproved": true, "decisionText": "Triptan at onset, review in three months.", "category": "prescription",
			"startDate": date(0), "endDate": date(3),
			"medInfo": object{
				"medicine": "Sumatriptan", "dosage": "50 mg", "refillCount": 2,
				"pharmacyInstructions": "Dispense nine tablets", "dosingFrequency": "at onset, at most twice a day",
			},
		}),
		j.keep(&j.paymentID, nurse, "POST", "/payments", object{"description": "Consultation", "amount": 49.5}),
		j.follow(&j.paymentID, nurse, "POST", "/payments/%s/complete", object{}),
		j.keep(&j.orderID, pharmacist, "POST", "/orders", object{"message": "Received by the pharmacy"}),
		j.follow(&j.orderID, pharmacist, "POST", "/orders/%s/status", object{"status": "SHIPPED"}),
		j.follow(&j.orderID, pharmacist, "POST", "/orders/%s/tracking", object{"trackingId": "1Z999AA10123456784", "message": "Left the pharmacy"}),
		j.follow(&j.commentID, doctor, "DELETE", "/comments/%s", nil),
		j.follow(&j.attachmentID, nurse, "DELETE", "/attachments/%s", nil),
		j.tell(nurse, "DELETE", "/assignees/"+nurse, nil),
		j.tell(nurse, "POST", "/archive", object{"archiveReason": "Treatment under way", "archiveNote": "Review in three months"}),
		j.tell(nurse, "POST", "/reopen", nil),
	}
}

// tell is a step that makes a change of the case.
func (j *journey) tell(actor, method, path string, body object) step {
	var made string
	return j.keep(&made, actor, method, path, body)
}

// keep is a step that keeps the id of what it makes; one without a path makes the
// case.
func (j *journey) keep(id *string, actor, method, path string, body object) step {
	return func(ctx context.Context) ([]string, error) {
		target := "/v1/cases"
		if path != "" {
			target += "/" + j.caseID + path
		}
		made, events, err := j.client.call(ctx, method, target, actor, body)
		*id, _ = made["id"].(string)
		return events, err
	}
}

// follow is a step that changes what an earlier one made.
func (j *journey) follow(id *string, actor, method, path string, body object) step {
	return func(ctx context.Context) ([]string, error) {
		return j.tell(actor, method, fmt.Sprintf(path, *id), body)(ctx)
	}
}

// date is some months from now, as RFC 3339 writes it.
func date(months int) string { return time.Now().UTC().AddDate(0, months, 0).Format(time.RFC3339) }

func document(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
