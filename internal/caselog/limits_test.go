package caselog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

// What may a text be, other than short enough and UTF-8?
const (
	required  = 1 << iota // it must not be blank
	multiline             // it may have control characters
	defaulted             // it may be empty, but must not be blank
)

// texts are all the texts that a user can send, but for dates and statuses.
var texts = []struct {
	field string
	limit int
	is    int
	in    func(c *caselog.Case, value string) caselog.Command
}{
	{"type", caselog.MaxName, required, creating(func(cmd *caselog.CreateCase, v string) { cmd.Type = v })},
	{"title", caselog.MaxLine, required, creating(func(cmd *caselog.CreateCase, v string) { cmd.Title = v })},
	{"referralCode", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.ReferralCode = &v })},
	{"productBundle.id", caselog.MaxName, required, creating(func(cmd *caselog.CreateCase, v string) {
		cmd.ProductBundle = &caseupdate.ProductBundle{ID: v, Name: "Migraine"}
	})},
	{"productBundle.name", caselog.MaxName, required, creating(func(cmd *caselog.CreateCase, v string) {
		cmd.ProductBundle = &caseupdate.ProductBundle{ID: "bundle-1", Name: v}
	})},
	{"hrRep.id", caselog.MaxName, required, creating(func(cmd *caselog.CreateCase, v string) {
		cmd.HRRep = &caseupdate.Person{ID: v}
	})},
	{"hrRep.firstName", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) {
		cmd.HRRep = &caseupdate.Person{ID: "hr-1", FirstName: v}
	})},
	{"hrRep.lastName", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) {
		cmd.HRRep = &caseupdate.Person{ID: "hr-1", LastName: v}
	})},
	{"submitter.id", caselog.MaxName, defaulted, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.ID = v })},
	{"submitter.firstName", caselog.MaxName, required, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.FirstName = &v })},
	{"submitter.lastName", caselog.MaxName, required, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.LastName = &v })},
	{"submitter.email", caselog.MaxLine, required, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.Email = &v })},
	{"submitter.phoneNumber", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.PhoneNumber = &v })},
	{"submitter.gender", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.Gender = &v })},
	{"submitter.address", caselog.MaxLine, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.Address = &v })},
	{"submitter.city", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.City = &v })},
	{"submitter.state", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.State = &v })},
	{"submitter.country", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.Country = &v })},
	{"submitter.postalCode", caselog.MaxName, 0, creating(func(cmd *caselog.CreateCase, v string) { cmd.Submitter.PostalCode = &v })},

	{"text", caselog.MaxText, required | multiline, func(_ *caselog.Case, v string) caselog.Command { return caselog.AddComment{Text: v} }},
	{"attachments[1].fileName", caselog.MaxFileName, required, func(_ *caselog.Case, v string) caselog.Command {
		return caselog.AddComment{Text: "a", Attachments: []caselog.File{file("scan"), {ID: "photo", FileName: v}}}
	}},
	{"fileName", caselog.MaxFileName, required, func(_ *caselog.Case, v string) caselog.Command {
		return caselog.AddAttachment{File: caselog.File{ID: "scan", FileName: v}}
	}},

	{"decisionText", caselog.MaxText, multiline, func(_ *caselog.Case, v string) caselog.Command { return caselog.AddDecision{DecisionText: &v} }},
	{"category", caselog.MaxName, 0, func(_ *caselog.Case, v string) caselog.Command { return caselog.AddDecision{Category: &v} }},
	{"medInfo.medicine", caselog.MaxLine, required, prescribing(func(m *caseupdate.MedInfo, v string) { m.Medicine = v })},
	{"medInfo.dosage", caselog.MaxLine, 0, prescribing(func(m *caseupdate.MedInfo, v string) { m.Dosage = v })},
	{"medInfo.pharmacyInstructions", caselog.MaxText, multiline, prescribing(func(m *caseupdate.MedInfo, v string) { m.PharmacyInstructions = v })},
	{"medInfo.dosingFrequency", caselog.MaxLine, 0, prescribing(func(m *caseupdate.MedInfo, v string) { m.DosingFrequency = v })},

	{"form.id", caselog.MaxName, defaulted, answering(func(cmd *caselog.AnswerForm, v string) { cmd.Form.ID = v })},
	{"form.name", caselog.MaxLine, required, answering(func(cmd *caselog.AnswerForm, v string) { cmd.Form.Name = v })},
	{"form.description", caselog.MaxText, multiline, answering(func(cmd *caselog.AnswerForm, v string) { cmd.Form.Description = &v })},
	{"responses[1].question.type", caselog.MaxName, required, answering(func(cmd *caselog.AnswerForm, v string) { cmd.Answers[1].Question.Type = v })},
	{"responses[1].question.text", caselog.MaxText, required | multiline, answering(func(cmd *caselog.AnswerForm, v string) { cmd.Answers[1].Question.Text = v })},
	{"responses[1].question.options[1]", caselog.MaxLine, multiline, answering(func(cmd *caselog.AnswerForm, v string) {
		cmd.Answers[1].Question.Options = []string{"yes", v}
	})},
	{"responses[1].text", caselog.MaxText, multiline, answering(func(cmd *caselog.AnswerForm, v string) { cmd.Answers[1].Text = v })},

	{"description", caselog.MaxLine, required, func(_ *caselog.Case, v string) caselog.Command { return caselog.AddPayment{Description: v} }},
	{"status", caselog.MaxName, defaulted, func(_ *caselog.Case, v string) caselog.Command { return caselog.CreateOrder{Status: v} }},
	{"message", caselog.MaxLine, 0, func(_ *caselog.Case, v string) caselog.Command { return caselog.CreateOrder{Message: &v} }},
	{"status", caselog.MaxName, required, func(c *caselog.Case, v string) caselog.Command {
		return caselog.ChangeOrderStatus{OrderID: c.Orders[0].ID, Status: v}
	}},
	{"message", caselog.MaxLine, 0, func(c *caselog.Case, v string) caselog.Command {
		return caselog.ChangeOrderStatus{OrderID: c.Orders[0].ID, Status: "SHIPPED", Message: &v}
	}},
	{"trackingId", caselog.MaxName, required, func(c *caselog.Case, v string) caselog.Command {
		return caselog.AddOrderTracking{OrderID: c.Orders[0].ID, TrackingID: v}
	}},
	{"message", caselog.MaxLine, 0, func(c *caselog.Case, v string) caselog.Command {
		return caselog.AddOrderTracking{OrderID: c.Orders[0].ID, TrackingID: "GB123456789", Message: &v}
	}},

	{"archiveReason", caselog.MaxLine, required, func(_ *caselog.Case, v string) caselog.Command { return caselog.Archive{Reason: v} }},
	{"archiveNote", caselog.MaxText, multiline, func(_ *caselog.Case, v string) caselog.Command {
		return caselog.Archive{Reason: "RESOLVED", Note: &v}
	}},
}

