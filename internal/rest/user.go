package rest

import (
	"context"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerUsers() {
	handle(d, call{
		id: "putUser", pattern: "PUT /v1/users/{id}", tag: tagUsers, summary: "Register a user, or change one",
		text: "What a case or an event says of the user already stays as it is.",
	}, d.putUser)
	handle(d, call{id: "listUsers", pattern: "GET /v1/users", tag: tagUsers, summary: "List users"}, d.listUsers)
}

// userData is the body of putUser.
type userData struct {
	FirstName string  `json:"firstName" maxLength:"200"`
	LastName  string  `json:"lastName" maxLength:"200"`
	Email     *string `json:"email" maxLength:"500" nullable:"false"`
	Role      *string `json:"role,omitempty" maxLength:"200" nullable:"true" doc:"In the caller's words."`
}

// registeredUser is a user as casehook knows them.
type registeredUser struct {
	ID        string          `json:"id"`
	FirstName string          `json:"firstName"`
	LastName  string          `json:"lastName"`
	Email     *string         `json:"email"`
	Role      *string         `json:"role"`
	UpdatedAt caseupdate.Time `json:"updatedAt"`
}

func shownUser(user service.User) registeredUser {
	return registeredUser{
		ID:        user.ID,
		FirstName: user.FirstName,
		LastName:  user.LastName,
		Email:     user.Email,
		Role:      user.Role,
		UpdatedAt: caseupdate.At(user.UpdatedAt),
	}
}

func (d *door) putUser(ctx context.Context, in *struct {
	UserID string `path:"id" doc:"As the caller knows the user."`
	Body   userData
}) (*found[registeredUser], error) {
	user, err := d.service.PutUser(ctx, caller(ctx), service.User{
		User: caseupdate.User{ID: in.UserID, FirstName: in.Body.FirstName, LastName: in.Body.LastName, Email: in.Body.Email},
		Role: in.Body.Role,
	})
	if err != nil {
		return nil, err
	}
	return &found[registeredUser]{shownUser(user)}, nil
}

func (d *door) listUsers(ctx context.Context, in *Paging) (*found[list[registeredUser]], error) {
	users, next, err := d.service.Users(ctx, caller(ctx), in.page())
	if err != nil {
		return nil, err
	}
	return listed(users, shownUser, next), nil
}
