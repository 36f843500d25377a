package caseupdate_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

// The keys of the format in their order, as outline writes them.
const (
	name      = "{firstName lastName}"
	person    = "{id firstName lastName}"
	user      = "{id firstName lastName email}"
	assignee  = "[{assignee" + person + "}]"
	basicKeys = "id type title status shortId createdAt updatedAt assignedAt inProgressAt closedAt isArchived isEscalated " +
		"isImported referralCode closedBy" + person + " inProgressBy" + person + " organizationId archiveReason archiveNote " +
		"productBundleId productBundle{id name} assignedTo" + person + " hrRep" + person + " assignedBy" + person +
		" assignees" + assignee + " submitter" + submitter
	submitter  = "{id firstName lastName email phoneNumber dob gender address city state country postalCode}"
	detailKeys = "responses[{id createdAt form" + formKeys + " respondent" + person + " responses[" + responseKeys + "]}]" +
		" decisions[" + decisionKeys + "] comments[" + commentKeys + "[" + attachmentKeys + "}]}] attachments[" + attachmentKeys + "}]" +
		" payments[" + paymentKeys + "] orders[" + orderKeys + "] activity[" + activityKeys + user + "}]"
	// Of an activity, targetUser; of an attachment, how the document comes; and of a
	// comment, its attachments are for each row to add.
	activityKeys   = "{id type isPHI isRestricted timestamp valueBefore valueAfter actor" + user + " targetUser"
	attachmentKeys = "{id isRestricted isPHI fileName isDeleted createdAt uploadedBy" + name
	commentKeys    = "{id text isRestricted createdAt author" + name + " attachments"
	medInfo        = "{medicine dosage refillCount pharmacyInstructions dosingFrequency}"
	decisionKeys   = "{id isApproved isNoDecision startDate endDate decisionText category medInfo" + medInfo + " createdAt}"
	formKeys       = "{id name description}"
	responseKeys   = "{id question{index type text isPHI options[] required} text createdAt respondent" + person + "}"
	paymentKeys    = "{id isDeleted description amount status dueDate paymentDate cancellationDate createdAt updatedAt createdBy" + user + "}"
	orderKeys      = "{id status trackingId message createdAt}"
	escalatedKeys  = "{caseId isEscalated caller" + person + "}"
	archiveKeys    = "{caseId isArchived archiveReason caller" + person + "}"
)

