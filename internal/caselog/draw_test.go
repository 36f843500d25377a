package caselog_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

var people = []caseupdate.User{patient, doctor, nurse, robot}

// drawn are commands as they come in for a case: most can be done, some cannot.
var drawn = map[string]func(*rapid.T, *caselog.Case) caselog.Command{
	"comment": func(t *rapid.T, c *caselog.Case) caselog.Command {
		cmd := caselog.AddComment{Text: drawText(t, "text"), IsRestricted: rapid.Bool().Draw(t, "restricted")}
		for i := range rapid.IntRange(0, 2).Draw(t, "attachments") {
			cmd.Attachments = append(cmd.Attachments, drawFile(t, c, i))
		}
		return cmd
	},
	"delete a comment": func(t *rapid.T, c *caselog.Case) caselog.Command {
		return caselog.DeleteComment{CommentID: drawID(t, c, commentIDs)}
	},
	"attach": func(t *rapid.T, c *caselog.Case) caselog.Command {
		return caselog.AddAttachment{File: drawFile(t, c, 0)}
	},
	"delete an attachment": func(t *rapid.T, c *caselog.Case) caselog.Command {
		return caselog.DeleteAttachment{AttachmentID: drawID(t, c, attachmentIDs)}
	},
	"decide": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.AddDecision{
			IsApproved:   rapid.Bool().Draw(t, "approved"),
			IsNoDecision: rapid.Bool().Draw(t, "no decision"),
			StartDate:    drawMoment(t, "start"),
			EndDate:      drawMoment(t, "end"),
			DecisionText: drawOptional(t, "text"),
			Category:     drawOptional(t, "category"),
			MedInfo: rapid.Ptr(rapid.Custom(func(t *rapid.T) caseupdate.MedInfo {
				return caseupdate.MedInfo{Medicine: drawText(t, "medicine"), RefillCount: rapid.IntRange(0, 5).Draw(t, "refills")}
			}), true).Draw(t, "medInfo"),
		}
	},
	"answer": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		cmd := caselog.AnswerForm{Form: caseupdate.Form{Name: drawText(t, "form"), Description: drawOptional(t, "description")}}
		for i := range rapid.IntRange(0, 3).Draw(t, "answers") {
			cmd.Answers = append(cmd.Answers, caselog.Answer{
				Question: caseupdate.Question{
					Index: i, Type: "text", Text: drawText(t, "question"), IsPHI: rapid.Bool().Draw(t, "phi"),
					Options: rapid.SampledFrom([][]string{nil, {}, {"yes", "no"}}).Draw(t, "options"),
				},
				Text: drawText(t, "answer"),
			})
		}
		return cmd
	},
	"assign": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.Assign{Users: rapid.SliceOfN(rapid.SampledFrom(people), 0, 2).Draw(t, "users")}
	},
	"unassign": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.Unassign{UserID: rapid.SampledFrom(people).Draw(t, "user").ID}
	},
	"ask for a payment": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.AddPayment{
			Description: drawText(t, "description"),
			Amount:      caseupdate.Amount(rapid.Int64Range(-1, int64(caseupdate.MaxAmount)).Draw(t, "amount")),
			DueDate:     drawMoment(t, "due"),
		}
	},
	"pay": func(t *rapid.T, c *caselog.Case) caselog.Command {
		return caselog.CompletePayment{PaymentID: drawID(t, c, paymentIDs), PaymentDate: drawMoment(t, "date")}
	},
	"order": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.CreateOrder{Status: rapid.SampledFrom([]string{"", "PACKED"}).Draw(t, "status"), Message: drawOptional(t, "message")}
	},
	"change an order": func(t *rapid.T, c *caselog.Case) caselog.Command {
		return caselog.ChangeOrderStatus{
			OrderID: drawID(t, c, orderIDs), Message: drawOptional(t, "message"),
			Status: rapid.SampledFrom([]string{"PACKED", "SHIPPED", ""}).Draw(t, "status"),
		}
	},
	"track an order": func(t *rapid.T, c *caselog.Case) caselog.Command {
		return caselog.AddOrderTracking{OrderID: drawID(t, c, orderIDs), TrackingID: drawText(t, "tracking"), Message: drawOptional(t, "message")}
	},
	"escalate":   func(*rapid.T, *caselog.Case) caselog.Command { return caselog.Escalate{} },
	"deescalate": func(*rapid.T, *caselog.Case) caselog.Command { return caselog.Deescalate{} },
	"archive": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.Archive{Reason: drawText(t, "reason"), Note: drawOptional(t, "note")}
	},
	"reopen": func(*rapid.T, *caselog.Case) caselog.Command { return caselog.Reopen{} },
	"change the status": func(t *rapid.T, _ *caselog.Case) caselog.Command {
		return caselog.ChangeStatus{Status: rapid.SampledFrom(append(caseupdate.Statuses(), "CLOSED")).Draw(t, "status")}
	},
}

