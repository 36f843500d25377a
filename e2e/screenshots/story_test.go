package screenshots_test

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
)

// The staff. Everybody here is made up.
var (
	nurse      = member("nora.halvorsen", "Nora", "Halvorsen")
	doctor     = member("amara.okafor", "Amara", "Okafor")
	colleague  = member("jonas.weber", "Jonas", "Weber")
	pharmacist = member("piet.dewit", "Piet", "de Wit")
)

func member(id, first, last string) caseupdate.User {
	return caseupdate.User{ID: id, FirstName: first, LastName: last, Email: new(id + "@harbour.example")}
}

// patients are who asks for help, the last of them first, and for what.
var patients = []struct{ first, last, kind, title string }{
	{"Maya", "Lindqvist", "migraine", "Migraine with aura, three attacks a week"},
	{"Theo", "Brandt", "dermatology", "Rash on both forearms since Sunday"},
	{"Sofia", "Marchetti", "migraine", "Headache that no longer answers to ibuprofen"},
	{"Daniel", "Ofori", "hypertension", "Home readings above 150 for two weeks"},
	{"Ines", "Carvalho", "asthma", "Needs the inhaler every night"},
	{"Lukas", "Novak", "dermatology", "Mole on the back has changed"},
	{"Amelie", "Rousseau", "contraception", "Wants to change the pill"},
	{"Kwame", "Boateng", "hypertension", "Dizzy since the new dose"},
	{"Elin", "Sandberg", "migraine", "Renewal of the triptan"},
	{"Oscar", "Delgado", "sleep", "Awake from three to six, most nights"},
	{"Priya", "Raman", "thyroid", "Tired, and the last TSH was high"},
	{"Henrik", "Dahl", "asthma", "Cough after running in the cold"},
}

// step is what somebody does in a case, so long after the step before it.
type step struct {
	after time.Duration
	who   caseupdate.User
	do    func(*caselog.Case) caselog.Command
}

func does(after time.Duration, who caseupdate.User, command caselog.Command) step {
	return step{after, who, func(*caselog.Case) caselog.Command { return command }}
}

// The courses that cases take.
var (
	intake = []step{
		does(3*time.Minute, caseupdate.User{}, caselog.AnswerForm{
			Form: caseupdate.Form{Name: "Intake", Description: new("What the doctor needs to know first")},
			Answers: []caselog.Answer{
				{Question: caseupdate.Question{Index: 0, Type: "text", Text: "Which medicines do you take?", IsPHI: true, Required: true}, Text: "Ibuprofen, 400 mg"},
				{Question: caseupdate.Question{Index: 1, Type: "choice", Text: "Since when?", Options: []string{"days", "weeks", "months"}}, Text: "weeks"},
			},
		}),
		does(9*time.Minute, nurse, caselog.Assign{Users: []caseupdate.User{doctor}}),
	}
	review = append(intake[:2:2],
		does(12*time.Minute, doctor, caselog.ChangeStatus{Status: caseupdate.StatusInProgress}),
		does(6*time.Minute, doctor, caselog.AddComment{Text: "No red flags. Asked for the readings of last week."}),
	)
	urgent   = append(review[:4:4], does(4*time.Minute, nurse, caselog.Escalate{}))
	approved = append(review[:4:4],
		does(25*time.Minute, doctor, caselog.AddDecision{
			IsApproved: true, DecisionText: new("Treatment as discussed, review in three months."), Category: new("prescription"),
			MedInfo: &caseupdate.MedInfo{Medicine: "Sumatriptan", Dosage: "50 mg", RefillCount: 2, DosingFrequency: "at onset, at most twice a day", PharmacyInstructions: "Dispense nine tablets"},
		}),
		does(2*time.Minute, nurse, caselog.AddPayment{Description: "Consultation", Amount: 49_50}),
		step{7 * time.Minute, nurse, func(c *caselog.Case) caselog.Command { return caselog.CompletePayment{PaymentID: c.Payments[0].ID} }},
		does(11*time.Minute, pharmacist, caselog.CreateOrder{Message: new("Received by the pharmacy")}),
		step{95 * time.Minute, pharmacist, func(c *caselog.Case) caselog.Command {
			return caselog.ChangeOrderStatus{OrderID: c.Orders[0].ID, Status: "SHIPPED"}
		}},
		step{time.Minute, pharmacist, func(c *caselog.Case) caselog.Command {
			return caselog.AddOrderTracking{OrderID: c.Orders[0].ID, TrackingID: "1Z999AA10123456784"}
		}},
	)
	settled   = append(approved[:10:10], does(30*time.Minute, nurse, caselog.Archive{Reason: "Treatment under way"}))
	rejected  = append(review[:4:4], does(18*time.Minute, colleague, caselog.AddDecision{DecisionText: new("Needs to be seen in person."), Category: new("referral")}))
	undecided = append(review[:4:4], does(40*time.Minute, doctor, caselog.AddDecision{IsNoDecision: true}))
	abandoned = append(intake[:1:1], does(50*time.Minute, nurse, caselog.ChangeStatus{Status: caseupdate.StatusAbandoned}))
)

