package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func TestACommentIsAdded(t *testing.T) {
	s := tell(t)
	happened := s.do(caselog.AddComment{
		Text:         "Worse\nin the morning",
		IsRestricted: true,
		Attachments: []caselog.File{
			{ID: "diary", FileName: "diary.txt", IsPHI: true, Size: 11, SHA256: []byte{1}},
			{ID: "rota", FileName: "rota.txt", IsRestricted: true, Size: 12, SHA256: []byte{2}},
		},
	})

	by := caseupdate.Name{FirstName: "Grace", LastName: "Hopper"}
	want := caselog.Comment{
		ID:           s.now.Comments[0].ID,
		Text:         "Worse\nin the morning",
		IsRestricted: true,
		CreatedAt:    s.when(),
		Author:       by,
		Attachments: []caselog.Attachment{
			{ID: "diary", FileName: "diary.txt", IsPHI: true, CreatedAt: s.when(), UploadedBy: by, Size: 11, SHA256: []byte{1}},
			{ID: "rota", FileName: "rota.txt", IsRestricted: true, CreatedAt: s.when(), UploadedBy: by, Size: 12, SHA256: []byte{2}},
		},
	}
	equal(t, "what happened", []caselog.Data{&caselog.CommentAdded{Comment: want}}, happened)
	equal(t, "comments", []caselog.Comment{want}, s.now.Comments)
	require.Empty(t, s.now.Attachments, "what is attached to a comment is not attached to the case")
}

func TestTheActivityIsMarkedAsItsComment(t *testing.T) {
	phi, restricted, plain := file("phi"), file("restricted"), file("plain")
	phi.IsPHI, restricted.IsRestricted = true, true
	for _, test := range []struct {
		name            string
		cmd             caselog.AddComment
		phi, restricted bool
	}{
		{"a comment is neither", caselog.AddComment{Text: "a"}, false, false},
		{"a restricted comment is restricted", caselog.AddComment{Text: "a", IsRestricted: true}, false, true},
		{"one document with PHI makes it PHI", caselog.AddComment{Text: "a", Attachments: []caselog.File{plain, phi}}, true, false},
		{"a restricted document is left out by itself", caselog.AddComment{Text: "a", Attachments: []caselog.File{restricted}}, false, false},
		{"both", caselog.AddComment{Text: "a", IsRestricted: true, Attachments: []caselog.File{phi}}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t, test.cmd)
			added := s.activity()
			require.Equal(t, caseupdate.EventAddCaseComment, added.Type)
			require.Equal(t, test.phi, added.IsPHI, "isPHI")
			require.Equal(t, test.restricted, added.IsRestricted, "isRestricted")

			s.do(caselog.DeleteComment{CommentID: s.now.Comments[0].ID})
			deleted := s.activity()
			require.Equal(t, caseupdate.EventDeleteCaseComment, deleted.Type)
			require.Equal(t, test.phi, deleted.IsPHI, "isPHI of the deletion")
			require.Equal(t, test.restricted, deleted.IsRestricted, "isRestricted of the deletion")
		})
	}
}

func TestADeletedCommentIsGone(t *testing.T) {
	s := tell(t,
		caselog.AddComment{Text: "first"},
		caselog.AddComment{Text: "second", Attachments: []caselog.File{file("diary")}},
		caselog.AddComment{Text: "third"},
	)
	first, second, third := s.now.Comments[0], s.now.Comments[1], s.now.Comments[2]
	happened := s.do(caselog.DeleteComment{CommentID: second.ID})

	equal(t, "what happened", []caselog.Data{&caselog.CommentDeleted{CommentID: second.ID}}, happened)
	equal(t, "comments", []caselog.Comment{first, third}, s.now.Comments)
	equal(t, "deleted comments", []string{second.ID}, s.now.DeletedComments)
	_, ok := s.now.Attachment("diary")
	require.False(t, ok, "its document is gone with it")
}

func TestImpossibleChangesOfComments(t *testing.T) {
	runImpossibilities(t, []impossibility{
		{
			"a comment that never was is not found", nil,
			func(*caselog.Case) caselog.Command { return caselog.DeleteComment{CommentID: "comment-1"} },
			notFound("the case has no such comment"),
		},
		{
			"no comment has an empty id", []caselog.Command{caselog.AddComment{Text: "a"}},
			func(*caselog.Case) caselog.Command { return caselog.DeleteComment{} },
			notFound("the case has no such comment"),
		},
		{
			"an attachment is no comment", []caselog.Command{caselog.AddAttachment{File: file("scan")}},
			func(*caselog.Case) caselog.Command { return caselog.DeleteComment{CommentID: "scan"} },
			notFound("the case has no such comment"),
		},
	})
}

func TestACommentIsDeletedOnce(t *testing.T) {
	s := tell(t, caselog.AddComment{Text: "a"}, caselog.AddComment{Text: "b"})
	deletion := caselog.DeleteComment{CommentID: s.now.Comments[0].ID}
	s.do(deletion)
	s.refuses(deletion, conflict("the comment is deleted already"))
}
