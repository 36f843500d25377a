package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// shapes is the format: of each event the keys of its own object, in their order.
var shapes = map[string]string{
	"ADD_CASE_COMMENT":     "comment{id,text,isRestricted,createdAt,author{firstName,lastName},attachments[" + attachment + "]}",
	"ADD_CASE_DECISION":    "decision{id,isApproved,isNoDecision,startDate,endDate,decisionText,category,medInfo{medicine,dosage,refillCount,pharmacyInstructions,dosingFrequency},createdAt}",
	"ADD_CASE_ATTACHMENT":  "attachment" + attachment,
	"ADD_FORM_RESPONSE":    "form{id,name,description},response{id,question{index,type,text,isPHI,options[],required},text,createdAt,respondent" + person + "}",
	"ADD_CASE_ASSIGNEE":    "assignees[{assignee" + person + "}]",
	"REMOVE_CASE_ASSIGNEE": "assignees[{assignee" + person + "}]",
	"PAYMENT_ADDED":        "payment" + payment,
	"PAYMENT_COMPLETED":    "payment" + payment,
	"ORDER_CREATED":        "order" + order,
	"ORDER_STATUS_CHANGED": "order" + order,
	"ORDER_TRACKING_ADDED": "order" + order,
	"DELETE_ATTACHMENT":    "deletedAttachment{caseId,caseAttachmentId,caller" + person + "}",
	"CREATE_CASE":          "",
	"ESCALATE_CASE":        "escalated{caseId,isEscalated,caller" + person + "}",
	"DEESCALATE_CASE":      "escalated{caseId,isEscalated,caller" + person + "}",
	"DELETE_CASE_COMMENT":  "deletedComment{caseId,caseCommentId,caller" + person + "}",
	"ARCHIVE_CASE":         "archiveCase{caseId,isArchived,archiveReason,caller" + person + "}",
	"REOPEN_CASE":          "archiveCase{caseId,isArchived,archiveReason,caller" + person + "}",
	"CHANGE_CASE_STATUS":   "changeStatus{caseId,newStatus,oldStatus,changeDate,caller" + person + "}",
}

const (
	person     = "{id,firstName,lastName}"
	attachment = "{id,isRestricted,isPHI,fileName,isDeleted,createdAt,uploadedBy{firstName,lastName},content}"
	payment    = "{id,isDeleted,description,amount,status,dueDate,paymentDate,cancellationDate,createdAt,updatedAt,createdBy{id,firstName,lastName,email}}"
	order      = "{id,status,trackingId,message,createdAt}"

	basicCase = "id,type,title,status,shortId,createdAt,updatedAt,assignedAt,inProgressAt,closedAt,isArchived,isEscalated,isImported," +
		"referralCode,closedBy,inProgressBy,organizationId,archiveReason,archiveNote,productBundleId,productBundle,assignedTo,hrRep,assignedBy," +
		"assignees,submitter"
	fullCase = basicCase + ",responses,decisions,comments,attachments,payments,orders,activity"
	activity = "id,type,isPHI,isRestricted,timestamp,valueBefore,valueAfter,actor,targetUser"
)

// difficult is text that JSON libraries disagree on how to print.
const difficult = "Kopfschmerz <links> & \"Aura\"\u2028\u2029 \u00e9 \U0001F915 \\ \x7f \t"

// A step is a change that is told over REST.
type step struct {
	actor string
	call  string // with the names of what was made before in braces
	body  object
	makes string   // the name under which the id of the answer is kept, "" for none
	want  []string // each event, and the status of the case as of it
}

