package dashboard

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// auditView is the list of who called what.
type auditView struct {
	Rows       []auditRow
	Next       string // the page that follows; "" for none
	First      string // the page that it all begins with; "" where it is this one
	Filtered   bool
	Filter     map[string]string
	Keys       []choice
	Operations []choice
	NoCase     bool           // the filter names a case that there is not
	Why        *refusal.Error // the filter is refused; nil: it is not
}

// choice is one of what can be chosen.
type choice struct{ Value, Name string }

// auditRow is an entry of the audit.
type auditRow struct {
	At        time.Time
	Who, Role string // the key, in words
	Actor     string // in whose name; "" where nobody was named
	Deed      string
	About     []subject
	Shown     []subject // the cases whose patients were shown beside, that which is looked for first
	Word, Why string    // how it was answered
	Status    int
	From      string
	Operation string
	Method    string
	RequestID string
	Digest    string
	KeyID     string
	ActorID   string
}

// subject is one of what a call was about.
type subject struct {
	Noun, Name string
	ID         string
	Path       string // where it is shown; "" for nowhere
}

// auditFilters are the fields by which the audit is filtered.
var auditFilters = []string{"keyId", "caseId", "operation", "since", "until"}

func (d *Dashboard) listAudit(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	if err := form.only(auditFilters); err != nil {
		return err
	}
	ctx, who := r.Context(), caller(r)
	filter := service.AuditFilter{KeyID: form.text("keyId"), Operation: form.text("operation")}
	filter.Since, filter.Until = form.span()
	if _, known := service.RoleFor(filter.Operation); !known && filter.Operation != "" {
		form.fault("operation", "must be one of those in the list")
	}
	view := auditView{Filter: map[string]string{}, Operations: operationChoices(), Why: form.why()}
	for _, name := range auditFilters {
		view.Filter[name] = form.text(name)
		view.Filtered = view.Filtered || form.text(name) != ""
	}
	names := newNames(d.service, who)
	if view.Keys, err = names.keyChoices(ctx, filter.KeyID); err != nil {
		return err
	}
	if view.Why != nil {
		return d.show(w, r, page{Template: "audit", Title: "Audit", Status: http.StatusUnprocessableEntity, Data: view})
	}
	filter.CaseID, err = d.caseOf(ctx, who, strings.TrimSpace(form.text("caseId")))
	if view.NoCase = isNotFound(err); err != nil && !view.NoCase {
		return err
	}
	if !view.NoCase {
		if err := names.fillAudit(ctx, &view, filter, form); err != nil {
			return err
		}
	}
	return d.show(w, r, page{Template: "audit", Title: "Audit", Data: view})
}

// fillAudit adds the page of the list that the form asks for.
func (n *names) fillAudit(ctx context.Context, view *auditView, filter service.AuditFilter, form *form) error {
	entries, next, err := n.service.Audit(ctx, n.who, filter, service.Page{Cursor: form.text("cursor")})
	if err != nil {
		return err
	}
	if next != "" {
		view.Next = form.with("/audit", "cursor", next)
	}
	if form.text("cursor") != "" {
		view.First = form.with("/audit", "cursor", "")
	}
	view.Rows, err = n.tell(ctx, entries, filter.CaseID)
	return err
}

// caseOf returns the id of a case that is named by it or by a short id, "" for "". One that
// was erased is known by its id still.
func (d *Dashboard) caseOf(ctx context.Context, who service.Caller, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if id, err := uuid.Parse(name); err == nil {
		return id.String(), nil
	}
	return d.findCase(ctx, who, name)
}

func operationChoices() []choice {
	var choices []choice
	for _, operation := range service.Operations() {
		if role, _ := service.RoleFor(operation); role != service.Operator {
			choices = append(choices, choice{operation, deed(operation)})
		}
	}
	slices.SortFunc(choices, func(a, b choice) int { return strings.Compare(a.Name, b.Name) })
	return choices
}

// maxShownCases is how many cases a row names whose patients were shown, before it is unfolded.
const maxShownCases = 3

// Beginning is as many of the cases whose patients were shown as a row names at once.
func (r auditRow) Beginning() []subject { return r.Shown[:min(len(r.Shown), maxShownCases)] }

// More is how many others there are.
func (r auditRow) More() int { return len(r.Shown) - len(r.Beginning()) }