func TestKeysAndTheirOrderAreThoseOfTheFormat(t *testing.T) {
	own := map[caseupdate.Event]string{
		caseupdate.EventAddCaseComment:     " comment" + commentKeys + "[" + attachmentKeys + " content}]}",
		caseupdate.EventAddCaseDecision:    " decision" + decisionKeys,
		caseupdate.EventAddCaseAttachment:  " attachment" + attachmentKeys + " content}",
		caseupdate.EventAddFormResponse:    " form" + formKeys + " response" + responseKeys,
		caseupdate.EventAddCaseAssignee:    " assignees" + assignee,
		caseupdate.EventRemoveCaseAssignee: " assignees" + assignee,
		caseupdate.EventPaymentAdded:       " payment" + paymentKeys,
		caseupdate.EventPaymentCompleted:   " payment" + paymentKeys,
		caseupdate.EventOrderCreated:       " order" + orderKeys,
		caseupdate.EventOrderStatusChanged: " order" + orderKeys,
		caseupdate.EventOrderTrackingAdded: " order" + orderKeys,
		caseupdate.EventDeleteAttachment:   " deletedAttachment{caseId caseAttachmentId caller" + person + "}",
		caseupdate.EventCreateCase:         "", // the case is the event's own object
		caseupdate.EventEscalateCase:       " escalated" + escalatedKeys,
		caseupdate.EventDeescalateCase:     " escalated" + escalatedKeys,
		caseupdate.EventDeleteCaseComment:  " deletedComment{caseId caseCommentId caller" + person + "}",
		caseupdate.EventArchiveCase:        " archiveCase" + archiveKeys,
		caseupdate.EventReopenCase:         " archiveCase" + archiveKeys,
		caseupdate.EventChangeCaseStatus:   " changeStatus{caseId newStatus oldStatus changeDate caller" + person + "}",
	}
	for _, event := range caseupdate.Events() {
		t.Run(string(event), func(t *testing.T) {
			want := "case{" + basicKeys
			if event == caseupdate.EventCreateCase {
				want += " " + detailKeys
			}
			want += "} activity" + activityKeys
			if event == caseupdate.EventAddCaseAssignee || event == caseupdate.EventRemoveCaseAssignee {
				want += user
			}
			want = "{event payload{" + want + "}" + own[event] + "}}"
			body := golden{string(event) + ".json", told(event)}.read(t)
			require.Equal(t, want, outline(t, body))
		})
	}

	const (
		opens   = "{event payload{case{" + basicKeys
		blank   = "case{" + basicNulls
		written = "} activity" + activityKeys + "}"
	)
	variants := map[string]string{
		"full/ADD_CASE_COMMENT.json":        opens + " " + detailKeys + written + " comment" + commentKeys + "[" + attachmentKeys + " content}]}}}",
		"links/ADD_CASE_ATTACHMENT.json":    opens + written + " attachment" + attachmentKeys + " url urlExpiresAt}}}",
		"links/ADD_CASE_COMMENT.json":       opens + written + " comment" + commentKeys + "[" + attachmentKeys + " url urlExpiresAt}]}}}",
		"redacted/ADD_CASE_ATTACHMENT.json": opens + written + " attachment" + attachmentKeys + " content} redacted[]}}",
		"redacted/ADD_FORM_RESPONSE.json":   opens + written + " form" + formKeys + " response" + responseKeys + " redacted[]}}",
		"redacted/CREATE_CASE.json": opens + " responses[] decisions[] comments[] attachments[" + attachmentKeys +
			"}] payments[] orders[] activity[" + activityKeys + "}]" + written + " redacted[]}}",
		"nulls/CREATE_CASE.json": "{event payload{" + blank +
			" responses[] decisions[] comments[] attachments[] payments[] orders[] activity[]" + written + "}}",
		"nulls/ADD_CASE_COMMENT.json": "{event payload{" + blank + written + " comment" + commentKeys + "[]}}}",
		"nulls/ADD_CASE_DECISION.json": "{event payload{" + blank + written +
			" decision" + strings.Replace(decisionKeys, medInfo, "", 1) + "}}",
		"nulls/ADD_FORM_RESPONSE.json": "{event payload{" + blank + written + " form" + formKeys + " response" + responseKeys + "}}",
		"nulls/PAYMENT_ADDED.json":     "{event payload{" + blank + written + " payment" + paymentKeys + "}}",
		"nulls/ORDER_CREATED.json":     "{event payload{" + blank + written + " order" + orderKeys + "}}",
	}
	for _, g := range goldens()[len(own):] {
		t.Run(g.file, func(t *testing.T) {
			require.Equal(t, variants[g.file], outline(t, g.read(t)))
		})
	}
}

// basicNulls are the keys of a basic case of which every value that may be null is.
const basicNulls = "id type title status shortId createdAt updatedAt assignedAt inProgressAt closedAt isArchived isEscalated " +
	"isImported referralCode closedBy inProgressBy organizationId archiveReason archiveNote " +
	"productBundleId productBundle assignedTo hrRep assignedBy assignees[] submitter" + submitter

// outline writes the keys of JSON in their order; of a list, those of its first item.
func outline(t testing.TB, body []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	next := func() json.Token {
		token, err := dec.Token()
		require.NoError(t, err)
		return token
	}
	var value func() string
	value = func() string {
		switch next() {
		case json.Delim('{'):
			var keys []string
			for dec.More() {
				key := next().(string)
				keys = append(keys, key+value())
			}
			next()
			return "{" + strings.Join(keys, " ") + "}"
		case json.Delim('['):
			first := ""
			for i := 0; dec.More(); i++ {
				if item := value(); i == 0 {
					first = item
				}
			}
			next()
			return "[" + first + "]"
		}
		return ""
	}
	return value()
}
