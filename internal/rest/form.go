package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerForms() {
	handle(d, call{
		id: "answerForm", pattern: "POST /v1/cases/{id}/form-responses", tag: tagCases, summary: "Answer the questions of a form",
		text: "Records one ADD_FORM_RESPONSE per answer, in order.", status: http.StatusCreated, events: true,
	}, d.answerForm)
}

// formAnswers is the body of answerForm.
type formAnswers struct {
	Form      newForm       `json:"form"`
	Responses []newResponse `json:"responses" maxItems:"200" doc:"1 to 200."`
}

// newForm is the questionnaire that is answered.
type newForm struct {
	ID          string  `json:"id,omitempty" maxLength:"200" doc:"As the caller knows the form; without it, a new one."`
	Name        string  `json:"name" maxLength:"500"`
	Description *string `json:"description,omitempty" maxLength:"65536" nullable:"true"`
}

// newResponse is the answer to one question.
type newResponse struct {
	Question newQuestion `json:"question"`
	Text     string      `json:"text" maxLength:"65536"`
}

// newQuestion is a question as it was asked.
type newQuestion struct {
	Index    int      `json:"index" minimum:"0" maximum:"1000000"`
	Type     string   `json:"type" maxLength:"200" example:"TEXT"`
	Text     string   `json:"text" maxLength:"65536"`
	IsPHI    bool     `json:"isPHI,omitempty" doc:"Whether the answer is blanked for endpoints without clearance for PHI."`
	Options  []string `json:"options,omitempty" maxLength:"500" maxItems:"200"`
	Required bool     `json:"required,omitempty" doc:"Whether the answer must not be empty."`
}

// formResponses is the answer to answerForm.
type formResponses struct {
	Data []caseupdate.Response `json:"data"`
}

func (f formAnswers) command() caselog.AnswerForm {
	answers := make([]caselog.Answer, len(f.Responses))
	for i, response := range f.Responses {
		answers[i] = caselog.Answer{Question: caseupdate.Question(response.Question), Text: response.Text}
	}
	form := caseupdate.Form{ID: f.Form.ID, Name: f.Form.Name, Description: f.Form.Description}
	return caselog.AnswerForm{Form: form, Answers: answers}
}

func (d *door) answerForm(ctx context.Context, in *struct {
	CasePath
	Body formAnswers
}) (*reply[formResponses], error) {
	answer := func(changed service.Changed) *reply[formResponses] {
		responses := make([]caseupdate.Response, len(changed.Events))
		for i := range responses {
			responses[i] = object[caseupdate.Response](changed, i)
		}
		return &reply[formResponses]{Status: http.StatusCreated, EventIDs: eventIDs(changed), Body: formResponses{responses}}
	}
	return perform(ctx, answer, d.changing(ctx, in.CaseID, in.Body.command()))
}
