package dashboard

import (
	"fmt"
	"html/template"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// functions are what templates can call.
var functions = template.FuncMap{
	"asset":    assetPath,
	"moment":   moment,
	"badge":    badge,
	"words":    words,
	"told":     told,
	"counted":  func(n int, noun string) string { return counted(int64(n), noun) },
	"wrong":    wrong,
	"wrongs":   wrongs,
	"dict":     dict,
	"sentence": sentence,
}

// momentView is a time as pages tell it: how long ago for a glance, and exactly.
type momentView struct {
	Relative string
	Exact    string // UTC, to the second
	Machine  string // RFC 3339, to the millisecond, for scripts
}

// moment returns how a time is told; nil where there is none.
func moment(t any) (*momentView, error) {
	var at time.Time
	switch t := t.(type) {
	case time.Time:
		at = t
	case *time.Time:
		if t != nil {
			at = *t
		}
	case caseupdate.Time:
		at = t.Time
	case *caseupdate.Time:
		if t != nil {
			at = t.Time
		}
	default:
		return nil, fmt.Errorf("%T is no time", t)
	}
	if at.IsZero() {
		return nil, nil
	}
	at = at.UTC()
	return &momentView{relative(time.Until(at)), at.Format("2006-01-02 15:04:05 UTC"), at.Format("2006-01-02T15:04:05.000Z")}, nil
}

// relative tells how far away a moment is, negative for what has been. The script tells it in
// the same words.
func relative(d time.Duration) string {
	distance := d.Abs()
	if distance < time.Minute {
		if distance < 5*time.Second {
			return "now"
		}
		return about(int(distance/time.Second), "s", d)
	}
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if distance >= unit.size {
			return about(int(distance/unit.size), unit.name, d)
		}
	}
	return "now"
}

func about(n int, unit string, d time.Duration) string {
	if d > 0 {
		return fmt.Sprintf("in %d %s", n, unit)
	}
	return fmt.Sprintf("%d %s ago", n, unit)
}

// badgeView is a state, told by a word, a shape and a colour.
type badgeView struct{ Word, Tone, Shape string }

// tones are the tone of each state that is known: good is over and well, bad needs somebody,
// busy is under way, wait is not yet, and quiet asks for nothing.
var tones = map[string]string{
	"delivered": "good", "failed": "bad", "sending": "busy", "pending": "wait", "canceled": "quiet", "withheld": "quiet",
	"active": "good", "behind": "wait", "paused": "wait", "flagged": "bad", "disabled": "bad", "failing": "bad", "moving": "busy", "running": "busy", "stopped": "quiet",
	"OPEN": "wait", "ASSIGNED": "busy", "IN_PROGRESS": "busy", "APPROVED": "good", "REJECTED": "quiet", "NO_DECISION": "quiet", "ABANDONED": "quiet",
	"recorded": "busy", "revoked": "quiet", "expired": "quiet", "done": "good", "repeated": "quiet", "refused": "wait",
	"escalated": "wait", "archived": "quiet", "PAID": "good", "UNPAID": "wait",
}

var shapes = map[string]string{"good": "✓", "bad": "!", "busy": "➜", "wait": "◦", "quiet": "–"}

// badge returns how a state is told: of a delivery, an endpoint, a case, a payment.
func badge(state any) badgeView {
	name := fmt.Sprint(state)
	tone, ok := tones[name]
	if !ok {
		tone = "quiet"
	}
	return badgeView{words(name), tone, shapes[tone]}
}

// words makes words of a name: "In progress" of IN_PROGRESS.
func words(name any) string {
	text := strings.ToLower(strings.ReplaceAll(fmt.Sprint(name), "_", " "))
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// tellings are the events in words for people.
var tellings = map[caseupdate.Event]string{
	caseupdate.EventAddCaseComment:     "Comment added",
	caseupdate.EventAddCaseDecision:    "Decision made",
	caseupdate.EventAddCaseAttachment:  "Document added",
	caseupdate.EventAddFormResponse:    "Question answered",
	caseupdate.EventAddCaseAssignee:    "Assigned",
	caseupdate.EventRemoveCaseAssignee: "No longer assigned",
	caseupdate.EventPaymentAdded:       "Payment asked for",
	caseupdate.EventPaymentCompleted:   "Payment made",
	caseupdate.EventOrderCreated:       "Order made",
	caseupdate.EventOrderStatusChanged: "Order changed",
	caseupdate.EventOrderTrackingAdded: "Order can be tracked",
	caseupdate.EventDeleteAttachment:   "Document deleted",
	caseupdate.EventCreateCase:         "Case opened",
	caseupdate.EventEscalateCase:       "Escalated",
	caseupdate.EventDeescalateCase:     "No longer escalated",
	caseupdate.EventDeleteCaseComment:  "Comment deleted",
	caseupdate.EventArchiveCase:        "Archived",
	caseupdate.EventReopenCase:         "Reopened",
	caseupdate.EventChangeCaseStatus:   "Status changed",
}

// told returns what an event says happened.
func told(event caseupdate.Event) string {
	if telling, ok := tellings[event]; ok {
		return telling
	}
	return words(event)
}

// wrong returns what a field of a form that was refused must be, "" where it is as it must be.
func wrong(refused *refusal.Error, field string) string {
	if refused == nil {
		return ""
	}
	for _, fault := range refused.Faults {
		if name, _, _ := strings.Cut(fault.Field, "["); name == field { // events[3] is of events
			return sentence(fault.Allowed)
		}
	}
	return ""
}

// wrongs returns those of the fields of a form that was refused that are not as they must be.
func wrongs(refused *refusal.Error, fields []field) (these []field) {
	for _, f := range fields {
		if wrong(refused, f.Field) != "" {
			these = append(these, f)
		}
	}
	return these
}

// dict returns the arguments of a partial, given as names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("a name has no value")
	}
	arguments := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("%v is no name", reflect.TypeOf(pairs[i]))
		}
		arguments[name] = pairs[i+1]
	}
	return arguments, nil
}

// count writes a number, its thousands apart.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}

// counted tells how many there are of something.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// took tells how long something took, as exactly as it matters.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Truncate(100*time.Microsecond))/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}