func creating(set func(*caselog.CreateCase, string)) func(*caselog.Case, string) caselog.Command {
	return func(_ *caselog.Case, value string) caselog.Command {
		cmd := creation()
		set(&cmd, value)
		return cmd
	}
}

func prescribing(set func(*caseupdate.MedInfo, string)) func(*caselog.Case, string) caselog.Command {
	return func(_ *caselog.Case, value string) caselog.Command {
		m := caseupdate.MedInfo{Medicine: "Sumatriptan"}
		set(&m, value)
		return caselog.AddDecision{MedInfo: &m}
	}
}

func answering(set func(*caselog.AnswerForm, string)) func(*caselog.Case, string) caselog.Command {
	return func(_ *caselog.Case, value string) caselog.Command {
		cmd := intake(2)
		set(&cmd, value)
		return cmd
	}
}

func TestTextsHaveLimits(t *testing.T) {
	const (
		blanks = " \u00a0\u2003" // but no control characters
		email  = "@"             // makes any text an e-mail address
	)
	for _, text := range texts {
		long := fmt.Sprintf("must be at most %d bytes long", text.limit)
		for _, test := range []struct {
			name  string
			value string
			want  string // what is allowed, "" where the value is
		}{
			{"may be as long as the limit", strings.Repeat(email, text.limit), ""},
			{"must not be longer", strings.Repeat(email, text.limit+1), long},
			{"is measured in bytes", strings.Repeat("ü", text.limit/2) + email + email, long},
			{"may be of any language", "Ωμέγα 終わり 🩺\u2028" + email, ""},
			{"must be UTF-8", email + "\xff", "must be UTF-8"},
			{"with control characters", email + "\x00\x1b\n", unlessIs(text.is, multiline, "must have no control characters")},
			{"blank", blanks, onlyIs(text.is, required|defaulted, "must not be empty")},
			{"empty", "", onlyIs(text.is, required, "must not be empty")},
		} {
			cmd := text.in(tell(t, caselog.CreateOrder{}).now, test.value)
			t.Run(fmt.Sprintf("%T/%s %s", cmd, text.field, test.name), func(t *testing.T) {
				s := tell(t, caselog.CreateOrder{})
				if _, creates := cmd.(caselog.CreateCase); creates {
					s = blank(t)
				}
				if test.want == "" {
					s.do(cmd)
					return
				}
				want := []refusal.Fault{{Field: text.field, Allowed: test.want}}
				if text.field == "submitter.email" && !strings.Contains(test.value, email) {
					want = append(want, refusal.Fault{Field: text.field, Allowed: "must be an e-mail address"})
				}
				s.refuses(cmd, refusal.Fields(want...))
			})
		}
	}
}

