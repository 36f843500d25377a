package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// signInView is what the page to sign in shows.
type signInView struct {
	Next string // where it goes on
	Why  string // what is wrong, or ""
}

// signInPath returns where to sign in to come back to what was asked for, or to the page that
// asked for a part.
func signInPath(r *http.Request) string {
	next, known := r.URL, r.Method == http.MethodGet
	if page, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && isPartial(r) {
		next, known = page, true
	}
	if !known || next.RequestURI() == "/" {
		return "/login"
	}
	return "/login?" + url.Values{"next": {next.RequestURI()}}.Encode()
}

// within returns the path where it leads to a page of the dashboard, else "/".
func within(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") {
		return "/"
	}
	return path
}

func (d *Dashboard) showSignIn(w http.ResponseWriter, r *http.Request) error {
	return d.askToSignIn(w, http.StatusOK, signInView{Next: within(r.FormValue("next"))})
}

func (d *Dashboard) askToSignIn(w http.ResponseWriter, status int, v signInView) error {
	return d.write(w, "signin", "frame", status, page{Title: "Sign in", Data: v})
}

func (d *Dashboard) signIn(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	next := within(form.text("next"))
	address := doorway.AddressOf(r)
	if d.failures.tooMany(address) {
		return d.askToSignIn(w, http.StatusTooManyRequests, signInView{next, "Too many keys were tried from your address. Wait a minute, then try again."})
	}
	who, err := d.service.Authenticate(r.Context(), strings.TrimSpace(form.text("key")), "")
	if who.KeyID != "" {
		if broken := d.service.Attribute(r.Context(), doorway.ExchangeOf(r.Context()).Entry, who); broken != nil {
			return broken
		}
	}
	if err == nil && who.Role == service.Operator {
		err = refusal.Of(refusal.Forbidden, "The operator's key makes and lists organizations, and sees nothing inside of them. Sign in with a key of an organization.")
	}
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		d.failures.add(address)
		return d.askToSignIn(w, doorway.StatusOf(refused.Kind), signInView{next, sentence(refused.Detail)})
	}
	if err != nil {
		return err
	}
	if r, err = d.resume(r); err != nil {
		return err
	}
	if err := d.begin(w, r, who); err != nil {
		return err
	}
	return d.goTo(w, r, next, "")
}

func (d *Dashboard) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := d.end(w, r); err != nil {
		return err
	}
	return d.goTo(w, r, "/login", "")
}
