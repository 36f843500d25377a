package dashboard

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// secretRow is what signs, without what it signs with.
type secretRow struct {
	Algorithm service.Algorithm
	PublicKey string // of ed25519
	CreatedAt time.Time
	ExpiresAt *time.Time // nil for the newest of its algorithm
}

func secretsOf(e *subscription.Endpoint) []secretRow {
	var rows []secretRow
	for _, s := range e.Secrets {
		if !s.Live(time.Now()) {
			continue
		}
		row := secretRow{service.Symmetric, s.PublicKey, s.CreatedAt, s.ExpiresAt}
		if !s.Symmetric() {
			row.Algorithm = service.Ed25519
		}
		rows = append(rows, row)
	}
	return rows
}

// secretView is a secret that was made just now, which is shown this once.
type secretView struct {
	ID, URL   string // of its endpoint
	IsFirst   bool   // the endpoint was made with it
	Secret    string // "" of an ed25519 key: its private half is nobody's
	PublicKey string
	OldUntil  *time.Time // when those before it end; nil where there are none
}

func (d *Dashboard) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	hours, algorithm := form.number("overlapHours", 0, int(service.MaxOverlap.Hours())), service.Algorithm(form.text("algorithm"))
	if err := form.err(); err != nil {
		return err
	}
	id := r.PathValue("endpointId")
	e, err := d.service.RotateSecret(r.Context(), caller(r), id, algorithm, time.Duration(hours)*time.Hour, form.once(r, idOf))
	if _, ok := errors.AsType[*service.Repeated](err); ok {
		return d.goTo(w, r, endpointPath(id), "The secret was rotated already, and shown then. If nobody has kept it, rotate it again.")
	}
	if err != nil {
		return err
	}
	return d.showSecret(w, r, e, false)
}

// showSecret shows the newest secret of an endpoint, this once.
func (d *Dashboard) showSecret(w http.ResponseWriter, r *http.Request, e *subscription.Endpoint, isFirst bool) error {
	name, err := newNames(d.service, caller(r)).endpoint(r.Context(), e.ID)
	if err != nil {
		return err
	}
	newest, status := e.Secrets[0], http.StatusOK
	if isFirst {
		status = http.StatusCreated
	}
	view := secretView{ID: e.ID, URL: caller(r).URLOf(e), IsFirst: isFirst, PublicKey: newest.PublicKey}
	if newest.Symmetric() {
		view.Secret = newest.Value
	}
	for _, old := range e.Secrets[1:] {
		if old.Symmetric() == newest.Symmetric() && old.ExpiresAt != nil {
			view.OldUntil = old.ExpiresAt
			break
		}
	}
	return d.show(w, r, page{Template: "endpoint_secret", Title: "Secret", Crumbs: aboveEndpoint(name), Status: status, Data: view})
}

// askToReplaceSecret asks about a rotation without an overlap, of the kind that the query names.
func (d *Dashboard) askToReplaceSecret(w http.ResponseWriter, r *http.Request) error {
	e, err := d.service.Endpoint(r.Context(), caller(r), r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	algorithm := service.Algorithm(r.URL.Query().Get("algorithm"))
	if !slices.ContainsFunc(secretsOf(e), func(s secretRow) bool { return s.Algorithm == algorithm }) {
		return refusal.Of(refusal.NotFound, "The endpoint has no secret of that kind.")
	}
	name, err := newNames(d.service, caller(r)).endpoint(r.Context(), e.ID)
	if err != nil {
		return err
	}
	return d.ask(w, r, question{
		Title: "Replace the secret of",
		About: name.String(),
		Text: "A new one (" + string(algorithm) + ") is made and shown once, and those before it sign nothing from now on. " +
			"A receiver that verifies by one of those refuses every message until it has the new one. This cannot be undone.",
		Button:  "Replace at once",
		Class:   "danger",
		Dismiss: "Keep it",
		Back:    endpointPath(e.ID),
		Sends:   map[string]string{"once": newOnce(), "algorithm": string(algorithm), "overlapHours": "0"},
	}, aboveEndpoint(name)...)
}

func (d *Dashboard) askToEndOverlap(w http.ResponseWriter, r *http.Request) error {
	e, err := d.service.Endpoint(r.Context(), caller(r), r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	old := 0
	for _, secret := range secretsOf(e) {
		if secret.ExpiresAt != nil {
			old++
		}
	}
	if old == 0 {
		return refusal.Of(refusal.Conflict, "The endpoint has no old secret.")
	}
	name, err := newNames(d.service, caller(r)).endpoint(r.Context(), e.ID)
	if err != nil {
		return err
	}
	return d.ask(w, r, question{
		Title: "End the old secrets of",
		About: name.String(),
		Text: counted(int64(old), "old secret") + " " + plural(old, "signs", "sign") + " nothing from now on. A receiver that still verifies by " +
			plural(old, "it", "one of them") + " refuses every message until it has the newest. This cannot be undone.",
		Button:  "End the old secrets",
		Class:   "danger",
		Dismiss: "Keep them",
		Back:    endpointPath(e.ID),
	}, aboveEndpoint(name)...)
}

func (d *Dashboard) endOverlap(w http.ResponseWriter, r *http.Request) error {
	e, err := d.service.EndOverlap(r.Context(), caller(r), r.PathValue("endpointId"), nil)
	if err != nil {
		return err
	}
	return d.goTo(w, r, endpointPath(e.ID), "The old secrets sign nothing any more.")
}

// idOf is what is kept of an endpoint that was made or changed once.
func idOf(endpoint any) string { return endpoint.(*subscription.Endpoint).ID }
