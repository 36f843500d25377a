package dashboard

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// maxForm is how large a form may be, in bytes.
const maxForm = 256 << 10

// caller returns who asks. The zero Caller reaches nothing.
func caller(r *http.Request) service.Caller { return doorway.ExchangeOf(r.Context()).Caller }

var wildcard = regexp.MustCompile(`\{(\w+)\}`)

// handle has a route's handler answer those whose role reaches far enough. The call is
// recorded in the name of its operation.
func (d *Dashboard) handle(route route) http.HandlerFunc {
	needed, known := service.RoleFor(route.operation)
	if !known {
		panic("dashboard: no role is known for " + route.operation)
	}
	if route.status == 0 {
		route.status = http.StatusOK
		if strings.HasPrefix(route.pattern, http.MethodPost) {
			route.status = http.StatusSeeOther
		}
	}
	names := wildcard.FindAllStringSubmatch(route.pattern, -1)
	return func(w http.ResponseWriter, r *http.Request) {
		resources := make(map[string]string, len(names))
		text := true
		for _, name := range names {
			resources[name[1]] = r.PathValue(name[1])
			text = text && service.IsText(r.PathValue(name[1]))
		}
		doorway.ExchangeOf(r.Context()).Begin(r, route.operation, route.status, resources)
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		var err error
		if needed != service.Anybody {
			if r, err = d.admit(w, r, route, needed); r == nil {
				return // it was answered
			}
		}
		if err == nil && !text {
			err = refusal.Of(refusal.NotFound, "There is nothing here.")
		}
		if err == nil {
			err = d.unlessDeleted(w, r, route.handler(w, r))
		}
		if err != nil {
			d.refuse(w, r, err)
		}
	}
}

// admit finds out who asks, and refuses whose role does not reach far enough. Who is not
// signed in is led to where they can, and the request returned is nil.
func (d *Dashboard) admit(w http.ResponseWriter, r *http.Request, route route, needed service.Role) (*http.Request, error) {
	r, err := d.resume(r)
	if err != nil {
		return r, err
	}
	keyID := d.sessions.GetString(r.Context(), sessionKey)
	if keyID == "" {
		leadTo(w, r, d.signInPath(r))
		return nil, nil
	}
	if !route.refresh {
		if err := d.touch(w, r); err != nil {
			return r, err
		}
	}
	ctx, x := r.Context(), doorway.ExchangeOf(r.Context())
	who, err := d.service.Resume(ctx, keyID, d.sessions.Token(ctx), d.sessions.GetBytes(ctx, sessionMark))
	if who.KeyID != "" { // else there is nobody whose record it could be on
		if broken := d.service.Attribute(ctx, x.Entry, who); broken != nil {
			return r, broken
		}
	}
	if err != nil {
		return r, err
	}
	if err := reaches(who, needed); err != nil {
		return r, err
	}
	x.Caller = who
	if route.refresh && d.recorded.lately(x.Entry) {
		x.Entry = nil
	}
	r = r.WithContext(service.WithCall(ctx, x.Entry))
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		r = r.WithContext(service.WithAuditEntry(r.Context(), x.Entry))
	}
	return r, nil
}

// recognize finds out who asks, where somebody is signed in. It is no use of the session.
func (d *Dashboard) recognize(r *http.Request) (*http.Request, error) {
	r, err := d.resume(r)
	if err != nil {
		return r, err
	}
	ctx := r.Context()
	keyID := d.sessions.GetString(ctx, sessionKey)
	if keyID == "" {
		return r, nil
	}
	who, err := d.service.Resume(ctx, keyID, d.sessions.Token(ctx), d.sessions.GetBytes(ctx, sessionMark))
	if err != nil {
		return r, err
	}
	doorway.ExchangeOf(ctx).Caller = who
	return r, nil
}

// reaches refuses whose role does not include the one that is needed.
func reaches(who service.Caller, needed service.Role) error {
	if who.Role.Includes(needed) {
		return nil
	}
	return refusal.Of(refusal.Forbidden, "This needs a key of the role "+string(needed)+". Yours is "+string(who.Role)+".")
}

// isPartial reports whether htmx asks for the page without its frame.
func isPartial(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-History-Restore-Request") != "true"
}

// leadTo has the browser go to another page of the dashboard.
func leadTo(w http.ResponseWriter, r *http.Request, path string) {
	if isPartial(r) { // htmx would put the page into the one that is there
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// timeOfDay tells when something was done just now. What a page tells of that stays true however
// its parts change.
func timeOfDay(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// goTo ends a change: the browser goes to a page, which tells once what was done, where that
// is not "".
func (d *Dashboard) goTo(w http.ResponseWriter, r *http.Request, path, done string) error {
	if done != "" {
		d.sessions.Put(r.Context(), sessionFlash, done)
		if err := d.keep(w, r); err != nil {
			return err
		}
	}
	leadTo(w, r, path)
	return nil
}
