package rest

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// authenticate finds out who calls, and lets in whose role reaches far enough. It
// stands before everything else: a stranger's body is not even read.
func (d *door) authenticate(ctx huma.Context, next func(huma.Context)) {
	role, ok := service.RoleFor(ctx.Operation().OperationID)
	x := exchangeOf(ctx.Context())
	begin(ctx)
	if ok && role == service.Anybody {
		next(ctx)
		return
	}
	r, _ := humago.Unwrap(ctx)
	key, err := keyOf(r.Header)
	if err != nil {
		d.refuse(ctx, err)
		return
	}
	actor := r.Header.Get("Casehook-Actor")
	who, err := d.service.Authenticate(ctx.Context(), key, actor)
	if who.KeyID != "" { // else there is nobody whose record it could be on
		if broken := d.service.Attribute(ctx.Context(), x.Entry, who); broken != nil {
			d.refuse(ctx, broken)
			return
		}
	}
	switch {
	case err != nil:
		d.refuse(ctx, err)
		return
	case !ok || !who.Role.Includes(role):
		d.refuse(ctx, refusal.Of(refusal.Forbidden, keyNeeded(who.Role, role)))
		return
	}
	x.Caller = who
	ctx = huma.WithContext(ctx, service.WithCall(ctx.Context(), x.Entry))
	if r.Method != http.MethodGet {
		ctx = huma.WithContext(ctx, service.WithAuditEntry(ctx.Context(), x.Entry))
	}
	next(ctx)
}

// keyNeeded says which key a call needs, to who has come with another.
func keyNeeded(has, needed service.Role) string {
	switch {
	case needed == service.Operator:
		return "this needs the operator's key"
	case has == service.Operator:
		return "the operator's key makes and lists organizations only: this needs a key of an organization, of the role " + string(needed)
	}
	return "this needs a key of the role " + string(needed)
}

// keyOf returns the API key that a request carries, as a bearer token (RFC 6750,
// section 2.1) or in cv-api-key.
func keyOf(header http.Header) (string, error) {
	scheme, bearer, _ := strings.Cut(header.Get("Authorization"), " ")
	bearer = strings.TrimSpace(bearer)
	plain := header.Get("cv-api-key")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		bearer = ""
	case plain != "" && plain != bearer:
		return "", refusal.Of(refusal.Unauthorized, "Authorization and cv-api-key name different keys")
	}
	if bearer == "" {
		bearer = plain
	}
	if bearer == "" {
		return "", refusal.Of(refusal.Unauthorized, "this needs an API key, as Authorization: Bearer KEY or cv-api-key: KEY")
	}
	return bearer, nil
}

// refuse answers a call by an error, before its handler was reached.
func (d *door) refuse(ctx huma.Context, err error) {
	// The error that WriteErr returns is that the client has hung up.
	_ = huma.WriteErr(d.api, ctx, http.StatusInternalServerError, "", err)
}