// journey is the story of a patient, in which each of the 19 events happens.
var journey = []step{
	{"nora", "POST /v1/cases", object{
		"type": "migraine", "title": "Kopfschmerz <links> & \u2028Aura",
		"submitter": object{
			"firstName": "Maya", "lastName": "Lindqvist", "email": "maya@mail.example", "phoneNumber": "+1 555 0142",
			"dob": "1991-03-08", "gender": "female", "address": "12 Harbour Lane", "city": "Portland", "state": "OR",
			"country": "US", "postalCode": "97201",
		},
		"referralCode": "HEADACHE-CLINIC", "productBundle": object{"id": "bundle-7", "name": "Migraine care"},
	}, "case", []string{"CREATE_CASE OPEN"}},
	{"", "POST /v1/cases/{case}/form-responses", object{
		"form": object{"name": "Intake", "description": "To be answered first"},
		"responses": []object{
			{"question": object{"index": 0, "type": "text", "text": "Which medicines?", "isPHI": true, "required": true}, "text": difficult},
			{"question": object{"index": 1, "type": "choice", "text": "An aura?", "options": []string{"yes", "no"}}, "text": "yes"},
		},
	}, "", []string{"ADD_FORM_RESPONSE OPEN", "ADD_FORM_RESPONSE OPEN"}},
	{"nora", "POST /v1/cases/{case}/assignees", object{"userIds": []string{"nora", "amara"}}, "",
		[]string{"ADD_CASE_ASSIGNEE OPEN", "CHANGE_CASE_STATUS ASSIGNED"}},
	{"amara", "POST /v1/cases/{case}/status", object{"status": "IN_PROGRESS"}, "", []string{"CHANGE_CASE_STATUS IN_PROGRESS"}},
	{"nora", "POST /v1/cases/{case}/attachments", object{"fileName": "diary.txt", "content": document, "isPHI": true}, "attachment",
		[]string{"ADD_CASE_ATTACHMENT IN_PROGRESS"}},
	{"amara", "POST /v1/cases/{case}/comments", object{
		"text": difficult, "isRestricted": true, "attachments": []object{{"fileName": "mri.txt", "content": document}},
	}, "comment", []string{"ADD_CASE_COMMENT IN_PROGRESS"}},
	{"nora", "POST /v1/cases/{case}/escalate", nil, "", []string{"ESCALATE_CASE IN_PROGRESS"}},
	{"amara", "POST /v1/cases/{case}/deescalate", nil, "", []string{"DEESCALATE_CASE IN_PROGRESS"}},
	{"amara", "POST /v1/cases/{case}/decisions", object{
		"isApproved": true, "startDate": "2026-12-01T00:00:00Z", "decisionText": "Review in three months.",
		"medInfo": object{"medicine": "Sumatriptan", "dosage": "50 mg", "refillCount": 2},
	}, "", []string{"ADD_CASE_DECISION IN_PROGRESS", "CHANGE_CASE_STATUS APPROVED"}},
	{"nora", "POST /v1/cases/{case}/payments", object{"description": "Consultation", "amount": 159.50}, "payment", []string{"PAYMENT_ADDED APPROVED"}},
	{"nora", "POST /v1/cases/{case}/payments/{payment}/complete", nil, "", []string{"PAYMENT_COMPLETED APPROVED"}},
	{"piet", "POST /v1/cases/{case}/orders", nil, "order", []string{"ORDER_CREATED APPROVED"}},
	{"piet", "POST /v1/cases/{case}/orders/{order}/status", object{"status": "SHIPPED"}, "", []string{"ORDER_STATUS_CHANGED APPROVED"}},
	{"piet", "POST /v1/cases/{case}/orders/{order}/tracking", object{"trackingId": "1Z999"}, "", []string{"ORDER_TRACKING_ADDED APPROVED"}},
	{"amara", "DELETE /v1/cases/{case}/comments/{comment}", nil, "", []string{"DELETE_CASE_COMMENT APPROVED"}},
	{"nora", "DELETE /v1/cases/{case}/attachments/{attachment}", nil, "", []string{"DELETE_ATTACHMENT APPROVED"}},
	{"nora", "DELETE /v1/cases/{case}/assignees/nora", nil, "", []string{"REMOVE_CASE_ASSIGNEE APPROVED"}},
	{"nora", "POST /v1/cases/{case}/archive", object{"archiveReason": "Under treatment"}, "", []string{"ARCHIVE_CASE APPROVED"}},
	{"nora", "POST /v1/cases/{case}/reopen", nil, "", []string{"REOPEN_CASE APPROVED"}},
}

var document = base64.StdEncoding.EncodeToString([]byte{0, 0xfb, 0xff, '\n', 0xfe})

// told is what a delivery says, apart from the words of the case.
type told struct {
	ID, Attempt, ContentType, CaseID, Sequence string // of the headers
	Fault                                      string // of the receiver's library

	Event, ActivityType, ActivityID, BodyCaseID, Status string
	Payload, Case, Activity                             string // keys in their order
}