// drawCreation draws a command that can be done.
func drawCreation(t *rapid.T) caselog.CreateCase {
	cmd := creation()
	cmd.Title += rapid.StringMatching(`[a-z<>&"\\\x{2028}🩺 ]{0,8}`).Draw(t, "title")
	cmd.Submitter.ID = rapid.SampledFrom([]string{"", patient.ID}).Draw(t, "submitter")
	cmd.Submitter.City = rapid.Ptr(rapid.Just("London"), true).Draw(t, "city")
	cmd.ProductBundle = rapid.Ptr(rapid.Just(caseupdate.ProductBundle{ID: "bundle-1", Name: "Migraine"}), true).Draw(t, "bundle")
	cmd.HRRep = rapid.Ptr(rapid.Just(caseupdate.Person{ID: "hr-1"}), true).Draw(t, "hrRep")
	return cmd
}

// drawText draws a text, seldom one that cannot be.
func drawText(t *rapid.T, label string) string {
	if rapid.IntRange(0, 19).Draw(t, label+" is wrong") == 19 {
		return rapid.SampledFrom([]string{"", " ", "\xff", strings.Repeat("a", caselog.MaxText+1)}).Draw(t, label)
	}
	return rapid.OneOf(
		rapid.Just("a"),
		rapid.StringMatching(`[a-zäöü<>&"\\\x{2028}🩺]{1,8}`),
		rapid.StringN(1, 8, -1),
	).Draw(t, label)
}

func drawOptional(t *rapid.T, label string) *string {
	return rapid.Ptr(rapid.Custom(func(t *rapid.T) string { return drawText(t, label) }), true).Draw(t, label)
}

// drawMoment draws a moment around the story, seldom one that cannot be.
func drawMoment(t *rapid.T, label string) *caseupdate.Time {
	return rapid.SampledFrom([]*caseupdate.Time{
		nil,
		new(caseupdate.At(begin)),
		new(caseupdate.At(begin.AddDate(0, 1, 0))),
		new(caseupdate.At(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))),
		new(caseupdate.At(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))),
	}).Draw(t, label)
}

// drawFile draws the nth of the documents that come together.
func drawFile(t *rapid.T, c *caselog.Case, n int) caselog.File {
	return caselog.File{
		ID:           fmt.Sprintf("file-%d-%d", c.Version, n),
		FileName:     drawText(t, "file name"),
		IsPHI:        rapid.Bool().Draw(t, "phi"),
		IsRestricted: rapid.Bool().Draw(t, "restricted"),
		Size:         rapid.Int64Min(0).Draw(t, "size"),
		SHA256:       rapid.SampledFrom([][]byte{nil, {}, {1, 2, 3}}).Draw(t, "sha256"),
	}
}

// drawID draws the id of anything that c has or had, or an unknown one: mostly one
// of the right kind.
func drawID(t *rapid.T, c *caselog.Case, right func(*caselog.Case) []string) string {
	ids := right(c)
	if len(ids) == 0 || rapid.IntRange(0, 4).Draw(t, "any id") == 4 {
		ids = slices.Concat([]string{"unknown"}, c.DeletedComments, commentIDs(c), attachmentIDs(c), paymentIDs(c), orderIDs(c))
	}
	return rapid.SampledFrom(ids).Draw(t, "id")
}

func commentIDs(c *caselog.Case) []string {
	return each(c.Comments, func(comment caselog.Comment) string { return comment.ID })
}

func attachmentIDs(c *caselog.Case) []string {
	attachments := slices.Clone(c.Attachments)
	for _, comment := range c.Comments {
		attachments = append(attachments, comment.Attachments...)
	}
	return each(attachments, func(a caselog.Attachment) string { return a.ID })
}

func paymentIDs(c *caselog.Case) []string {
	return each(c.Payments, func(p caseupdate.Payment) string { return p.ID })
}

func orderIDs(c *caselog.Case) []string {
	return each(c.Orders, func(o caseupdate.Order) string { return o.ID })
}

// each returns the id of each item.
func each[T any](items []T, id func(T) string) []string {
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = id(item)
	}
	return ids
}
