package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func TestAnAttachmentIsAdded(t *testing.T) {
	s := tell(t)
	happened := s.do(caselog.AddAttachment{File: caselog.File{
		ID: "scan", FileName: "scan.png", IsPHI: true, IsRestricted: true, Size: 25 << 20, SHA256: []byte{1, 2, 3},
	}})

	want := caselog.Attachment{
		ID:           "scan",
		IsRestricted: true,
		IsPHI:        true,
		FileName:     "scan.png",
		CreatedAt:    s.when(),
		UploadedBy:   caseupdate.Name{FirstName: "Grace", LastName: "Hopper"},
		Size:         25 << 20,
		SHA256:       []byte{1, 2, 3},
	}
	equal(t, "what happened", []caselog.Data{&caselog.AttachmentAdded{Attachment: want}}, happened)
	equal(t, "attachments", []caselog.Attachment{want}, s.now.Attachments)
	got, ok := s.now.Attachment("scan")
	require.True(t, ok)
	equal(t, "attachment", want, got)
}

func TestTheActivityIsMarkedAsItsAttachment(t *testing.T) {
	for _, test := range []struct {
		name            string
		phi, restricted bool
	}{
		{"neither", false, false},
		{"PHI", true, false},
		{"restricted", false, true},
		{"both", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			scan := file("scan")
			scan.IsPHI, scan.IsRestricted = test.phi, test.restricted
			s := tell(t, caselog.AddAttachment{File: scan})
			require.Equal(t, test.phi, s.activity().IsPHI, "isPHI")
			require.Equal(t, test.restricted, s.activity().IsRestricted, "isRestricted")

			s.do(caselog.DeleteAttachment{AttachmentID: "scan"})
			require.Equal(t, test.phi, s.activity().IsPHI, "isPHI of the deletion")
			require.Equal(t, test.restricted, s.activity().IsRestricted, "isRestricted of the deletion")
		})
	}
}

func TestADeletedAttachmentStays(t *testing.T) {
	s := tell(t,
		caselog.AddAttachment{File: file("scan")},
		caselog.AddAttachment{File: file("leaflet")},
		caselog.AddComment{Text: "a", Attachments: []caselog.File{file("photo")}},
		caselog.AddComment{Text: "b", Attachments: []caselog.File{file("diary"), file("rota")}},
	)
	attachments, comments := s.now.Attachments, s.now.Comments

	happened := s.do(caselog.DeleteAttachment{AttachmentID: "leaflet"})
	equal(t, "what happened", []caselog.Data{&caselog.AttachmentDeleted{AttachmentID: "leaflet"}}, happened)
	leaflet := attachments[1]
	leaflet.IsDeleted = true
	equal(t, "attachments", []caselog.Attachment{attachments[0], leaflet}, s.now.Attachments)
	equal(t, "comments", comments, s.now.Comments)

	s.do(caselog.DeleteAttachment{AttachmentID: "rota"})
	diary, rota := comments[1].Attachments[0], comments[1].Attachments[1]
	rota.IsDeleted = true
	equal(t, "documents of the other comment", comments[0], s.now.Comments[0])
	equal(t, "documents of the comment", []caselog.Attachment{diary, rota}, s.now.Comments[1].Attachments)
	got, ok := s.now.Attachment("rota")
	require.True(t, ok)
	equal(t, "attachment", rota, got)
}

func TestADocumentOfARestrictedCommentIsRestricted(t *testing.T) {
	s := tell(t,
		caselog.AddComment{Text: "for us only", IsRestricted: true, Attachments: []caselog.File{file("referral")}},
		caselog.AddComment{Text: "for all", Attachments: []caselog.File{file("leaflet")}},
	)
	referral, _ := s.now.Attachment("referral")
	require.True(t, referral.IsRestricted)
	leaflet, _ := s.now.Attachment("leaflet")
	require.False(t, leaflet.IsRestricted)

	s.do(caselog.DeleteAttachment{AttachmentID: "referral"})
	require.True(t, s.activity().IsRestricted)
}

func TestImpossibleChangesOfAttachments(t *testing.T) {
	deletion := caselog.DeleteAttachment{AttachmentID: "scan"}
	deleteScan := func(*caselog.Case) caselog.Command { return deletion }
	commented := caselog.AddComment{Text: "a", Attachments: []caselog.File{file("scan")}}
	runImpossibilities(t, []impossibility{
		{
			"an attachment that never was is not found", nil, deleteScan,
			notFound("the case has no such attachment"),
		},
		{
			"no attachment has an empty id", []caselog.Command{caselog.AddAttachment{File: file("scan")}},
			func(*caselog.Case) caselog.Command { return caselog.DeleteAttachment{} },
			notFound("the case has no such attachment"),
		},
		{
			"a comment is no attachment", []caselog.Command{commented},
			func(c *caselog.Case) caselog.Command {
				return caselog.DeleteAttachment{AttachmentID: c.Comments[0].ID}
			},
			notFound("the case has no such attachment"),
		},
		{
			"an attachment of the case is deleted once", []caselog.Command{caselog.AddAttachment{File: file("scan")}, deletion},
			deleteScan, conflict("the attachment is deleted already"),
		},
		{
			"an attachment of a comment is deleted once", []caselog.Command{commented, deletion},
			deleteScan, conflict("the attachment is deleted already"),
		},
	})
}

func TestAnAttachmentIsGoneWithItsComment(t *testing.T) {
	s := tell(t, caselog.AddComment{Text: "a", Attachments: []caselog.File{file("scan")}})
	s.do(caselog.DeleteComment{CommentID: s.now.Comments[0].ID})
	s.refuses(caselog.DeleteAttachment{AttachmentID: "scan"}, notFound("the case has no such attachment"))
}