// onlyIs returns allowed where a text is one of what is asked for.
func onlyIs(is, asked int, allowed string) string {
	if is&asked == 0 {
		return ""
	}
	return allowed
}

// unlessIs returns allowed where a text is not what is asked for.
func unlessIs(is, asked int, allowed string) string {
	return onlyIs(^is, asked, allowed)
}

func TestACommentHasAtMostTwentyAttachments(t *testing.T) {
	var files []caselog.File
	for i := range caselog.MaxAttachments + 1 {
		files = append(files, file(fmt.Sprint("scan-", i)))
	}
	s := tell(t, caselog.AddComment{Text: "a", Attachments: files[1:]})
	require.Len(t, s.now.Comments[0].Attachments, 20)
	s.refuses(caselog.AddComment{Text: "a", Attachments: files}, refusal.Field("attachments", "must have at most 20 items"))
}

func TestMomentsCanBeWritten(t *testing.T) {
	const allowed = "must be a timestamp, such as 2026-11-23T14:05:06.789Z"
	for _, moment := range []struct {
		field string
		in    func(at *caseupdate.Time, c *caselog.Case) caselog.Command
	}{
		{"startDate", func(at *caseupdate.Time, _ *caselog.Case) caselog.Command { return caselog.AddDecision{StartDate: at} }},
		{"endDate", func(at *caseupdate.Time, _ *caselog.Case) caselog.Command { return caselog.AddDecision{EndDate: at} }},
		{"dueDate", func(at *caseupdate.Time, _ *caselog.Case) caselog.Command {
			return caselog.AddPayment{Description: "Consultation", DueDate: at}
		}},
		{"paymentDate", func(at *caseupdate.Time, c *caselog.Case) caselog.Command {
			return caselog.CompletePayment{PaymentID: c.Payments[0].ID, PaymentDate: at}
		}},
	} {
		for _, test := range []struct {
			name  string
			at    time.Time
			valid bool
		}{
			{"in the first year", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), true},
			{"before the first year", time.Date(0, 12, 31, 23, 59, 59, 999e6, time.UTC), false},
			{"in the last year", time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC), true},
			{"after the last year", time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), false},
			{"after the last year in UTC", time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)), false},
		} {
			t.Run(moment.field+" "+test.name, func(t *testing.T) {
				s := tell(t, caselog.AddPayment{Description: "Consultation"})
				cmd := moment.in(&caseupdate.Time{Time: test.at}, s.now)
				if !test.valid {
					s.refuses(cmd, refusal.Field(moment.field, allowed))
					return
				}
				s.do(cmd)
				_, err := s.events[len(s.events)-1].EncodeBody()
				require.NoError(t, err)
			})
		}
	}
}
