package dashboard

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/service"
)

//go:embed templates
var templates embed.FS

// page is what a handler shows, and what templates see.
type page struct {
	Template string  // its file in templates, without .html
	Title    string  // what it is called, in the tab too
	Crumbs   []crumb // what lies above it
	Status   int     // of the answer; 0: 200
	Data     any     // what the template is for

	// What follows is set by show; zero where nobody is signed in.
	Path         string // the page's own
	Nav          []navItem
	Organization string
	KeyName      string
	Role         service.Role
	Cleared      bool   // for PHI
	Flash        string // what was done just now
}

// crumb leads to a page above.
type crumb struct{ Name, Path string }

// navItem is a word of the navigation.
type navItem struct {
	Name, Path string
	Current    bool // the page is this one, or lies below it
}

// May reports whether who looks may do what an operation stands for.
func (p page) May(operation string) (bool, error) {
	role, known := service.RoleFor(operation)
	if !known {
		return false, fmt.Errorf("no role is known for %s", operation)
	}
	return p.Role.Includes(role), nil
}

// pages are the templates, by the names of their files.
type pages map[string]*template.Template

// shared are the templates that all pages are made with.
var shared = []string{"templates/layout.html", "templates/kit.html"}

func loadPages() *pages {
	base := template.Must(template.New("").Funcs(functions).ParseFS(templates, shared...))
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		panic("dashboard: " + err.Error()) // the pattern is right
	}
	loaded := make(pages)
	for _, name := range names {
		if slices.Contains(shared, name) {
			continue
		}
		own := template.Must(template.Must(base.Clone()).ParseFS(templates, name))
		loaded[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = own
	}
	return &loaded
}

// show answers by a page: within the frame of who is signed in, or without it where htmx
// asks.
func (d *Dashboard) show(w http.ResponseWriter, r *http.Request, p page) (err error) {
	who, route := caller(r), doorway.ExchangeOf(r.Context()).Route
	p.Path = r.URL.Path
	if who.KeyID != "" {
		org, err := d.service.Organization(r.Context(), who)
		if err != nil {
			return err
		}
		if route != "" && !isPartial(r) { // else a browser, or a page that is open, may have asked by itself
			if p.Flash, err = d.flash(w, r); err != nil {
				return err
			}
		}
		p.Organization, p.KeyName, p.Role = org.Name, who.Actor.FirstName, who.Role
		p.Cleared = who.Clearance.PHI
		p.Nav = d.navigation(who.Role, route)
	}
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	block := "frame"
	if isPartial(r) {
		block = "partial"
	}
	return d.write(w, p.Template, block, p.Status, p)
}

// write executes a block of a page's template, and answers by what comes of it: nothing where
// it fails.
func (d *Dashboard) write(w http.ResponseWriter, name, block string, status int, p page) error {
	var body bytes.Buffer
	t, ok := (*d.pages)[name]
	if !ok {
		return fmt.Errorf("there is no template %s", name)
	}
	if err := t.ExecuteTemplate(&body, block, p); err != nil {
		return fmt.Errorf("show the page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(undisguise(body.Bytes())) // fails only where the client has hung up, or another answer is given
	return nil
}

// navigation returns the words of the pages that a role may see.
func (d *Dashboard) navigation(role service.Role, route string) []navItem {
	var items []navItem
	for _, known := range d.routes() {
		needed, _ := service.RoleFor(known.operation)
		if known.nav == "" || !role.Includes(needed) {
			continue
		}
		_, path, _ := strings.Cut(known.pattern, " ")
		path = strings.TrimSuffix(path, "{$}")
		current := route == path || route == path+"{$}" || path != "/" && strings.HasPrefix(route, path+"/")
		items = append(items, navItem{known.nav, path, current})
	}
	return items
}
