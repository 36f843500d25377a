package caseupdate

// Comment is the object of ADD_CASE_COMMENT.
type Comment struct {
	ID           string       `json:"id"`
	Text         string       `json:"text"`
	IsRestricted bool         `json:"isRestricted"`
	CreatedAt    Time         `json:"createdAt"`
	Author       Name         `json:"author"`
	Attachments  []Attachment `json:"attachments"`
}

// Attachment is the object of ADD_CASE_ATTACHMENT, and an item of a comment's
// attachments. In an event the document comes either as Content or, for an
// endpoint that asked for links, as URL and URLExpiresAt; in a full case it does
// not come at all.
type Attachment struct {
	ID           string `json:"id"`
	IsRestricted bool   `json:"isRestricted"`
	IsPHI        bool   `json:"isPHI"`
	FileName     string `json:"fileName"`
	IsDeleted    bool   `json:"isDeleted"`
	CreatedAt    Time   `json:"createdAt"`
	UploadedBy   Name   `json:"uploadedBy"`

	// Content is the document in base64 (RFC 4648, section 4, padded).
	Content *string `json:"content,omitempty"`
	// URL is a signed link, good until URLExpiresAt.
	URL          *string `json:"url,omitempty"`
	URLExpiresAt *Time   `json:"urlExpiresAt,omitempty"`
}

// Decision is the object of ADD_CASE_DECISION.
type Decision struct {
	ID           string   `json:"id"`
	IsApproved   bool     `json:"isApproved"`
	IsNoDecision bool     `json:"isNoDecision"`
	StartDate    *Time    `json:"startDate"`
	EndDate      *Time    `json:"endDate"`
	DecisionText *string  `json:"decisionText"`
	Category     *string  `json:"category"`
	MedInfo      *MedInfo `json:"medInfo"`
	CreatedAt    Time     `json:"createdAt"`
}

// MedInfo is what a decision prescribes.
type MedInfo struct {
	Medicine             string `json:"medicine"`
	Dosage               string `json:"dosage"`
	RefillCount          int    `json:"refillCount"`
	PharmacyInstructions string `json:"pharmacyInstructions"`
	DosingFrequency      string `json:"dosingFrequency"`
}

// Form is the questionnaire that a response answers.
type Form struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
}

// Response is the answer to one question of a form.
type Response struct {
	ID         string   `json:"id"`
	Question   Question `json:"question"`
	Text       string   `json:"text"`
	CreatedAt  Time     `json:"createdAt"`
	Respondent Person   `json:"respondent"`
}

// Question is a question as it was asked.
type Question struct {
	Index    int      `json:"index"`
	Type     string   `json:"type"`
	Text     string   `json:"text"`
	IsPHI    bool     `json:"isPHI"`
	Options  []string `json:"options"`
	Required bool     `json:"required"`
}

// FormSubmission groups, in a full case, the answers that were given to a form
// at one time.
type FormSubmission struct {
	ID         string     `json:"id"`
	CreatedAt  Time       `json:"createdAt"`
	Form       Form       `json:"form"`
	Respondent Person     `json:"respondent"`
	Responses  []Response `json:"responses"`
}

// Payment is the object of PAYMENT_ADDED and PAYMENT_COMPLETED.
type Payment struct {
	ID               string `json:"id"`
	IsDeleted        bool   `json:"isDeleted"`
	Description      string `json:"description"`
	Amount           Amount `json:"amount"`
	Status           string `json:"status"` // "UNPAID" or "PAID"
	DueDate          *Time  `json:"dueDate"`
	PaymentDate      *Time  `json:"paymentDate"`
	CancellationDate *Time  `json:"cancellationDate"`
	CreatedAt        Time   `json:"createdAt"`
	UpdatedAt        Time   `json:"updatedAt"`
	CreatedBy        User   `json:"createdBy"`
}

// Order is the object of the three ORDER events.
type Order struct {
	ID         string  `json:"id"`
	Status     string  `json:"status"`
	TrackingID *string `json:"trackingId"`
	Message    *string `json:"message"`
	CreatedAt  Time    `json:"createdAt"`
}

// DeletedAttachment is the object of DELETE_ATTACHMENT.
type DeletedAttachment struct {
	CaseID           string `json:"caseId"`
	CaseAttachmentID string `json:"caseAttachmentId"`
	Caller           Person `json:"caller"`
}

// DeletedComment is the object of DELETE_CASE_COMMENT.
type DeletedComment struct {
	CaseID        string `json:"caseId"`
	CaseCommentID string `json:"caseCommentId"`
	Caller        Person `json:"caller"`
}

// Escalated is the object of ESCALATE_CASE and DEESCALATE_CASE.
type Escalated struct {
	CaseID      string `json:"caseId"`
	IsEscalated bool   `json:"isEscalated"`
	Caller      Person `json:"caller"`
}

// Archive is the object of ARCHIVE_CASE and REOPEN_CASE.
type Archive struct {
	CaseID        string  `json:"caseId"`
	IsArchived    bool    `json:"isArchived"`
	ArchiveReason *string `json:"archiveReason"` // nil where the case was reopened
	Caller        Person  `json:"caller"`
}

// StatusChange is the object of CHANGE_CASE_STATUS.
type StatusChange struct {
	CaseID     string `json:"caseId"`
	NewStatus  Status `json:"newStatus"`
	OldStatus  Status `json:"oldStatus"`
	ChangeDate Time   `json:"changeDate"`
	Caller     Person `json:"caller"`
}
