package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/casehook/casehook/caseupdate"
)

// width is how many columns the demo uses.
const width = 80

// screen prints the demo, with colour on a terminal and without elsewhere.
type screen struct {
	w      io.Writer
	colour bool
}

// newScreen prints to w. NO_COLOR is honoured (https://no-color.org).
func newScreen(w io.Writer) *screen {
	file, ok := w.(*os.File)
	return &screen{w: w, colour: ok && isatty.IsTerminal(file.Fd()) && os.Getenv("NO_COLOR") == ""}
}

// The colours, as a terminal knows them.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
)

func (s *screen) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (s *screen) line(format string, arguments ...any) {
	_, _ = fmt.Fprintf(s.w, format+"\n", arguments...) // a screen that is gone is no failure of the demo
}

// opening says what is to be seen.
func (s *screen) opening(server, receiver string) {
	s.line("%s", s.paint(bold, "casehook demo"))
	s.line("")
	s.line("  server    %s", server)
	s.line("  receiver  %s", receiver)
	s.line("")
	s.line("Maya Lindqvist asks for help with her migraine, and her case takes its course,")
	s.line("told over REST. Each line is a webhook, as the receiver gets and verifies it.")
	s.line("")
	s.line("%s", s.paint(faint, fmt.Sprintf("%4s  %-20s  %8s  %-8s  %s", "seq", "event", "took", "verified", "what happened")))
}

// receipt prints a webhook that was received.
func (s *screen) receipt(r receipt, took time.Duration) {
	verified := s.paint(green, "yes     ")
	if r.fault != "" {
		verified = s.paint(red, fmt.Sprintf("%-8s", r.fault))
	}
	const before = 4 + 2 + 20 + 2 + 8 + 2 + 8 + 2
	s.line("%4d  %-20s  %8s  %s  %s", r.sequence, r.update.Event, milliseconds(took), verified, cut(describe(r.update), width-before))
}

// tally prints what was received of each event.
func (s *screen) tally(t *tally) {
	s.line("")
	s.line("%s", s.paint(faint, fmt.Sprintf("      %-20s  %8s  %8s  %8s", "event", "received", "right", "fastest")))
	var all []time.Duration
	for _, event := range caseupdate.Events() {
		took := t.took[event]
		all = append(all, took...)
		fastest := "-"
		if len(took) > 0 {
			fastest = milliseconds(slices.Min(took))
		}
		row := fmt.Sprintf("      %-20s  %8d  %8d  %8s", event, len(took), len(took)-t.faults[event], fastest)
		if len(took) == 0 || t.faults[event] > 0 {
			row = s.paint(red, row)
		}
		s.line("%s", row)
	}
	s.line("")
	summary := fmt.Sprintf("%d of %d events received and verified, in order", t.received(), len(caseupdate.Events()))
	if t.complete() {
		summary = s.paint(green, summary)
	} else {
		summary = s.paint(red, summary)
	}
	s.line("%s", summary)
	if len(all) > 0 {
		slices.Sort(all)
		s.line("From the request to the receipt: median %s, slowest %s, of %d webhooks", milliseconds(all[len(all)/2]), milliseconds(all[len(all)-1]), len(all))
	}
}

// invitation says what to try next.
func (s *screen) invitation(server, key string) {
	s.line("")
	s.line("Server and receiver go on until Ctrl-C. Open a case of your own, and see it")
	s.line("arrive here:")
	s.line("")
	s.line("  curl %s/v1/cases \\", server)
	s.line("    -H 'Authorization: Bearer %s' \\", key)
	s.line("    -H 'Content-Type: application/json' \\")
	s.line(`    -d '{"type": "migraine", "title": "Headache since Monday",`)
	s.line(`         "submitter": {"firstName": "Sam", "lastName": "Sample",`)
	s.line(`                       "email": "sam@mail.example"}}'`)
	s.line("")
	s.line("All calls, to read and to try: %s/docs", server)
	s.line("")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// cut shortens text to n columns.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return strings.TrimRight(string(runes[:n-1]), " ") + "…"
}

// describe tells an update in a few words.
func describe(u *caseupdate.Update) string {
	switch p := u.Payload.(type) {
	case *caseupdate.CreateCase:
		return "Opened: " + p.Case.ShortID
	case *caseupdate.AddFormResponse:
		return "Answered: " + p.Response.Text
	case *caseupdate.AddCaseAssignee:
		return "To " + names(p.Assignees)
	case *caseupdate.RemoveCaseAssignee:
		return "No longer to " + names(p.Assignees)
	case *caseupdate.ChangeCaseStatus:
		return string(p.ChangeStatus.OldStatus) + " → " + string(p.ChangeStatus.NewStatus)
	case *caseupdate.AddCaseAttachment:
		return "Attached: " + p.Attachment.FileName
	case *caseupdate.AddCaseComment:
		return p.Comment.Author.FirstName + ": " + p.Comment.Text
	case *caseupdate.EscalateCase:
		return "Escalated by " + p.Escalated.Caller.FirstName
	case *caseupdate.DeescalateCase:
		return "Called off by " + p.Escalated.Caller.FirstName
	case *caseupdate.AddCaseDecision:
		if p.Decision.MedInfo != nil {
			return "Prescribed: " + p.Decision.MedInfo.Medicine
		}
		return "Decided by " + p.Activity.Actor.FirstName
	case *caseupdate.PaymentAdded:
		return "Asked for: " + p.Payment.Amount.String()
	case *caseupdate.PaymentCompleted:
		return "Paid: " + p.Payment.Amount.String()
	case *caseupdate.OrderCreated:
		return "Ordered: " + p.Order.Status
	case *caseupdate.OrderStatusChanged:
		return "Order: " + p.Order.Status
	case *caseupdate.OrderTrackingAdded:
		return "Parcel: " + *p.Order.TrackingID
	case *caseupdate.DeleteCaseComment:
		return "Taken back by " + p.DeletedComment.Caller.FirstName
	case *caseupdate.DeleteAttachment:
		return "Removed by " + p.DeletedAttachment.Caller.FirstName
	case *caseupdate.ArchiveCase:
		return "Archived: " + *p.ArchiveCase.ArchiveReason
	case *caseupdate.ReopenCase:
		return "Reopened by " + p.ArchiveCase.Caller.FirstName
	}
	return ""
}

func names(assignees []caseupdate.Assignee) string {
	all := make([]string, len(assignees))
	for i, a := range assignees {
		all[i] = a.Assignee.FirstName
	}
	return strings.Join(all, " and ")
}
