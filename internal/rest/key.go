package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

func (d *door) registerKeys() {
	handle(d, call{
		id: "createKey", pattern: "POST /v1/api-keys", tag: tagKeys, summary: "Make an API key",
		text: "The answer shows the key, this once.", status: http.StatusCreated,
	}, d.createKey)
	handle(d, call{
		id: "listKeys", pattern: "GET /v1/api-keys", tag: tagKeys, summary: "List API keys",
		text: "Without the keys themselves.",
	}, d.listKeys)
	handle(d, call{
		id: "revokeKey", pattern: "DELETE /v1/api-keys/{id}", tag: tagKeys, summary: "Revoke an API key",
		text: "It opens nothing from now on.", status: http.StatusNoContent,
	}, d.revokeKey)
}

// newKey is the body of createKey.
type newKey struct {
	Name      string       `json:"name" maxLength:"200" doc:"For people: whose it is, or what for."`
	Role      service.Role `json:"role" enum:"admin,writer,reader"`
	Clearance *clearance   `json:"clearance,omitempty" doc:"What its holder is told, as of an endpoint. Without it, everything, as an admin always is."`
	ExpiresAt *timestamp   `json:"expiresAt,omitempty" nullable:"true" doc:"Without it, never."`
}

func (n newKey) draft() service.Key {
	draft := service.Key{Name: n.Name, Role: n.Role, Clearance: service.FullClearance}
	if n.Clearance != nil {
		draft.Clearance = subscription.Clearance(*n.Clearance)
	}
	if at := n.ExpiresAt.time(); at != nil {
		draft.ExpiresAt = &at.Time
	}
	return draft
}

// apiKey is a key without what opens anything, except where it was made just now.
type apiKey struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Role      service.Role     `json:"role" enum:"admin,writer,reader"`
	Clearance clearance        `json:"clearance"`
	CreatedAt caseupdate.Time  `json:"createdAt"`
	ExpiresAt *caseupdate.Time `json:"expiresAt"`
	RevokedAt *caseupdate.Time `json:"revokedAt"`
	Key       string           `json:"key,omitempty" doc:"The key itself, in the answer to its creation only."`
}

func shownKey(key service.Key) apiKey {
	return apiKey{
		ID:        key.ID,
		Name:      key.Name,
		Role:      key.Role,
		Clearance: clearance(key.Clearance),
		CreatedAt: caseupdate.At(key.CreatedAt),
		ExpiresAt: at(key.ExpiresAt),
		RevokedAt: at(key.RevokedAt),
	}
}

func (d *door) createKey(ctx context.Context, in *struct{ Body newKey }) (*reply[apiKey], error) {
	answer := func(key service.NewKey) *reply[apiKey] {
		shown := shownKey(key.Key)
		shown.Key = key.Secret
		return &reply[apiKey]{Status: http.StatusCreated, Body: shown}
	}
	return perform(ctx, answer, func(request *service.Repeatable) (service.NewKey, error) {
		return d.service.CreateKey(ctx, caller(ctx), in.Body.draft(), request)
	})
}

func (d *door) listKeys(ctx context.Context, in *Paging) (*found[list[apiKey]], error) {
	keys, next, err := d.service.Keys(ctx, caller(ctx), in.page())
	if err != nil {
		return nil, err
	}
	return listed(keys, shownKey, next), nil
}

func (d *door) revokeKey(ctx context.Context, in *struct {
	KeyID string `path:"id" doc:"The key, by its id."`
}) (*struct{}, error) {
	return nil, d.service.RevokeKey(ctx, caller(ctx), in.KeyID)
}
