package caseupdate_test

import (
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// A receiver tells events apart by the type of their payload. Verify the signature
// of the body first, with package webhook.
func ExampleParse() {
	for _, body := range []string{
		`{"event":"ADD_CASE_DECISION","payload":{"case":{"shortId":"ADA-7K2QX"},"decision":{"isApproved":true}}}`,
		`{"event":"PAYMENT_ADDED","payload":{"case":{"shortId":"ADA-7K2QX"},"payment":{"amount":159.5,"description":"First visit"}}}`,
		`{"event":"CASE_MERGED","payload":{"case":{"shortId":"ADA-7K2QX"},"into":"ADA-9M4RT"}}`,
		`{"event":"PAYMENT_ADDED","payload":{"case":{"shortId":"ADA-7K2QX"},"payment":{"amount":"159.5"}}}`,
	} {
		update, err := caseupdate.Parse([]byte(body))
		if err != nil {
			fmt.Println(err)
			continue
		}
		switch p := update.Payload.(type) {
		case *caseupdate.AddCaseDecision:
			fmt.Println(p.Case.ShortID, "approved:", p.Decision.IsApproved)
		case *caseupdate.PaymentAdded:
			fmt.Println(p.Case.ShortID, "costs", p.Payment.Amount, "for:", p.Payment.Description)
		case *caseupdate.UnknownEvent:
			fmt.Println("not known to this version:", update.Event, string(p.Raw))
		}
	}
	// Output:
	// ADA-7K2QX approved: true
	// ADA-7K2QX costs 159.5 for: First visit
	// not known to this version: CASE_MERGED {"case":{"shortId":"ADA-7K2QX"},"into":"ADA-9M4RT"}
	// caseupdate: PAYMENT_ADDED payload: payment.amount must be a number of at most two decimal places, up to 999999999999.99
}

// What is newer than this version is kept: an update is stored and passed on as it came.
func ExampleUpdate_raw() {
	update, err := caseupdate.Parse([]byte(`{"event":"ESCALATE_CASE","payload":{"case":{"id":"1","priority":"HIGH"},"escalated":{"isEscalated":true}}}`))
	if err != nil {
		log.Fatal(err)
	}
	inbox := map[string]json.RawMessage{update.Case().ID: update.Raw}
	fmt.Printf("%s\n", inbox["1"])
	// Output: {"event":"ESCALATE_CASE","payload":{"case":{"id":"1","priority":"HIGH"},"escalated":{"isEscalated":true}}}
}

// A field that came with a newer version can be read before this package knows it.
func ExampleUnknownFields() {
	update, err := caseupdate.Parse([]byte(`{"event":"ESCALATE_CASE","payload":{"case":{"id":"1","priority":"HIGH"},"escalated":{"isEscalated":true}}}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, field := range caseupdate.UnknownFields(update.Raw) {
		fmt.Printf("%s %s\n", field.Path, field.Value)
	}
	// Output: payload.case.priority "HIGH"
}

func ExampleMarshal() {
	at := caseupdate.At(time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC))
	nurse := caseupdate.User{ID: "nurse-1", FirstName: "Mary", LastName: "Seacole"}
	body, err := caseupdate.Marshal(&caseupdate.Update{
		Event: caseupdate.EventEscalateCase,
		Payload: &caseupdate.EscalateCase{
			Base: caseupdate.Base{
				Case: &caseupdate.Case{
					ID:          "019ab0c4-2f00-7a10-8c3e-5d1f00000001",
					Type:        "CONSULTATION",
					Title:       new("Fever > 39 °C"),
					Status:      caseupdate.StatusOpen,
					CreatedAt:   at,
					IsEscalated: true,
					Assignees:   []caseupdate.Assignee{}, // a nil list would be written as null
				},
				Activity: caseupdate.Activity{Type: caseupdate.EventEscalateCase, Timestamp: at, Actor: nurse},
			},
			Escalated: caseupdate.Escalated{
				CaseID:      "019ab0c4-2f00-7a10-8c3e-5d1f00000001",
				IsEscalated: true,
				Caller:      nurse.Person(),
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	start, _, _ := strings.Cut(string(body), `,"status"`)
	_, end, _ := strings.Cut(string(body), `"targetUser":null},`)
	fmt.Println(start)
	fmt.Println(end)
	// Output:
	// {"event":"ESCALATE_CASE","payload":{"case":{"id":"019ab0c4-2f00-7a10-8c3e-5d1f00000001","type":"CONSULTATION","title":"Fever > 39 °C"
	// "escalated":{"caseId":"019ab0c4-2f00-7a10-8c3e-5d1f00000001","isEscalated":true,"caller":{"id":"nurse-1","firstName":"Mary","lastName":"Seacole"}}}}
}

// An endpoint without clearance for PHI is sent blanks, and the paths of what was
// blanked: so that nothing known is overwritten by nothing told.
func ExampleUpdate_Redacted() {
	update, err := caseupdate.Parse([]byte(`{"event":"ADD_CASE_ATTACHMENT","payload":{` +
		`"case":{"shortId":"ADA-7K2QX","title":null},` +
		`"attachment":{"isPHI":true,"fileName":"","content":""},` +
		`"redacted":["case.title","attachment.fileName","attachment.content"]}}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range update.Redacted() {
		fmt.Println(path)
	}
	// Output:
	// case.title
	// attachment.fileName
	// attachment.content
}

func ExampleAmount() {
	type Bill struct {
		Total caseupdate.Amount `json:"total"`
	}
	var bill Bill
	if err := json.Unmarshal([]byte(`{"total":159.50}`), &bill); err != nil {
		log.Fatal(err)
	}
	bill.Total += 5 // cents
	fmt.Println(int64(bill.Total), bill.Total)
	err := json.Unmarshal([]byte(`{"total":159.505}`), &bill)
	fmt.Println(err)
	// Output:
	// 15955 159.55
	// json: cannot unmarshal value into Go struct field Bill.total of type caseupdate.Amount
}
