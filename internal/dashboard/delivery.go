package dashboard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

// deliveriesView is the list of deliveries.
type deliveriesView struct {
	Rows      []deliveryRow
	Next      string // the page that follows; "" for none
	First     string // the page that it all begins with; "" where it is this one
	Filtered  bool
	States    []store.State
	Events    []caseupdate.Event
	Endpoints []choice
	Filter    map[string]string
	Event     *eventView     // that all are of; nil where the filter names none
	Unsent    *unsentView    // to whom that was not sent; nil where that is not asked
	None      *absence       // why there are no rows; nil where nothing is known of it
	NoCase    bool           // the filter names a case that there is not
	LookedTo  *time.Time     // since when what is looked for was looked for; nil where it was among all
	Why       *refusal.Error // the filter is refused; nil: it is not
}

// deliveryRow is a delivery in the list.
type deliveryRow struct {
	sent
	ShortID string // of the case; "" where that was erased
}

// eventView is an event of the log.
type eventView struct {
	ID      string
	Type    caseupdate.Event
	CaseID  string
	ShortID string // of the case; "" where that was erased
	// Sequence is its place among the events of the case.
	Sequence     int64
	isRestricted bool
}

// deliveryFilters are the fields by which deliveries are filtered.
var deliveryFilters = []string{"endpointId", "caseId", "event", "eventId", "state", "tried", "since", "until"}

// deliveryStates are those by which deliveries are filtered.
var deliveryStates = []store.State{store.Pending, store.Sending, store.Delivered, store.Failed, store.Canceled}

func (d *Dashboard) listDeliveries(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	if err := form.only(deliveryFilters); err != nil {
		return err
	}
	ctx, who := r.Context(), caller(r)
	tried := form.yesNo("tried")
	since, until := form.span()
	filter := service.DeliveryFilter{
		EndpointID: form.text("endpointId"),
		EventID:    strings.ToLower(strings.TrimSpace(form.text("eventId"))),
		Event:      caseupdate.Event(form.text("event")),
		State:      store.State(form.text("state")),
		Tried:      tried != nil && *tried,
		Since:      since,
		Until:      until,
	}
	names := newNames(d.service, who)
	view := deliveriesView{States: deliveryStates, Events: caseupdate.Events(), Filter: map[string]string{}}
	for _, name := range deliveryFilters {
		view.Filter[name] = form.text(name)
		view.Filtered = view.Filtered || form.text(name) != ""
	}
	if view.Endpoints, err = names.endpointChoices(ctx, filter.EndpointID); err != nil {
		return err
	}
	if filter.EndpointID != "" && !names.endpoints[filter.EndpointID].isKnown() {
		form.fault("endpointId", "must be an endpoint of the organization, or one that was deleted")
	}
	if filter.State != "" && !slices.Contains(deliveryStates, filter.State) {
		form.fault("state", refusal.OneOf(deliveryStates))
	}
	if filter.Event != "" && !filter.Event.Known() {
		form.fault("event", refusal.OneOf(caseupdate.Events()))
	}
	if view.Why = form.why(); view.Why != nil {
		return d.show(w, r, page{Template: "deliveries", Title: "Deliveries", Status: http.StatusUnprocessableEntity, Data: view})
	}
	if form.text("caseId") != "" {
		filter.CaseID, err = d.findCase(ctx, who, form.text("caseId"))
		if view.NoCase = isNotFound(err); err != nil && !view.NoCase {
			return err
		}
	}
	if filter.EventID != "" {
		if view.Event, err = d.eventOf(ctx, who, filter.EventID); err != nil {
			return err
		}
	}
	if !view.NoCase {
		if err := d.fillDeliveries(ctx, who, &view, filter, form); err != nil {
			return err
		}
	}
	return d.show(w, r, page{Template: "deliveries", Title: "Deliveries", Data: view})
}

// fillDeliveries adds the page of the list that the form asks for.
func (d *Dashboard) fillDeliveries(ctx context.Context, who service.Caller, view *deliveriesView, filter service.DeliveryFilter, form *form) error {
	deliveries, next, err := d.service.Deliveries(ctx, who, filter, service.Page{Cursor: form.text("cursor")})
	if err != nil {
		return err
	}
	if next != "" {
		view.Next = form.with("/deliveries", "cursor", next)
	}
	if to, ok := service.LookedBackTo(next); ok && filter.Event != "" && len(deliveries) < service.DefaultLimit {
		view.LookedTo = &to
	}
	if form.text("cursor") != "" {
		view.First = form.with("/deliveries", "cursor", "")
	}
	if view.Rows, err = d.rowsOf(ctx, who, deliveries); err != nil {
		return err
	}
	return d.tellAbsence(ctx, newNames(d.service, who), view, filter)
}

