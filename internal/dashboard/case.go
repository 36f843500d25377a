package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
)

// casesView is the list of cases.
type casesView struct {
	Rows     []caseRow
	Revealed bool
	Query    string // of this page, with its "?"
	Next     string // the page that follows; "" for none
	First    string // the page that it all begins with; "" where it is this one
	Filtered bool
	Statuses []caseupdate.Status
	Filter   map[string]string
	Why      *refusal.Error // the filter is refused; nil: it is not
}

// caseRow is a case in the list.
type caseRow struct {
	ID, ShortID             string
	Type                    string
	Status                  caseupdate.Status
	IsArchived, IsEscalated bool
	Title, Patient          private
	AssignedTo              []private // the last one that was assigned is the last
	CreatedAt, UpdatedAt    time.Time
}

// caseFilters are the fields by which cases are filtered.
var caseFilters = []string{"status", "type", "archived", "escalated", "since", "until"}

func (d *Dashboard) listCases(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	if err := form.only(caseFilters); err != nil {
		return err
	}
	since, until := form.span()
	filter := service.CaseFilter{
		Status:        caseupdate.Status(form.text("status")),
		Type:          form.text("type"),
		IsArchived:    form.yesNo("archived"),
		IsEscalated:   form.yesNo("escalated"),
		CreatedAfter:  since,
		CreatedBefore: until,
	}
	view := casesView{Query: form.with("", "", ""), Statuses: caseupdate.Statuses(), Filter: map[string]string{}, Why: form.why()}
	for _, name := range caseFilters {
		view.Filter[name] = form.text(name)
		view.Filtered = view.Filtered || form.text(name) != ""
	}
	if view.Why != nil {
		return d.show(w, r, page{Template: "cases", Title: "Cases", Status: http.StatusUnprocessableEntity, Data: view})
	}
	veil := newVeil(caller(r), r.Method == http.MethodPost)
	cases, next, err := d.service.Cases(r.Context(), seeing(caller(r), veil.lifted), filter, service.Page{Cursor: form.text("cursor")})
	if err != nil {
		return err
	}
	view.Revealed = veil.lifted
	if next != "" {
		view.Next = form.with("/cases", "cursor", next)
	}
	if form.text("cursor") != "" {
		view.First = form.with("/cases", "cursor", "")
	}
	for _, c := range cases {
		view.Rows = append(view.Rows, rowOf(c, veil))
	}
	return d.show(w, r, page{Template: "cases", Title: "Cases", Data: view})
}

func rowOf(c *caselog.Case, v veil) caseRow {
	shown := render.Case(c, v.clearance)
	row := caseRow{
		ID:          c.ID,
		ShortID:     c.ShortID,
		Type:        c.Type,
		Status:      c.Status,
		IsArchived:  c.IsArchived,
		IsEscalated: c.IsEscalated,
		Title:       v.maybe(shown.Title),
		Patient:     v.patient(shown.Submitter),
		CreatedAt:   c.CreatedAt.Time,
		UpdatedAt:   c.UpdatedAt.Time,
	}
	for _, assignee := range shown.Assignees {
		row.AssignedTo = append(row.AssignedTo, v.person(assignee.Assignee))
	}
	if len(row.AssignedTo) == 0 && shown.AssignedTo != nil { // the keeper of a case may tell of one only
		row.AssignedTo = []private{v.person(*shown.AssignedTo)}
	}
	return row
}

// caseView is one case, as it is now or was after one of its events.
type caseView struct {
	caseRow
	Revealed bool
	Query    string // of this page, with its "?"
	AsOf     int64  // the sequence of the event; 0: now
	Events   int64  // how many there are by now
	Ordered  []privateFact
	About    []privateFact // the patient
	Sections []section
	Timeline []entry
	Earlier  string // the page of events before; "" for none
	Later    string
}

// fact is a word about a case, and privateFact one about its patient.
type (
	fact        struct{ Name, Value string }
	privateFact struct {
		Name  string
		Value private
	}
)

func (d *Dashboard) showCase(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	ctx, who := r.Context(), caller(r)
	now, err := d.service.Case(ctx, who, r.PathValue("caseId"), 0)
	if err != nil {
		return err
	}
	at, err := sequenceOf(now, form.text("asOf"))
	if err != nil {
		return err
	}
	c := now
	if at != 0 && at != now.Version {
		if c, err = d.service.Case(ctx, who, now.ID, at); err != nil {
			return err
		}
	}
	veil := newVeil(who, r.Method == http.MethodPost)
	shown := render.FullCase(c, veil.clearance)
	sections, err := sectionsOf(shown, content{veil, who, now}, form)
	if err != nil {
		return err
	}
	view := caseView{
		caseRow:  rowOf(c, veil),
		Revealed: veil.lifted,
		Query:    form.with("", "", ""),
		AsOf:     at,
		Events:   now.Version,
		Ordered:  veil.ordered(shown),
		About:    veil.about(shown.Submitter),
		Sections: sections,
	}
	told := shown.Activity
	if c != now {
		told = render.Activity(now, veil.clearance)
	}
	if err := d.tellTimeline(ctx, who, &view, now, told, veil, form); err != nil {
		return err
	}
	return d.show(w, r, page{Template: "case", Title: c.ShortID, Crumbs: []crumb{{"Cases", "/cases"}}, Data: view})
}

// sequenceOf returns the sequence of the event that is meant by its own or by the event's id;
// 0 for "", which is now.
func sequenceOf(c *caselog.Case, event string) (int64, error) {
	if event == "" {
		return 0, nil
	}
	for i := range c.Activity {
		if c.Activity[i].ID == event {
			return int64(i) + 1, nil
		}
	}
	at, err := strconv.ParseInt(event, 10, 64)
	if err != nil || at < 1 || at > c.Version {
		return 0, refusal.Of(refusal.NotFound, "The case has no such event.")
	}
	return at, nil
}

// path returns where a case is shown, as of an event or with another field.
func (c caseView) path(name, value string) string {
	return "/cases/" + c.ID + "?" + url.Values{name: {value}}.Encode()
}
