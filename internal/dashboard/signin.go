package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// signInView is what the page to sign in shows.
type signInView struct {
	Next  string // where it goes on
	Ended string // that a session has ended, and what is lost by it; "" where none has
	Why   string // what is wrong, or ""
}

// ends tell that a session has ended, by what the address of the page to sign in says of it.
var ends = map[string]string{
	"ended": "Your session has ended: sign in again.",
	"lost":  "Your session has ended: sign in again. " + lost,
}

// lost is what is said to whoever had filled in a form.
const lost = "What you had typed was not saved, and nothing was done."

// signInPath returns where to sign in to come back to the page that a request came from. Who
// signs out does not mean to.
func (d *Dashboard) signInPath(r *http.Request) string {
	if r.Pattern == signOutPattern {
		return "/login"
	}
	query := url.Values{}
	if page := d.pageOf(r); page != "/" {
		query.Set("next", page)
	}
	if _, err := r.Cookie(d.sessions.Cookie.Name); err == nil || isPartial(r) { // somebody was signed in
		query.Set("session", "ended")
	}
	if d.routeOf(r.Pattern).fills {
		query.Set("session", "lost")
	}
	return strings.TrimSuffix("/login?"+query.Encode(), "?")
}

// pageOf returns the page that a request came from: what was asked for, the page of which it is
// a part, or the one that leads there or has the form.
func (d *Dashboard) pageOf(r *http.Request) string {
	if page, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && isPartial(r) {
		return d.within(page.RequestURI())
	}
	page := *r.URL
	if route := d.routeOf(r.Pattern); route.page != "" {
		page.RawPath = wildcard.ReplaceAllStringFunc(route.page, func(name string) string { return url.PathEscape(r.PathValue(name[1 : len(name)-1])) })
		page.Path, _ = url.PathUnescape(page.RawPath) // it was escaped just now
	}
	return d.within(page.RequestURI())
}

// routeOf returns the route of a pattern, the zero route where there is none.
func (d *Dashboard) routeOf(pattern string) route {
	for _, route := range d.routes() {
		if route.pattern == pattern {
			return route
		}
	}
	return route{}
}

// within returns the path where it leads to a page of the dashboard, else "/".
func (d *Dashboard) within(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") {
		return "/"
	}
	_, pattern := d.mux.Handler(&http.Request{Method: http.MethodGet, URL: u})
	route := d.routeOf(pattern) // the zero route, of what pages load
	if !strings.HasPrefix(route.pattern, http.MethodGet+" ") || route.page != "" || pattern == signInPattern {
		return "/"
	}
	return path
}

func (d *Dashboard) showSignIn(w http.ResponseWriter, r *http.Request) error {
	return d.askToSignIn(w, http.StatusOK, signInView{Next: d.within(r.FormValue("next")), Ended: ends[r.FormValue("session")]})
}

func (d *Dashboard) askToSignIn(w http.ResponseWriter, status int, v signInView) error {
	return d.write(w, "signin", "frame", status, page{Title: "Sign in", Data: v})
}

func (d *Dashboard) signIn(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	form.values = r.PostForm // what is in an address, is in histories and logs
	next := d.within(form.text("next"))
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
		if d.failures.tooMany(doorway.AddressOf(r)) {
			return d.askToSignIn(w, http.StatusTooManyRequests, signInView{Next: next, Why: fmt.Sprintf("Too many keys were refused from your address. Wait %d seconds, then try again.", failureEvery/time.Second)})
		}
		return d.askToSignIn(w, doorway.StatusOf(refused.Kind), signInView{Next: next, Why: sentence(refused.Detail)})
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