// rowsOf tells of deliveries to whom they go, and of which cases they are.
func (d *Dashboard) rowsOf(ctx context.Context, who service.Caller, deliveries []service.Delivery) ([]deliveryRow, error) {
	all, err := newNames(d.service, who).recipients(ctx, deliveries)
	if err != nil {
		return nil, err
	}
	shortIDs, err := d.service.ShortIDs(ctx, who, idsOf(all, func(s sent) string { return s.CaseID }))
	if err != nil {
		return nil, err
	}
	rows := make([]deliveryRow, len(all))
	for i, s := range all {
		rows[i] = deliveryRow{s, shortIDs[s.CaseID]}
	}
	return rows, nil
}

// rowOf returns the delivery that a request names, and tells nothing of its patient.
func (d *Dashboard) rowOf(r *http.Request) (deliveryRow, error) {
	delivery, _, err := d.service.Delivery(r.Context(), seeing(caller(r), false), r.PathValue("deliveryId"))
	if err != nil {
		return deliveryRow{}, err
	}
	rows, err := d.rowsOf(r.Context(), caller(r), []service.Delivery{delivery})
	if err != nil {
		return deliveryRow{}, err
	}
	return rows[0], nil
}

// what tells which message it is.
func (d deliveryRow) what() string {
	if d.ShortID == "" {
		return "“" + told(d.EventType) + "” of a case that was erased"
	}
	return "“" + told(d.EventType) + "” of the case " + d.ShortID
}

// path is where the delivery is shown.
func (d deliveryRow) path() string { return "/deliveries/" + d.ID }

// aboveDelivery is what lies above the questions about a delivery.
func aboveDelivery(d deliveryRow) []crumb {
	return []crumb{{"Deliveries", "/deliveries"}, {told(d.EventType), d.path()}}
}

// eventOf returns an event by its id, nil where there is none.
func (d *Dashboard) eventOf(ctx context.Context, who service.Caller, id string) (*eventView, error) {
	event, err := d.service.FindEvent(ctx, who, id)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	shortIDs, err := d.service.ShortIDs(ctx, who, []string{event.CaseID})
	return &eventView{id, event.Type, event.CaseID, shortIDs[event.CaseID], event.Sequence, event.IsRestricted}, err
}

// deliveryView is one delivery.
type deliveryView struct {
	deliveryRow
	Outlook  outlook
	Refresh  int           // in how many seconds there may be something new; 0: nothing is expected
	Attempts []attemptView // the last one first
	More     int           // attempts before those, which are not shown
	Revealed bool
	Message  *messageView // what was sent; nil where it is hidden, or cannot be told
	Untold   string       // why it cannot be told; "" where it can
	Blanked  bool         // the endpoint is not cleared for PHI
	CanSend  bool         // it can be sent, again or at its turn
	CanRetry bool         // it waits for its next attempt, which can be made now
	Resume   bool         // it waits for an endpoint that can be resumed
	Refused  string       // why what was asked for is not done, or ""
}

// Asked is what the message is called that the page tells of.
func (v deliveryView) Asked() string {
	switch {
	case v.Made() > 0:
		return "was"
	case v.FinishedAt == nil:
		return "is to be"
	}
	return "would have been"
}

// attemptView is one attempt of a delivery.
type attemptView struct {
	Number    int
	StartedAt time.Time
	Took      string
	State     string // for its badge
	Status    string // what was answered, or why nothing was
	Answer    private
}

func (d *Dashboard) showDelivery(w http.ResponseWriter, r *http.Request) error {
	return d.showDeliveryAs(w, r, newVeil(caller(r), r.Method == http.MethodPost), nil)
}

// showRefusal shows a delivery with why something is refused that was asked for. Any other
// error is returned.
func (d *Dashboard) showRefusal(w http.ResponseWriter, r *http.Request, err error) error {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok {
		return err
	}
	return d.showDeliveryAs(w, r, newVeil(caller(r), false), refused)
}

// showDeliveryAs shows a delivery, with why something is refused where it is.
func (d *Dashboard) showDeliveryAs(w http.ResponseWriter, r *http.Request, veil veil, why *refusal.Error) error {
	ctx, who := r.Context(), caller(r)
	delivery, attempts, err := d.service.Delivery(ctx, seeing(who, veil.lifted), r.PathValue("deliveryId"))
	if err != nil {
		return err
	}
	rows, err := d.rowsOf(ctx, who, []service.Delivery{delivery})
	if err != nil {
		return err
	}
	var by string
	if delivery.State == store.Canceled && !delivery.Withheld {
		if by, err = newNames(d.service, who).doneBy(ctx, "cancelDelivery", *delivery.FinishedAt, "deliveryId", delivery.ID); err != nil {
			return err
		}
	}
	view := deliveryView{deliveryRow: rows[0], Outlook: outlookOf(rows[0], by), Revealed: veil.lifted, More: delivery.Tries - len(attempts)}
	if !veil.lifted {
		view.Refresh = view.Outlook.refresh()
	}
	for _, a := range slices.Backward(attempts) {
		view.Attempts = append(view.Attempts, tellAttempt(a, veil))
	}
	view.allow(rows[0].prospect)
	if view.CanSend && veil.lifted {
		view.Message, err = d.messageOf(ctx, who, delivery)
		if refused, ok := errors.AsType[*refusal.Error](err); ok && refused.Kind == refusal.Conflict {
			view.Untold, err = sentence(refused.Detail), nil
		}
		if err != nil {
			return err
		}
	}
	status := http.StatusOK
	if why != nil {
		view.Refused, status = sentence(why.Detail), doorway.StatusOf(why.Kind)
	}
	return d.show(w, r, page{Template: "delivery", Title: told(delivery.EventType), Status: status, Crumbs: []crumb{{"Deliveries", "/deliveries"}}, Data: view})
}