func TestAJourneyThroughAllEventsIsReceivedByOthers(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	admin := client{s.url, adminKey}
	admin.register(t, "nora", "amara", "piet")
	receivers := map[string]*receiver{"Go": startGo(t), "Node": startNode(t)}
	for _, r := range receivers {
		admin.subscribe(t, r)
	}

	want := tellJourney(t, admin)
	happened := map[string]bool{}
	for _, w := range want {
		happened[w.Event] = true
	}
	require.Len(t, happened, 19)

	log, _ := admin.feed(t, "")
	require.Len(t, log, len(want))
	for name, r := range receivers {
		t.Run(name, func(t *testing.T) {
			var got []told
			for i := range want {
				d := r.next(t)
				got = append(got, d.told(t))
				require.Equal(t, string(log[i]), string(d.body), "what is sent is what the log says")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("received (-want +got):\n%s", diff)
			}
		})
	}
	require.Zero(t, s.terminate(t))
	for name, r := range receivers {
		require.Emptyf(t, r.deliveries, "%s received more than happened", name)
	}
}

// tellJourney tells the journey over REST and returns what is to be received of it.
func tellJourney(t *testing.T, c client) []told {
	t.Helper()
	made := map[string]string{}
	var want []told
	for _, step := range journey {
		call := step.call
		for name, id := range made {
			call = strings.ReplaceAll(call, "{"+name+"}", id)
		}
		a := c.call(t, call, step.body, "Casehook-Actor", step.actor)
		if step.makes != "" {
			made[step.makes] = a.text("id")
		}
		ids := a.events()
		require.Lenf(t, ids, len(step.want), "events of %s", step.call)
		for i, happened := range step.want {
			event, status, _ := strings.Cut(happened, " ")
			want = append(want, wanted(event, status, ids[i], made["case"], len(want)+1))
		}
	}
	return want
}

// wanted returns what a delivery is to say.
func wanted(event, status, id, caseID string, sequence int) told {
	w := told{
		ID: id, Attempt: "1", ContentType: "application/json", CaseID: caseID, Sequence: strconv.Itoa(sequence),
		Event: event, ActivityType: event, ActivityID: id, BodyCaseID: caseID, Status: status,
		Payload: "case,activity," + shapes[event], Case: basicCase, Activity: activity,
	}
	if event == "CREATE_CASE" {
		w.Payload, w.Case = "case,activity", fullCase
	}
	return w
}

func (d delivery) told(t *testing.T) told {
	t.Helper()
	var body struct {
		Event   string
		Payload json.RawMessage
	}
	var payload struct{ Case, Activity json.RawMessage }
	var about struct{ ID, Status string }
	var line struct{ ID, Type string }
	require.NoError(t, json.Unmarshal(d.body, &body))
	require.NoError(t, json.Unmarshal(body.Payload, &payload))
	require.NoError(t, json.Unmarshal(payload.Case, &about))
	require.NoError(t, json.Unmarshal(payload.Activity, &line))
	header := func(name string) string { return strings.Join(d.header.Values(name), "; ") }
	return told{
		ID: header("webhook-id"), Attempt: header("casehook-attempt"), ContentType: header("content-type"),
		CaseID: header("casehook-case-id"), Sequence: header("casehook-sequence"), Fault: d.fault,
		Event: body.Event, ActivityType: line.Type, ActivityID: line.ID, BodyCaseID: about.ID, Status: about.Status,
		Payload: outline(body.Payload), Case: names(payload.Case), Activity: names(payload.Activity),
	}
}

// outline returns the keys of a payload in their order, with those inside of the
// event's own object.
func outline(payload json.RawMessage) string {
	var keys []string
	for name, value := range fields(payload) {
		if name != "case" && name != "activity" {
			name += shape(value)
		}
		keys = append(keys, name)
	}
	return strings.Join(keys, ",")
}

// shape returns the keys of a value in their order, in braces those of an object, in
// brackets those of the items of an array.
func shape(value json.RawMessage) string {
	var inside []string
	switch value[0] {
	case '{':
		for name, value := range fields(value) {
			inside = append(inside, name+shape(value))
		}
		return "{" + strings.Join(inside, ",") + "}"
	case '[':
		var items []json.RawMessage
		_ = json.Unmarshal(value, &items) // it was read as JSON before
		for _, item := range items {
			inside = append(inside, shape(item))
		}
		return "[" + strings.Join(slices.Compact(inside), ",") + "]"
	}
	return ""
}

// names returns the keys of an object in their order.
func names(object json.RawMessage) string {
	var keys []string
	for name := range fields(object) {
		keys = append(keys, name)
	}
	return strings.Join(keys, ",")
}

// fields are the fields of an object in their order.
func fields(object json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		d := json.NewDecoder(bytes.NewReader(object))
		_, _ = d.Token() // its brace; all of it was read as JSON before
		for d.More() {
			name, _ := d.Token()
			var value json.RawMessage
			_ = d.Decode(&value)
			if !yield(name.(string), value) {
				return
			}
		}
	}
}