// tell returns entries in words. The case that is looked for, where it is not "", is named first.
func (n *names) tell(ctx context.Context, entries []service.AuditEntry, caseID string) (rows []auditRow, err error) {
	cases := idsOf(entries, func(e service.AuditEntry) string { return e.CaseID })
	for _, e := range entries {
		cases = append(cases, e.Details.Shown...)
	}
	endpoints := idsOf(entries, func(e service.AuditEntry) string { return e.Details.Resources["endpointId"] })
	if _, err = n.endpointsBy(ctx, endpoints...); err != nil {
		return nil, err
	}
	slices.Sort(cases)
	if n.cases, err = n.service.ShortIDs(ctx, n.who, slices.Compact(cases)); err != nil {
		return nil, err
	}
	for _, e := range entries {
		row := auditRow{
			At: e.At, Role: e.Role, Deed: deed(e.Operation), Status: e.Status, From: e.Details.From,
			Operation: e.Operation, Method: e.Method, RequestID: e.RequestID, Digest: hex.EncodeToString(e.Digest[:]), KeyID: e.KeyID, ActorID: e.ActorID,
		}
		row.Word, row.Why = verdict(e)
		if row.Who, err = n.key(ctx, e.KeyID); err != nil {
			return nil, err
		}
		if e.ActorID != "" {
			if row.Actor, err = n.user(ctx, e.ActorID); err != nil {
				return nil, err
			}
		}
		if row.About, err = n.about(ctx, e); err != nil {
			return nil, err
		}
		for _, id := range e.Details.Shown {
			if id == caseID {
				row.Shown = slices.Insert(row.Shown, 0, n.subjectOf(id))
			} else {
				row.Shown = append(row.Shown, n.subjectOf(id))
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// lastDone returns with whose key what a filter looks for was last done to a resource, and when;
// "" where the audit does not tell.
func (n *names) lastDone(ctx context.Context, filter service.AuditFilter, resource, id string) (by string, at time.Time, err error) {
	entries, _, err := n.service.Audit(ctx, n.who, filter, service.Page{Limit: service.MaxLimit})
	if err != nil {
		return "", time.Time{}, err
	}
	for _, e := range entries {
		if e.Details.Resources[resource] == id && e.Status < http.StatusBadRequest {
			by, err = n.key(ctx, e.KeyID)
			return by, e.At, err
		}
	}
	return "", time.Time{}, nil
}

// maxCall is how long before it was done a call may have begun that did something.
const maxCall = time.Minute

// doneBy returns in words whose key had something done to a resource at a moment; "" where the
// audit does not tell, or whoever looks may not read that.
func (n *names) doneBy(ctx context.Context, operation string, at time.Time, resource, id string) (string, error) {
	if !n.who.Role.Includes(service.Admin) {
		return "", nil
	}
	since, until := at.Add(-maxCall), at.Add(time.Millisecond)
	name, _, err := n.lastDone(ctx, service.AuditFilter{Operation: operation, Since: &since, Until: &until}, resource, id)
	if name == "" {
		return "", err
	}
	return "the key “" + name + "”", err
}

// subjectOf names a case; one that was erased has its id only.
func (n *names) subjectOf(id string) subject {
	if name := n.cases[id]; name != "" {
		return subject{Noun: "case", ID: id, Name: name, Path: "/cases/" + url.PathEscape(id)}
	}
	return subject{Noun: "case", ID: id}
}

// about names what a call was about.
func (n *names) about(ctx context.Context, e service.AuditEntry) (all []subject, err error) {
	for _, known := range resources {
		id := e.Details.Resources[known.name]
		if known.name == "caseId" && e.CaseID != "" {
			id = e.CaseID // that was made, or is in the path
		}
		if id == "" {
			continue
		}
		a := subject{Noun: known.noun, ID: id}
		switch known.name {
		case "caseId":
			a = n.subjectOf(id)
		case "keyId":
			a.Name, err = n.key(ctx, id)
		case "userId":
			a.Name, err = n.user(ctx, id)
		case "endpointId":
			a.Name, a.Path = n.endpoints[id].String(), n.endpoints[id].Path
		case "deliveryId":
			a.Name, a.Path = known.noun, "/deliveries/"+url.PathEscape(id)
		}
		if err != nil {
			return nil, err
		}
		if a.Name == id {
			a.Name = ""
		}
		all = append(all, a)
	}
	return all, nil
}
