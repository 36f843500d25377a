package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerAttachments() {
	handle(d, call{
		id: "addAttachment", pattern: "POST /v1/cases/{id}/attachments", tag: tagCases, summary: "Attach a document to a case",
		text: "Records ADD_CASE_ATTACHMENT. A request in JSON must be at most 10 MiB. A form takes larger documents, up to " +
			"what the operator allows, by default 100 MB. Its fields must come before its file.", status: http.StatusCreated, events: true,
	}, d.addAttachment)
	handle(d, call{
		id: "getAttachmentContent", pattern: "GET /v1/cases/{id}/attachments/{attachmentId}/content", tag: tagCases, summary: "Read a document",
		text: "The bytes of a document of the case, or of one of its comments.",
	}, d.getAttachmentContent)
	handle(d, call{
		id: "deleteAttachment", pattern: "DELETE /v1/cases/{id}/attachments/{attachmentId}", tag: tagCases, summary: "Delete a document",
		text: "Records DELETE_ATTACHMENT. The document stays in the full case, marked as deleted.", events: true,
	}, d.deleteAttachment)
	handle(d, call{
		id: "openDocument", pattern: "GET /documents/{caseId}/{attachmentId}", tag: tagDocuments, summary: "Follow a signed link",
		text: "The bytes of a document, for who holds a link that is genuine and not expired. Needs no key.",
	}, d.openDocument)
	d.api.OpenAPI().Paths["/v1/cases/{id}/attachments"].Post.RequestBody.Content[mediaForm] = formContent()
	for _, path := range []string{"/v1/cases/{id}/attachments/{attachmentId}/content", "/documents/{caseId}/{attachmentId}"} {
		answer := d.api.OpenAPI().Paths[path].Get.Responses["200"]
		answer.Headers["Repr-Digest"] = &huma.Param{
			Description: "The SHA-256 of the document, as in RFC 9530.", Schema: &huma.Schema{Type: huma.TypeString},
		}
		answer.Content = map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}
	}
}

// newAttachment is the body of addAttachment, and an item of a new comment's.
type newAttachment struct {
	FileName     string  `json:"fileName" maxLength:"255" example:"referral.pdf"`
	Content      content `json:"content" doc:"The document in base64 (RFC 4648, section 4)."`
	IsPHI        bool    `json:"isPHI,omitempty" doc:"Whether it is blanked for endpoints without clearance for PHI."`
	IsRestricted bool    `json:"isRestricted,omitempty" doc:"Whether only endpoints with clearance for it are sent it."`
}

func (n newAttachment) upload() service.Upload {
	return service.Upload{
		FileName:     n.FileName,
		IsPHI:        n.IsPHI,
		IsRestricted: n.IsRestricted,
		Content:      bytes.NewReader(n.Content.bytes),
	}
}

func (d *door) addAttachment(ctx context.Context, in *struct {
	CasePath
	Body newAttachment
}) (*reply[caseupdate.Attachment], error) {
	upload := in.Body.upload()
	if document := exchangeOf(ctx).document; document != nil {
		upload.Content = document
	}
	return perform(ctx, created[caseupdate.Attachment], func(request *service.Repeatable) (service.Changed, error) {
		return d.service.AddAttachment(ctx, caller(ctx), in.CaseID, upload, request)
	})
}

// AttachmentPath names a document of a case.
type AttachmentPath struct {
	CasePath
	AttachmentID string `path:"attachmentId" doc:"The attachment."`
}

func (d *door) deleteAttachment(ctx context.Context, in *AttachmentPath) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.DeleteAttachment{AttachmentID: in.AttachmentID})
}

func (d *door) getAttachmentContent(ctx context.Context, in *AttachmentPath) (*huma.StreamResponse, error) {
	attachment, document, err := d.service.Attachment(ctx, caller(ctx), in.CaseID, in.AttachmentID)
	if err != nil {
		return nil, err
	}
	return download(document, attachment.SHA256, &attachment), nil
}

func (d *door) openDocument(ctx context.Context, in *struct {
	CaseID       string `path:"caseId" doc:"The case."`
	AttachmentID string `path:"attachmentId" doc:"The attachment."`
	Digest       string `query:"digest" doc:"As in the link: the document's SHA-256, in base64url."`
	Expires      string `query:"expires" doc:"As in the link."`
	Signature    string `query:"signature" doc:"As in the link."`
}) (*huma.StreamResponse, error) {
	document, who, err := d.service.LinkedAttachment(ctx, in.CaseID, in.AttachmentID, in.Digest, in.Expires, in.Signature)
	if who.KeyID != "" { // else it is not genuine: what a stranger makes up fills nobody's record
		if broken := d.service.Attribute(ctx, exchangeOf(ctx).Entry, who); broken != nil {
			if document != nil {
				_ = document.Close() // it was only read
			}
			return nil, broken
		}
	}
	if err != nil {
		return nil, err
	}
	digest, _ := base64.RawURLEncoding.DecodeString(in.Digest) // it is signed
	return download(document, digest, nil), nil
}

// download answers with a document, as doorway does.
func download(document io.ReadCloser, sha256 []byte, known *caselog.Attachment) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		exchangeOf(ctx.Context()).SendDocument(w, document, sha256, known)
	}}
}
