package caselog

import (
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Attachment is a document of a case, or of a comment. Its bytes lie in the blob
// store, under its [Attachment.DocumentID].
type Attachment struct {
	ID           string          `json:"id"`
	IsRestricted bool            `json:"isRestricted"`
	IsPHI        bool            `json:"isPHI"`
	FileName     string          `json:"fileName"`
	IsDeleted    bool            `json:"isDeleted"`
	CreatedAt    caseupdate.Time `json:"createdAt"`
	UploadedBy   caseupdate.Name `json:"uploadedBy"`
	Size         int64           `json:"size"`   // of its bytes
	SHA256       []byte          `json:"sha256"` // of its bytes; nil where casehook does not have them
	// Document is the id of its bytes where they do not lie under ID, which the keeper of a
	// case has chosen.
	Document string `json:"document,omitempty"`
}

// DocumentID returns the id under which the bytes lie in the blob store.
func (a Attachment) DocumentID() string {
	if a.Document != "" {
		return a.Document
	}
	return a.ID
}

// File is a document whose bytes are in the blob store, before it is attached.
type File struct {
	ID           string
	FileName     string
	IsPHI        bool
	IsRestricted bool
	Size         int64
	SHA256       []byte
}

func (file File) check(f *faults, prefix string) {
	f.required(prefix+"fileName", file.FileName, MaxFileName)
}

func (file File) attachment(act Act) Attachment {
	return Attachment{
		ID:           file.ID,
		IsRestricted: file.IsRestricted,
		IsPHI:        file.IsPHI,
		FileName:     file.FileName,
		CreatedAt:    caseupdate.At(act.At),
		UploadedBy:   act.Actor.Person().Name(),
		Size:         file.Size,
		SHA256:       file.SHA256,
	}
}

// Attachment returns the document with that id, of the case or of one of its
// comments.
func (c *Case) Attachment(id string) (Attachment, bool) {
	for _, a := range c.Attachments {
		if a.ID == id {
			return a, true
		}
	}
	for _, comment := range c.Comments {
		for _, a := range comment.Attachments {
			if a.ID == id {
				// What is restricted about a comment is so about its documents.
				a.IsRestricted = a.IsRestricted || comment.IsRestricted
				return a, true
			}
		}
	}
	return Attachment{}, false
}

// AddAttachment attaches a document to a case.
type AddAttachment struct {
	File File
}

func (cmd AddAttachment) check(f *faults) { cmd.File.check(f, "") }

func (cmd AddAttachment) decide(_ *Case, act Act) ([]Data, error) {
	return []Data{&AttachmentAdded{cmd.File.attachment(act)}}, nil
}

// AttachmentAdded is the data of ADD_CASE_ATTACHMENT.
type AttachmentAdded struct {
	Attachment Attachment `json:"attachment"`
}

// Type is ADD_CASE_ATTACHMENT.
func (*AttachmentAdded) Type() caseupdate.Event { return caseupdate.EventAddCaseAttachment }

func (d *AttachmentAdded) apply(c *Case, _ Event) error {
	c.Attachments = extend(&c.rooms.attachments, c.Attachments, d.Attachment)
	return nil
}

func (d *AttachmentAdded) describe(a *caseupdate.Activity) {
	a.IsPHI, a.IsRestricted = d.Attachment.IsPHI, d.Attachment.IsRestricted
}

// DeleteAttachment marks a document of a case, or of a comment, as deleted.
type DeleteAttachment struct {
	AttachmentID string
}

func (cmd DeleteAttachment) check(*faults) {}

func (cmd DeleteAttachment) decide(c *Case, _ Act) ([]Data, error) {
	a, ok := c.Attachment(cmd.AttachmentID)
	switch {
	case !ok:
		return nil, refusal.Of(refusal.NotFound, "the case has no such attachment")
	case a.IsDeleted:
		return nil, refusal.Of(refusal.Conflict, "the attachment is deleted already")
	}
	return []Data{&AttachmentDeleted{a.ID, a.IsPHI, a.IsRestricted}}, nil
}

// AttachmentDeleted is the data of DELETE_ATTACHMENT. It is marked as the
// attachment was.
type AttachmentDeleted struct {
	AttachmentID string `json:"attachmentId"`
	IsPHI        bool   `json:"isPHI"`
	IsRestricted bool   `json:"isRestricted"`
}

// Type is DELETE_ATTACHMENT.
func (*AttachmentDeleted) Type() caseupdate.Event { return caseupdate.EventDeleteAttachment }

func (d *AttachmentDeleted) apply(c *Case, _ Event) error {
	if attachments, ok := d.marked(c.Attachments); ok {
		c.Attachments = attachments
		return nil
	}
	for i, comment := range c.Comments {
		if attachments, ok := d.marked(comment.Attachments); ok {
			c.Comments = slices.Clone(c.Comments)
			c.Comments[i].Attachments = attachments
			return nil
		}
	}
	return errMissing
}

// marked returns a copy of attachments with the one that was deleted marked so.
func (d *AttachmentDeleted) marked(attachments []Attachment) ([]Attachment, bool) {
	i := slices.IndexFunc(attachments, func(a Attachment) bool { return a.ID == d.AttachmentID })
	if i < 0 {
		return nil, false
	}
	attachments = slices.Clone(attachments)
	attachments[i].IsDeleted = true
	return attachments, true
}

func (d *AttachmentDeleted) describe(a *caseupdate.Activity) {
	a.IsPHI, a.IsRestricted = d.IsPHI, d.IsRestricted
}