// courses are taken in turn, by the case that was opened last first.
var courses = [][]step{urgent, review, intake, approved, urgent, rejected, approved, settled, abandoned, approved, undecided, settled, review, approved, rejected}

// cases is how many there are, and apart how long after each other they were opened.
const (
	cases = 40
	apart = 34 * time.Minute
	// outage is how many of the last are not taken by all partners.
	outage = 12
)

// work makes the partners' endpoints and the day's cases.
func (c *clinic) work() {
	for _, user := range []caseupdate.User{nurse, doctor, colleague, pharmacist} {
		c.call("PUT /v1/users/"+user.ID, object{"firstName": user.FirstName, "lastName": user.LastName, "email": user.Email})
	}
	everything := object{"phi": true, "restricted": true}
	c.pharmacy = c.subscribe("pharmacy.example.com", "/casehook", "Tidewater Pharmacy", object{"clearance": everything})
	c.billing = c.subscribe("billing.example.com", "/hooks/cases", "Ledgerline Billing", object{"clearance": object{"phi": true, "restricted": false}})
	c.insights = c.subscribe("insights.example.com", "/v2/events", "Lumen Insights, without PHI", object{"clearance": object{"phi": false, "restricted": false}})
	c.records = c.subscribe("records.example.com", "/webhooks", "Northgate Health Records", object{"clearance": everything, "payload": "full"})

	ids := make([]string, cases)
	for i := cases - 1; i >= 0; i-- {
		if i == outage-1 {
			c.settled(c.billing)
			c.settled(c.records)
			maintenance.Store(true)
			c.call("POST /v1/endpoints/"+c.records+"/pause", object{})
		}
		patient := patients[i%len(patients)]
		ids[i] = c.tell(time.Now().Add(-time.Duration(i)*apart-4*time.Minute), patient.first, patient.last, patient.kind, patient.title, courses[i%len(courses)])
	}
	told := "/v1/cases/" + ids[1]
	c.call("POST "+told+"/comments", object{"text": "The patient asks not to be called at work.", "isRestricted": true})
	c.call("POST "+told+"/attachments", object{"fileName": "forearms.txt", "content": "Rm9yZWFybXM=", "isPHI": true})
	c.call("POST "+told+"/escalate", object{})
	c.settled(c.pharmacy)
	c.settled(c.insights)
	failing := c.call("GET /v1/deliveries?limit=1&state=pending&tried=true&endpointId="+c.billing, nil)["data"].([]any)[0].(map[string]any)
	c.places = []string{"{case}", ids[1], "{endpoint}", c.billing, "{delivery}", failing["id"].(string)}
}

// tell tells of a case, as somebody does who keeps cases elsewhere: that is how they get to be
// older than the server. What would be later than now has not happened yet.
func (c *clinic) tell(opened time.Time, first, last, kind, title string, course []step) (caseID string) {
	mail := strings.ToLower(first+"."+last) + "@mail.example"
	patient := caseupdate.User{ID: uuid.NewString(), FirstName: first, LastName: last, Email: &mail}
	caseID = uuid.NewString()
	course = append([]step{does(0, patient, caselog.CreateCase{
		ID: caseID, OrganizationID: uuid.NewString(), ShortID: "HBR-00000", Type: kind, Title: title,
		Submitter: caseupdate.Submitter{
			ID: patient.ID, FirstName: &first, LastName: &last, Email: &mail, PhoneNumber: new("+1 555 0142"), DOB: new("1991-03-08"),
			Address: new("12 Harbour Lane"), City: new("Portland"), State: new("OR"), Country: new("US"), PostalCode: new("97201"),
		},
		ReferralCode: new("HARBOUR"), ProductBundle: &caseupdate.ProductBundle{ID: "bundle-" + kind, Name: strings.ToUpper(kind[:1]) + kind[1:] + " care"},
	})}, course...)
	var state *caselog.Case
	var told []object
	for at := opened; len(course) > 0; course = course[1:] {
		at = at.Add(course[0].after)
		if at.After(time.Now()) {
			break
		}
		who := course[0].who
		if who.ID == "" {
			who = patient
		}
		events, err := caselog.Decide(state, course[0].do(state), caselog.Act{At: at, Actor: who, NewID: newID})
		require.NoError(c.t, err)
		for _, event := range events {
			state, err = caselog.Fold(state, event)
			require.NoError(c.t, err)
			told = append(told, c.telling(event, state))
		}
	}
	c.call("POST /v1/events", told)
	return caseID
}

// telling returns how an event is told.
func (c *clinic) telling(event caselog.Event, state *caselog.Case) object {
	body, err := render.New(nil).Body(event, state, nil, render.Options{Clearance: service.FullClearance})
	require.NoError(c.t, err)
	encoded, whole := body.Bytes()
	require.True(c.t, whole)
	var update struct {
		Event   caseupdate.Event `json:"event"`
		Payload json.RawMessage  `json:"payload"`
	}
	require.NoError(c.t, json.Unmarshal(encoded, &update))
	return object{"caseId": event.CaseID, "event": update.Event, "payload": update.Payload}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
