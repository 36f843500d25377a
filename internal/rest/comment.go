package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerComments() {
	handle(d, call{
		id: "addComment", pattern: "POST /v1/cases/{id}/comments", tag: tagCases, summary: "Comment on a case",
		text: "Records ADD_CASE_COMMENT.", status: http.StatusCreated, events: true,
	}, d.addComment)
	handle(d, call{
		id: "deleteComment", pattern: "DELETE /v1/cases/{id}/comments/{commentId}", tag: tagCases, summary: "Delete a comment",
		text: "Records DELETE_CASE_COMMENT. What was attached to the comment goes with it.", events: true,
	}, d.deleteComment)
}

// newComment is the body of addComment.
type newComment struct {
	Text         string          `json:"text" maxLength:"65536"`
	IsRestricted bool            `json:"isRestricted,omitempty" doc:"Whether only endpoints with clearance for it are sent it."`
	Attachments  []newAttachment `json:"attachments,omitempty" maxItems:"20"`
}

func (d *door) addComment(ctx context.Context, in *struct {
	CasePath
	Body newComment
}) (*reply[caseupdate.Comment], error) {
	uploads := make([]service.Upload, len(in.Body.Attachments))
	for i := range uploads {
		uploads[i] = in.Body.Attachments[i].upload()
	}
	return perform(ctx, created[caseupdate.Comment], func(request *service.Repeatable) (service.Changed, error) {
		return d.service.AddComment(ctx, caller(ctx), in.CaseID, in.Body.Text, in.Body.IsRestricted, uploads, request)
	})
}

func (d *door) deleteComment(ctx context.Context, in *struct {
	CasePath
	CommentID string `path:"commentId" doc:"The comment."`
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.DeleteComment{CommentID: in.CommentID})
}
