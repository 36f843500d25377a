package caselog

import (
	"fmt"
	"slices"

	"github.com/casehook/casehook/caseupdate"
)

// AnswerForm records the answers to the questions of a form, one event each.
type AnswerForm struct {
	Form    caseupdate.Form // an empty ID is given one
	Answers []Answer
}

// Answer is the answer to one question.
type Answer struct {
	Question caseupdate.Question
	Text     string
}

func (cmd AnswerForm) check(f *faults) {
	f.defaulted("form.id", cmd.Form.ID, MaxName)
	f.required("form.name", cmd.Form.Name, MaxLine)
	if cmd.Form.Description != nil {
		f.text("form.description", *cmd.Form.Description, MaxText)
	}
	if len(cmd.Answers) == 0 {
		f.add("responses", "must have at least 1 item")
	}
	f.count("responses", len(cmd.Answers), MaxResponses)
	for i, answer := range cmd.Answers {
		prefix := fmt.Sprintf("responses[%d].", i)
		q := answer.Question
		if q.Index < 0 || q.Index > 1_000_000 {
			f.add(prefix+"question.index", "must be a whole number from 0 to 1000000")
		}
		f.required(prefix+"question.type", q.Type, MaxName)
		f.text(prefix+"question.text", q.Text, MaxText)
		f.filled(prefix+"question.text", q.Text)
		f.count(prefix+"question.options", len(q.Options), MaxOptions)
		for j, option := range q.Options {
			f.text(fmt.Sprintf("%squestion.options[%d]", prefix, j), option, MaxLine)
		}
		f.text(prefix+"text", answer.Text, MaxText)
		if q.Required {
			f.filled(prefix+"text", answer.Text)
		}
	}
}

func (cmd AnswerForm) decide(_ *Case, act Act) ([]Data, error) {
	if cmd.Form.ID == "" {
		cmd.Form.ID = act.NewID()
	}
	submission := act.NewID()
	happened := make([]Data, len(cmd.Answers))
	for i, answer := range cmd.Answers {
		if answer.Question.Options == nil {
			answer.Question.Options = []string{}
		}
		happened[i] = &FormAnswered{
			SubmissionID: submission,
			Form:         cmd.Form,
			Response: caseupdate.Response{
				ID:         act.NewID(),
				Question:   answer.Question,
				Text:       answer.Text,
				CreatedAt:  caseupdate.At(act.At),
				Respondent: act.Actor.Person(),
			},
		}
	}
	return happened, nil
}

// FormAnswered is the data of ADD_FORM_RESPONSE: one answer. Those that were given
// together have the same SubmissionID.
type FormAnswered struct {
	SubmissionID string              `json:"submissionId"`
	Form         caseupdate.Form     `json:"form"`
	Response     caseupdate.Response `json:"response"`
}

// Type is ADD_FORM_RESPONSE.
func (*FormAnswered) Type() caseupdate.Event { return caseupdate.EventAddFormResponse }

func (d *FormAnswered) apply(c *Case, e Event) error {
	// Answers given together follow each other in the log.
	last := len(c.Submissions) - 1
	if last < 0 || c.Submissions[last].ID != d.SubmissionID {
		c.Submissions = extend(&c.rooms.submissions, c.Submissions, caseupdate.FormSubmission{
			ID:         d.SubmissionID,
			CreatedAt:  e.At,
			Form:       d.Form,
			Respondent: d.Response.Respondent,
			Responses:  []caseupdate.Response{d.Response},
		})
		return nil
	}
	c.Submissions = slices.Clone(c.Submissions)
	s := &c.Submissions[last]
	s.Responses = append(slices.Clip(s.Responses), d.Response)
	return nil
}

func (d *FormAnswered) describe(a *caseupdate.Activity) {
	a.IsPHI = d.Response.Question.IsPHI
}
