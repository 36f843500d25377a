package caselog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

// intake returns a form with n answers.
func intake(n int) caselog.AnswerForm {
	cmd := caselog.AnswerForm{Form: caseupdate.Form{ID: "form-1", Name: "Intake"}}
	for i := range n {
		cmd.Answers = append(cmd.Answers, caselog.Answer{
			Question: caseupdate.Question{Index: i, Type: "text", Text: "Why?"}, Text: "Because",
		})
	}
	return cmd
}

func TestEachAnswerIsAnEventInOrder(t *testing.T) {
	s := tell(t)
	cmd := intake(2)
	cmd.Answers[1].Question.IsPHI = true
	cmd.Answers[1].Question.Options = []string{"yes", ""}
	happened := s.as(patient, cmd)

	submission := s.now.Submissions[0]
	first := caseupdate.Response{
		ID:         submission.Responses[0].ID,
		Question:   caseupdate.Question{Index: 0, Type: "text", Text: "Why?", Options: []string{}},
		Text:       "Because",
		CreatedAt:  s.when(),
		Respondent: patient.Person(),
	}
	second := first
	second.ID, second.Question = submission.Responses[1].ID, cmd.Answers[1].Question
	equal(t, "what happened", []caselog.Data{
		&caselog.FormAnswered{SubmissionID: submission.ID, Form: cmd.Form, Response: first},
		&caselog.FormAnswered{SubmissionID: submission.ID, Form: cmd.Form, Response: second},
	}, happened)
	equal(t, "submissions", []caseupdate.FormSubmission{{
		ID:         submission.ID,
		CreatedAt:  s.when(),
		Form:       cmd.Form,
		Respondent: patient.Person(),
		Responses:  []caseupdate.Response{first, second},
	}}, s.now.Submissions)
	require.False(t, s.now.Activity[1].IsPHI)
	require.True(t, s.now.Activity[2].IsPHI, "an answer that is PHI marks its own activity only")
	require.Nil(t, cmd.Answers[0].Question.Options, "the command is as it was")
}

func TestAnswersGivenTogetherAreOneSubmission(t *testing.T) {
	s := tell(t, intake(2), intake(3), caselog.Escalate{}, intake(1))
	var sizes []int
	for _, submission := range s.now.Submissions {
		sizes = append(sizes, len(submission.Responses))
	}
	require.Equal(t, []int{2, 3, 1}, sizes)
}

func TestAFormWithoutAnIDIsGivenOne(t *testing.T) {
	cmd := intake(2)
	cmd.Form.ID = ""
	s := tell(t, cmd)
	require.NotEmpty(t, s.now.Submissions[0].Form.ID)
	require.NotEqual(t, s.now.Submissions[0].ID, s.now.Submissions[0].Form.ID)
	require.Len(t, s.now.Submissions[0].Responses, 2)
}

func TestAnswersThatNoCaseCouldHave(t *testing.T) {
	const index = "must be a whole number from 0 to 1000000"
	for _, test := range []struct {
		name  string
		spoil func(*caselog.AnswerForm)
		want  []refusal.Fault // nil where they can be
	}{
		{"none", func(cmd *caselog.AnswerForm) { cmd.Answers = nil }, []refusal.Fault{{Field: "responses", Allowed: "must have at least 1 item"}}},
		{"too many", func(cmd *caselog.AnswerForm) { *cmd = intake(201) }, []refusal.Fault{{Field: "responses", Allowed: "must have at most 200 items"}}},
		{"as many as can be", func(cmd *caselog.AnswerForm) { *cmd = intake(200) }, nil},
		{"a question below the first", func(cmd *caselog.AnswerForm) { cmd.Answers[1].Question.Index = -1 }, []refusal.Fault{{Field: "responses[1].question.index", Allowed: index}}},
		{"a question far out", func(cmd *caselog.AnswerForm) { cmd.Answers[1].Question.Index = 1_000_001 }, []refusal.Fault{{Field: "responses[1].question.index", Allowed: index}}},
		{"the last question", func(cmd *caselog.AnswerForm) { cmd.Answers[1].Question.Index = 1_000_000 }, nil},
		{
			"too many options", func(cmd *caselog.AnswerForm) {
				cmd.Answers[1].Question.Options = strings.Split(strings.Repeat(",", 200), ",")
			},
			[]refusal.Fault{{Field: "responses[1].question.options", Allowed: "must have at most 200 items"}},
		},
		{"as many options as can be", func(cmd *caselog.AnswerForm) {
			cmd.Answers[1].Question.Options = strings.Split(strings.Repeat(",", 199), ",")
		}, nil},
		{"nothing", func(cmd *caselog.AnswerForm) { cmd.Answers[1].Text = "" }, nil},
		{
			"nothing where an answer is required", func(cmd *caselog.AnswerForm) {
				cmd.Answers[1].Text, cmd.Answers[1].Question.Required = " \n", true
			},
			[]refusal.Fault{{Field: "responses[1].text", Allowed: "must not be empty"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := intake(2)
			test.spoil(&cmd)
			if s := tell(t); test.want != nil {
				s.refuses(cmd, refusal.Fields(test.want...))
			} else {
				s.do(cmd)
			}
		})
	}
}
