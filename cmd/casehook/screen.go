package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

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

// taken says that an address cannot be had.
func (s *screen) taken(address string) {
	s.line("%s is in use: the server takes another port.", address)
	s.line("")
}

// opening says what is to be seen.
func (s *screen) opening(server, receiver string) {
	s.line("%s", s.paint(bold, "casehook demo"))
	s.line("")
	s.line("  server    %s", server)
	s.line("  receiver  %s", receiver)
	s.line("")
	s.line("Maya Lindqvist asks for help with her migraine, and her case takes its course,")
	s.line("told over REST. Each line is a webhook at the receiver: its place in the case,")
	s.line("how long after the request it came, and whether it is genuine, by Standard")
	s.line("Webhooks (std) and by x-cv-signature (cv).")
	s.line("")
	s.line("%s", s.paint(faint, fmt.Sprintf("%4s  %-20s  %9s  %s  %s", "seq", "event", "took", "std cv", "what happened")))
}

// receipt prints a webhook that was received.
func (s *screen) receipt(r receipt, took time.Duration) {
	what := describe(r.update)
	switch {
	case r.again():
		what = "Again: " + what
	case !r.ordered():
		what = fmt.Sprintf("Out of order, %d was next", r.next)
	}
	const before = 4 + 2 + 20 + 2 + 9 + 2 + 6 + 2
	what = cut(what, width-before)
	if !r.again() && !r.ordered() {
		what = s.paint(red, what)
	}
	s.line("%4d  %-20s  %9s  %s   %s   %s", r.sequence, r.update.Event, milliseconds(took), s.mark(r.standard), s.mark(r.cv), what)
}

// mark is a tick or a cross.
func (s *screen) mark(good bool) string {
	if good {
		return s.paint(green, "✓")
	}
	return s.paint(red, "✗")
}

// tally prints what was received of each event, and what came of it all.
func (s *screen) tally(t *tally) {
	const columns = "%-20s  %8s  %8s  %8s  %9s  %9s"
	s.line("")
	s.line("%s", s.paint(faint, fmt.Sprintf(columns, "event", "received", "verified", "in order", "median", "slowest")))
	for _, event := range caseupdate.Events() {
		row := t.rows[event]
		middle, slowest := "-", "-"
		if len(row.took) > 0 {
			middle, slowest = milliseconds(median(row.took)), milliseconds(slices.Max(row.took))
		}
		text := fmt.Sprintf(columns, event, strconv.Itoa(len(row.took)), strconv.Itoa(row.verified), strconv.Itoa(row.ordered), middle, slowest)
		if !row.right() {
			text = s.paint(red, text)
		}
		s.line("%s", text)
	}
	s.line("")
	verdict := green
	if !t.complete() {
		verdict = red
	}
	s.line("%s", s.paint(verdict, fmt.Sprintf("%d of %d events received and verified, in order", t.right(), len(t.rows))))
	if t.missing > 0 {
		s.line("%s", s.paint(red, fmt.Sprintf("Webhooks that did not come: %d", t.missing)))
	}
	if all := t.took(); len(all) > 0 {
		s.line("Request to receipt: median %s, slowest %s, of %d webhooks", milliseconds(median(all)), milliseconds(slices.Max(all)), len(all))
	}
}

// invitation says what to try next.
func (s *screen) invitation(server, key, receiver string) {
	s.line("")
	s.line("Server and receiver go on until Ctrl-C.")
	s.line("")
	s.line("  dashboard  %s, where you sign in with the API key", server)
	s.line("  API key    %s", key)
	s.line("  REST       %s/v1, its calls under %s/docs", server, server)
	s.line("  receiver   %s", receiver)
	s.line("")
	s.line("A second endpoint is down, and cleared for nothing: the dashboard shows what")
	s.line("waits for it since when, and what is withheld from it.")
	s.line("")
	s.line("Open a case of your own, and see it arrive here:")
	s.line("")
	s.line("  curl %s/v1/cases \\", server)
	s.line("    -H 'Authorization: Bearer %s' \\", key)
	s.line("    -H 'Content-Type: application/json' \\")
	s.line(`    -d '{"type": "migraine", "title": "Headache since Monday",`)
	s.line(`         "submitter": {"firstName": "Sam", "lastName": "Sample",`)
	s.line(`                       "email": "sam@mail.example"}}'`)
	s.line("")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// cut shortens text to n columns of one line. What would steer a terminal is blanked.
func cut(text string, n int) string {
	runes := []rune(text)
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	if len(runes) <= n {
		return string(runes)
	}
	return strings.TrimRight(string(runes[:n-1]), " ") + "…"
}

// describe tells an update in a few words.
func describe(u *caseupdate.Update) string {
	switch p := u.Payload.(type) {
	case *caseupdate.CreateCase:
		return text(p.Case.Submitter.FirstName) + ": " + text(p.Case.Title)
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
		return "Parcel: " + text(p.Order.TrackingID)
	case *caseupdate.DeleteCaseComment:
		return "Taken back by " + p.DeletedComment.Caller.FirstName
	case *caseupdate.DeleteAttachment:
		return "Removed by " + p.DeletedAttachment.Caller.FirstName
	case *caseupdate.ArchiveCase:
		return "Archived: " + text(p.ArchiveCase.ArchiveReason)
	case *caseupdate.ReopenCase:
		return "Reopened by " + p.ArchiveCase.Caller.FirstName
	}
	return ""
}

// text is a text, empty where there is none.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func names(assignees []caseupdate.Assignee) string {
	all := make([]string, len(assignees))
	for i, a := range assignees {
		all[i] = a.Assignee.FirstName
	}
	return strings.Join(all, " and ")
}
