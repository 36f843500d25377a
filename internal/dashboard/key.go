package dashboard

import (
	"errors"
	"net/http"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// keysView is the list of API keys, with the form for another one.
type keysView struct {
	Rows  []keyRow
	Next  string // the page that follows; "" for none
	First string // the page that it all begins with; "" where it is this one
	Own   string // the id of the key of who looks
	Made  *service.NewKey
	Form  keyForm
	Why   *refusal.Error // the form was refused; nil: it was not
}

// Fields are those of the form.
func (keysView) Fields() []field {
	return []field{{"name", "Name"}, {"role", "Role"}, {"clearance", "Cleared for"}, {"expiresAt", "Expires"}}
}

// keyRow is an API key in the list.
type keyRow struct {
	service.Key
	End   string // of its id: names may be alike
	State string
	Told  string // of what its holder is told
	IsOwn bool
}

// keyForm is what was filled in of a new key.
type keyForm struct {
	Once            string // makes the same form one key, however often it is sent
	Name, ExpiresAt string
	Role            service.Role
	PHI, Restricted bool
}

func (d *Dashboard) listKeys(w http.ResponseWriter, r *http.Request) error {
	return d.showKeys(w, r, http.StatusOK, keysView{Form: keyForm{Once: newOnce(), Role: service.Reader}})
}

// showKeys adds the keys to a view, and shows it.
func (d *Dashboard) showKeys(w http.ResponseWriter, r *http.Request, status int, view keysView) error {
	who := caller(r)
	keys, next, err := d.service.Keys(r.Context(), who, service.Page{Cursor: cursorOf(r)})
	if err != nil {
		return err
	}
	view.Own = who.KeyID
	view.First, view.Next = pagesOf(r, "/keys", next)
	for _, key := range keys {
		view.Rows = append(view.Rows, keyRow{key, endOf(key.ID), stateOf(key), toldWhat(key.Clearance), key.ID == who.KeyID})
	}
	return d.show(w, r, page{Template: "keys", Title: "Keys", Status: status, Data: view})
}

// stateOf says whether a key opens anything.
func stateOf(key service.Key) string {
	switch {
	case key.RevokedAt != nil:
		return "revoked"
	case key.ExpiresAt != nil && !time.Now().Before(*key.ExpiresAt):
		return "expired"
	}
	return "active"
}

// toldWhat says what a clearance is for.
func toldWhat(c subscription.Clearance) string {
	switch c {
	case service.FullClearance:
		return "Everything"
	case subscription.Clearance{PHI: true}:
		return "PHI, nothing restricted"
	case subscription.Clearance{Restricted: true}:
		return "What is restricted, no PHI"
	}
	return "No PHI, nothing restricted"
}

func (d *Dashboard) createKey(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	filled := keyForm{
		Once: form.text("once"), Name: form.text("name"), ExpiresAt: form.text("expiresAt"), Role: service.Role(form.text("role")),
		PHI: form.text("phi") != "", Restricted: form.text("restricted") != "",
	}
	made, err := d.makeKey(r, form, filled)
	if refused, ok := errors.AsType[*refusal.Error](err); ok && refused.Kind == refusal.Invalid {
		filled.Once = newOnce()
		return d.showKeys(w, r, http.StatusUnprocessableEntity, keysView{Form: filled, Why: refused})
	}
	if _, ok := errors.AsType[*service.Repeated](err); ok {
		return d.goTo(w, r, "/keys", "This key was made already. It was shown then, and is not shown again.")
	}
	if err != nil {
		return err
	}
	return d.showKeys(w, r, http.StatusOK, keysView{Made: &made, Form: keyForm{Once: newOnce(), Role: service.Reader}})
}

// makeKey makes the key that was filled in. An admin is cleared for everything, whatever was
// chosen.
func (d *Dashboard) makeKey(r *http.Request, form *form, filled keyForm) (service.NewKey, error) {
	draft := service.Key{Name: filled.Name, Role: filled.Role, ExpiresAt: form.time("expiresAt")}
	draft.Clearance = subscription.Clearance{PHI: filled.PHI, Restricted: filled.Restricted}
	if draft.Role == service.Admin {
		draft.Clearance = service.FullClearance
	}
	if err := form.err(); err != nil {
		return service.NewKey{}, err
	}
	kept := func(any) string { return "made" } // the key itself is kept nowhere
	return d.service.CreateKey(r.Context(), caller(r), draft, form.once(r, kept))
}

func (d *Dashboard) askToRevokeKey(w http.ResponseWriter, r *http.Request) error {
	key, err := d.service.Key(r.Context(), caller(r), r.PathValue("keyId"))
	if err != nil {
		return err
	}
	if key.RevokedAt != nil {
		return refusal.Of(refusal.Conflict, "The key is revoked already.")
	}
	text := "Its id ends in " + endOf(key.ID) + ". Whatever uses it is refused from now on, and whoever signed in with it is signed out. This cannot be undone."
	if key.ID == caller(r).KeyID {
		text += " It is your own: you are signed out."
	}
	return d.ask(w, r, question{
		Title:   "Revoke the key",
		About:   key.Name,
		Text:    text,
		Button:  "Revoke",
		Class:   "danger",
		Dismiss: "Keep it",
		Back:    "/keys",
	}, crumb{"Keys", "/keys"})
}

func (d *Dashboard) revokeKey(w http.ResponseWriter, r *http.Request) error {
	if err := d.service.RevokeKey(r.Context(), caller(r), r.PathValue("keyId")); err != nil {
		return err
	}
	return d.goTo(w, r, "/keys", "The key is revoked. It opens nothing any more.")
}
