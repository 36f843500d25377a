package dashboard

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// usersView is the list of registered users.
type usersView struct {
	Rows  []userRow
	Next  string // the page that follows; "" for none
	First string // the page that it all begins with; "" where it is this one
}

// userRow is a user in the list.
type userRow struct {
	ID, Name, Email, Role string
	UpdatedAt             time.Time
	Edit                  string // where they are edited
}

func (d *Dashboard) listUsers(w http.ResponseWriter, r *http.Request) error {
	users, next, err := d.service.Users(r.Context(), caller(r), service.Page{Cursor: cursorOf(r)})
	if err != nil {
		return err
	}
	var view usersView
	view.First, view.Next = pagesOf(r, "/users", next)
	for _, user := range users {
		view.Rows = append(view.Rows, userRow{
			user.ID, fullName(caseupdate.Name{FirstName: user.FirstName, LastName: user.LastName}), textOf(user.Email), textOf(user.Role), user.UpdatedAt, userPath(user.ID),
		})
	}
	return d.show(w, r, page{Template: "users", Title: "Users", Data: view})
}

// userPath returns where a user is edited. An id may be anything, also what means something
// in a path.
func userPath(id string) string { return "/users/edit?" + url.Values{"id": {id}}.Encode() }

// userView is the form in which a user is registered or edited.
type userView struct {
	IsNew               bool
	ID                  string
	FirstName, LastName string
	Email, Role         string
	UpdatedAt           time.Time
	Why                 *refusal.Error // the form was refused; nil: it was not
}

// Path is where the form is, and where it is sent.
func (v userView) Path() string {
	if v.IsNew {
		return "/users/new"
	}
	return userPath(v.ID)
}

// Fields are those of the form.
func (userView) Fields() []field {
	return []field{{"id", "Id"}, {"firstName", "First name"}, {"lastName", "Last name"}, {"email", "E-mail"}, {"role", "Role"}}
}

func (d *Dashboard) draftUser(w http.ResponseWriter, r *http.Request) error {
	return d.showUser(w, r, http.StatusOK, userView{IsNew: true})
}

func (d *Dashboard) editUser(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	user, err := d.service.User(r.Context(), caller(r), form.text("id"))
	if err != nil {
		return err
	}
	return d.showUser(w, r, http.StatusOK, userView{
		ID: user.ID, FirstName: user.FirstName, LastName: user.LastName, Email: textOf(user.Email), Role: textOf(user.Role), UpdatedAt: user.UpdatedAt,
	})
}

func (d *Dashboard) showUser(w http.ResponseWriter, r *http.Request, status int, view userView) error {
	title := "Register a user"
	if !view.IsNew {
		title = view.ID
	}
	return d.show(w, r, page{Template: "user", Title: title, Crumbs: []crumb{{"Users", "/users"}}, Status: status, Data: view})
}

func (d *Dashboard) createUser(w http.ResponseWriter, r *http.Request) error {
	return d.putUser(w, r, true)
}

func (d *Dashboard) updateUser(w http.ResponseWriter, r *http.Request) error {
	return d.putUser(w, r, false)
}

// putUser registers who is not known yet, and changes who is edited.
func (d *Dashboard) putUser(w http.ResponseWriter, r *http.Request, isNew bool) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	filled := userView{
		IsNew: isNew, ID: form.text("id"),
		FirstName: form.text("firstName"), LastName: form.text("lastName"), Email: form.text("email"), Role: form.text("role"),
	}
	if err := d.about(r, "userId", filled.ID); err != nil {
		return err
	}
	err = d.keepUser(r, filled)
	if refused, ok := errors.AsType[*refusal.Error](err); ok && (refused.Kind == refusal.Invalid || refused.Kind == refusal.Conflict) {
		filled.Why = refused
		return d.showUser(w, r, doorway.StatusOf(refused.Kind), filled)
	}
	if err != nil {
		return err
	}
	return d.goTo(w, r, "/users", "The user is kept. What cases and events say of them already stays as it is.")
}

func (d *Dashboard) keepUser(r *http.Request, filled userView) error {
	ctx, who := r.Context(), caller(r)
	if filled.IsNew {
		_, err := d.service.User(ctx, who, filled.ID)
		if err == nil {
			return refusal.Of(refusal.Conflict, "Somebody is registered under this id already. Choose another one, or edit them in the list.")
		}
		if refused, ok := errors.AsType[*refusal.Error](err); !ok || refused.Kind != refusal.NotFound {
			return err
		}
	}
	user := service.User{User: caseupdate.User{ID: filled.ID, FirstName: filled.FirstName, LastName: filled.LastName, Email: &filled.Email}}
	if filled.Role != "" {
		user.Role = &filled.Role
	}
	_, err := d.service.PutUser(ctx, who, user)
	return err
}

// about puts into the record of a call what it is about, where a form tells and not the path.
func (d *Dashboard) about(r *http.Request, resource, id string) error {
	x := doorway.ExchangeOf(r.Context())
	x.About(resource, id)
	return d.service.Attribute(r.Context(), x.Entry, x.Caller)
}

// textOf returns a text that may be absent.
func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
