package caselog

import (
	"fmt"
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Comment is a comment on a case.
type Comment struct {
	ID           string          `json:"id"`
	Text         string          `json:"text"`
	IsRestricted bool            `json:"isRestricted"`
	CreatedAt    caseupdate.Time `json:"createdAt"`
	Author       caseupdate.Name `json:"author"`
	Attachments  []Attachment    `json:"attachments"`
}

// isPHI reports whether a document of the comment is PHI.
func (c Comment) isPHI() bool {
	return slices.ContainsFunc(c.Attachments, func(a Attachment) bool { return a.IsPHI })
}

// isPHI reports whether a comment of the case is PHI, as a whole or by its documents.
func (c *Case) isPHI(comment Comment) bool {
	return comment.isPHI() || slices.Contains(c.PHI, comment.ID)
}

// AddComment comments on a case.
type AddComment struct {
	Text         string
	IsRestricted bool
	Attachments  []File
}

func (cmd AddComment) check(f *faults) {
	f.text("text", cmd.Text, MaxText)
	f.filled("text", cmd.Text)
	f.count("attachments", len(cmd.Attachments), MaxAttachments)
	for i, file := range cmd.Attachments {
		file.check(f, fmt.Sprintf("attachments[%d].", i))
	}
}

func (cmd AddComment) decide(_ *Case, act Act) ([]Data, error) {
	comment := Comment{
		ID:           act.NewID(),
		Text:         cmd.Text,
		IsRestricted: cmd.IsRestricted,
		CreatedAt:    caseupdate.At(act.At),
		Author:       act.Actor.Person().Name(),
		Attachments:  make([]Attachment, len(cmd.Attachments)),
	}
	for i, file := range cmd.Attachments {
		comment.Attachments[i] = file.attachment(act)
	}
	return []Data{&CommentAdded{comment}}, nil
}

// CommentAdded is the data of ADD_CASE_COMMENT.
type CommentAdded struct {
	Comment Comment `json:"comment"`
}

// Type is ADD_CASE_COMMENT.
func (*CommentAdded) Type() caseupdate.Event { return caseupdate.EventAddCaseComment }

func (d *CommentAdded) apply(c *Case, _ Event) error {
	c.Comments = extend(&c.rooms.comments, c.Comments, d.Comment)
	return nil
}

func (d *CommentAdded) describe(a *caseupdate.Activity) {
	a.IsPHI, a.IsRestricted = d.Comment.isPHI(), d.Comment.IsRestricted
}

// DeleteComment takes a comment, and what is attached to it, off a case.
type DeleteComment struct {
	CommentID string
}

func (cmd DeleteComment) check(*faults) {}

func (cmd DeleteComment) decide(c *Case, _ Act) ([]Data, error) {
	for _, comment := range c.Comments {
		if comment.ID == cmd.CommentID {
			return []Data{&CommentDeleted{comment.ID, c.isPHI(comment), comment.IsRestricted}}, nil
		}
	}
	if slices.Contains(c.DeletedComments, cmd.CommentID) {
		return nil, refusal.Of(refusal.Conflict, "the comment is deleted already")
	}
	return nil, refusal.Of(refusal.NotFound, "the case has no such comment")
}

// CommentDeleted is the data of DELETE_CASE_COMMENT. It is marked as the comment was.
type CommentDeleted struct {
	CommentID    string `json:"commentId"`
	IsPHI        bool   `json:"isPHI"`
	IsRestricted bool   `json:"isRestricted"`
}

// Type is DELETE_CASE_COMMENT.
func (*CommentDeleted) Type() caseupdate.Event { return caseupdate.EventDeleteCaseComment }

func (d *CommentDeleted) apply(c *Case, _ Event) error {
	i := slices.IndexFunc(c.Comments, func(comment Comment) bool { return comment.ID == d.CommentID })
	if i < 0 {
		return errMissing
	}
	if slices.Contains(c.PHI, d.CommentID) {
		c.FormerPHI = append(c.FormerPHI, c.Comments[i].Text)
	}
	for _, a := range c.Comments[i].Attachments {
		if a.IsPHI {
			c.FormerPHI = append(c.FormerPHI, a.FileName)
		}
	}
	c.Comments = slices.Delete(slices.Clone(c.Comments), i, i+1)
	c.DeletedComments = extend(&c.rooms.deleted, c.DeletedComments, d.CommentID)
	return nil
}

func (d *CommentDeleted) describe(a *caseupdate.Activity) {
	a.IsPHI, a.IsRestricted = d.IsPHI, d.IsRestricted
}
