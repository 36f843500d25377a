package caseupdate

// Status is where the review of a case stands. Whether a case is open is not
// said by its status but by [Case.IsArchived] alone.
type Status string

// The statuses of a case.
const (
	StatusOpen       Status = "OPEN"
	StatusAssigned   Status = "ASSIGNED"
	StatusInProgress Status = "IN_PROGRESS"
	StatusApproved   Status = "APPROVED"
	StatusRejected   Status = "REJECTED"
	StatusNoDecision Status = "NO_DECISION"
	StatusAbandoned  Status = "ABANDONED"
)

// Statuses returns the statuses in the order of a review's life.
func Statuses() []Status {
	return []Status{
		StatusOpen, StatusAssigned, StatusInProgress,
		StatusApproved, StatusRejected, StatusNoDecision, StatusAbandoned,
	}
}

// Case is a case as of one event. The embedded Details are nil in a basic case
// and set in a full one; their keys then follow the submitter.
type Case struct {
	ID              string         `json:"id"`
	Type            string         `json:"type"`
	Title           *string        `json:"title"` // nil only where it was redacted
	Status          Status         `json:"status"`
	ShortID         string         `json:"shortId"` // for people: "ADA-7K2QX"
	CreatedAt       Time           `json:"createdAt"`
	UpdatedAt       Time           `json:"updatedAt"`
	AssignedAt      *Time          `json:"assignedAt"`
	InProgressAt    *Time          `json:"inProgressAt"`
	ClosedAt        *Time          `json:"closedAt"` // when a decision closed the review; it stays
	IsArchived      bool           `json:"isArchived"`
	IsEscalated     bool           `json:"isEscalated"`
	IsImported      bool           `json:"isImported"`
	ReferralCode    *string        `json:"referralCode"`
	ClosedBy        *Person        `json:"closedBy"`
	InProgressBy    *Person        `json:"inProgressBy"`
	OrganizationID  string         `json:"organizationId"`
	ArchiveReason   *string        `json:"archiveReason"`
	ArchiveNote     *string        `json:"archiveNote"`
	ProductBundleID *string        `json:"productBundleId"`
	ProductBundle   *ProductBundle `json:"productBundle"`
	AssignedTo      *Person        `json:"assignedTo"`
	HRRep           *Person        `json:"hrRep"`
	AssignedBy      *Person        `json:"assignedBy"`
	Assignees       []Assignee     `json:"assignees"`
	Submitter       Submitter      `json:"submitter"`
	*Details
}

// Details are what a full case has over a basic one, each list oldest first.
// Deleted attachments stay, marked IsDeleted; deleted comments are gone. No
// attachment of a case carries its content.
type Details struct {
	Responses   []FormSubmission `json:"responses"`
	Decisions   []Decision       `json:"decisions"`
	Comments    []Comment        `json:"comments"`
	Attachments []Attachment     `json:"attachments"`
	Payments    []Payment        `json:"payments"`
	Orders      []Order          `json:"orders"`
	Activity    []Activity       `json:"activity"`
}

// ProductBundle is what the patient asked for.
type ProductBundle struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Submitter is the patient. All fields but ID are nil where nothing is known, or
// where the endpoint has no clearance for PHI.
type Submitter struct {
	ID          string  `json:"id"`
	FirstName   *string `json:"firstName"`
	LastName    *string `json:"lastName"`
	Email       *string `json:"email"`
	PhoneNumber *string `json:"phoneNumber"`
	DOB         *string `json:"dob"`
	Gender      *string `json:"gender"`
	Address     *string `json:"address"`
	City        *string `json:"city"`
	State       *string `json:"state"`
	Country     *string `json:"country"`
	PostalCode  *string `json:"postalCode"`
}

// Assignee wraps a person that a case is assigned to.
type Assignee struct {
	Assignee Person `json:"assignee"`
}