// allow says whether the delivery can be sent again, and if not, why nothing can be told of what
// was sent.
func (v *deliveryView) allow(p service.Prospect) {
	switch {
	case v.ShortID == "":
		v.Untold = "Its case was erased: nothing tells any more what was sent."
	case p.Endpoint == nil:
		v.Untold = "Its endpoint was deleted, and with it how it was told of events."
	case p.Uncleared:
		v.Untold = "The message is withheld: " + uncleared + "."
	default:
		v.CanSend, v.Blanked = true, !p.Endpoint.Clearance.PHI
	}
	if v.FinishedAt == nil && v.Delivery.State != store.Sending {
		waits := obstacleOf(v.Delivery, p)
		v.CanRetry, v.Resume = v.CanSend && waits == nextAttempt, waits.isResumed()
	}
}

func tellAttempt(a service.Attempt, v veil) attemptView {
	shown := attemptView{
		Number:    a.Number,
		StartedAt: a.StartedAt,
		Took:      took(a.Duration),
		State:     string(store.Failed),
		Status:    a.Error,
		Answer:    private{Hidden: true},
	}
	if a.Error == delivery.Withheld { // it was not made
		return attemptView{Number: a.Number, StartedAt: a.StartedAt, State: "withheld", Status: sentence(uncleared)}
	}
	if a.StatusCode != 0 {
		shown.Status = answered(a.StatusCode)
	}
	if a.StatusCode/100 == 2 {
		shown.State = string(store.Delivered)
	}
	if v.lifted && v.clearance == service.FullClearance { // it may repeat whatever was sent
		shown.Answer = private{Text: strings.ToValidUTF8(string(a.Answer), "\uFFFD")}
	}
	return shown
}

func (d *Dashboard) askToRetryDelivery(w http.ResponseWriter, r *http.Request) error {
	row, err := d.rowOf(r)
	if err != nil {
		return err
	}
	view := deliveryView{deliveryRow: row}
	view.allow(row.prospect)
	switch {
	case !view.CanSend:
		return d.showRefusal(w, r, refusal.Of(refusal.Conflict, view.Untold))
	case row.FinishedAt == nil && !view.CanRetry:
		return d.showRefusal(w, r, refusal.Of(refusal.Conflict, "It is not finished: it is sent at its turn."))
	}
	return d.ask(w, r, question{
		Title:   "Send it again",
		Text:    row.what() + " is sent to " + row.Endpoint.String() + " once more, under the same webhook-id and casehook-sequence. A receiver that has it already should answer 2xx and do nothing." + sentWhen(row.Delivery, row.prospect),
		Button:  "Send again",
		Class:   "primary",
		Dismiss: "Do not send it",
		Back:    row.path(),
	}, aboveDelivery(row)...)
}

func (d *Dashboard) retryDelivery(w http.ResponseWriter, r *http.Request) error {
	sent, err := d.service.RetryDelivery(r.Context(), caller(r), r.PathValue("deliveryId"), nil)
	if err != nil {
		return d.showRefusal(w, r, err)
	}
	return d.goTo(w, r, "/deliveries/"+sent.ID, "You had it sent again at "+timeOfDay(time.Now())+".")
}

func (d *Dashboard) askToCancelDelivery(w http.ResponseWriter, r *http.Request) error {
	row, err := d.rowOf(r)
	if err != nil {
		return err
	}
	if row.FinishedAt != nil {
		return d.showRefusal(w, r, refusal.Of(refusal.Conflict, "The delivery is finished already."))
	}
	return d.ask(w, r, question{
		Title:   "Cancel this delivery",
		Text:    row.what() + " is not sent to " + row.Endpoint.String() + " any more, which will see a hole in casehook-sequence. What waits behind it goes on.",
		Button:  "Cancel delivery",
		Class:   "danger",
		Dismiss: "Keep it",
		Back:    row.path(),
	}, aboveDelivery(row)...)
}

func (d *Dashboard) cancelDelivery(w http.ResponseWriter, r *http.Request) error {
	canceled, err := d.service.CancelDelivery(r.Context(), caller(r), r.PathValue("deliveryId"), nil)
	if err != nil {
		return d.showRefusal(w, r, err)
	}
	return d.goTo(w, r, "/deliveries/"+canceled.ID, "You gave it up at "+timeOfDay(time.Now())+": its lane goes on.")
}
