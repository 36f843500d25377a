package dashboard

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// How long a session lasts: idle, and at all. What it was last used at is kept to the minute.
const (
	maxIdle  = 30 * time.Minute
	lifetime = 12 * time.Hour
	touching = time.Minute
	// maxAsking is how long it may take to find out whether a session lasts still.
	maxAsking = 5 * time.Second
)

// What a session keeps: never the key itself.
const (
	sessionKey   = "key"   // the id of the key
	sessionMark  = "mark"  // see service.Mark
	sessionFlash = "flash" // what the next page tells
	sessionUsed  = "used"  // when it was used last, in Unix seconds
)

// newSessions returns the manager of sessions, which are in the database: they last over
// restarts, and all nodes know them.
func newSessions(s *service.Service, secure bool) *scs.SessionManager {
	sessions := scs.New()
	sessions.Store = sessionStore{s}
	sessions.HashTokenInStore = true
	sessions.IdleTimeout, sessions.Lifetime = maxIdle, lifetime
	sessions.Cookie.Name = "casehook"
	if secure { // and then the browser takes it from this very host only (RFC 6265bis, section 4.1.3)
		sessions.Cookie.Name, sessions.Cookie.Secure = "__Host-casehook", true
	}
	sessions.Cookie.Persist = false
	return sessions
}

// resume returns the request with the session that it is part of, which may be a new, empty
// one.
func (d *Dashboard) resume(r *http.Request) (*http.Request, error) {
	var token string
	if cookie, err := r.Cookie(d.sessions.Cookie.Name); err == nil {
		token = cookie.Value
	}
	ctx, err := d.sessions.Load(r.Context(), token)
	if err != nil {
		return r, err
	}
	return r.WithContext(ctx), nil
}

// touch moves the end of a session that is used.
func (d *Dashboard) touch(w http.ResponseWriter, r *http.Request) error {
	used := time.Unix(d.sessions.GetInt64(r.Context(), sessionUsed), 0)
	if time.Since(used) < touching {
		return nil
	}
	return d.keep(w, r)
}

// keep writes what has changed in a session that there is.
func (d *Dashboard) keep(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d.sessions.Put(ctx, sessionUsed, time.Now().Unix())
	// The entry of the call goes with what the call changes, which is not this.
	token, expires, err := d.sessions.Commit(service.WithAuditEntry(ctx, nil))
	if err != nil {
		return err
	}
	d.sessions.WriteSessionCookie(ctx, w, token, expires)
	return nil
}

// flash returns what the last change has to tell, once.
func (d *Dashboard) flash(w http.ResponseWriter, r *http.Request) (string, error) {
	told := d.sessions.PopString(r.Context(), sessionFlash)
	if told == "" {
		return "", nil
	}
	return told, d.keep(w, r)
}

// begin begins the session of who has just signed in, in the place of any other of this
// browser: nobody can have known its token before.
func (d *Dashboard) begin(w http.ResponseWriter, r *http.Request, who service.Caller) error {
	if err := d.end(w, r); err != nil {
		return err
	}
	ctx := context.WithValue(r.Context(), newSession{}, true)
	if err := d.sessions.RenewToken(ctx); err != nil {
		return err
	}
	d.sessions.Put(ctx, sessionKey, who.KeyID)
	d.sessions.Put(ctx, sessionMark, d.service.Mark(who, d.sessions.Token(ctx)))
	return d.keep(w, r.WithContext(ctx))
}

// lasts reports whether the session of a request lasts still, and its key is good. To ask is no
// use of the session.
func (d *Dashboard) lasts(r *http.Request) (bool, error) {
	token := d.sessions.Token(r.Context())
	ctx, cancel := context.WithTimeout(context.Background(), maxAsking) // without the session as it was
	defer cancel()
	now, err := d.sessions.Load(ctx, token)
	if err != nil {
		return false, err
	}
	keyID := d.sessions.GetString(now, sessionKey)
	if keyID == "" {
		return false, nil
	}
	_, err = d.service.Resume(ctx, keyID, token, d.sessions.GetBytes(now, sessionMark))
	if _, ok := errors.AsType[*refusal.Error](err); ok {
		return false, nil
	}
	return err == nil, err
}

// end ends the session, and the browser forgets its token.
func (d *Dashboard) end(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if d.sessions.Token(ctx) == "" {
		return nil
	}
	if err := d.sessions.Destroy(service.WithAuditEntry(ctx, nil)); err != nil {
		return err
	}
	d.sessions.WriteSessionCookie(ctx, w, "", time.Time{})
	return nil
}

// newSession marks the context in which a session is kept for the first time.
type newSession struct{}

// sessionStore keeps sessions by the hashes of their tokens.
type sessionStore struct{ service *service.Service }

// FindCtx implements scs.CtxStore.
func (s sessionStore) FindCtx(ctx context.Context, hash string) ([]byte, bool, error) {
	return s.service.Session(ctx, hash)
}

// CommitCtx implements scs.CtxStore.
func (s sessionStore) CommitCtx(ctx context.Context, hash string, data []byte, expires time.Time) error {
	if ctx.Value(newSession{}) != nil {
		return s.service.BeginSession(ctx, hash, data, expires)
	}
	return s.service.ContinueSession(ctx, hash, data, expires)
}

// DeleteCtx implements scs.CtxStore.
func (s sessionStore) DeleteCtx(ctx context.Context, hash string) error {
	return s.service.EndSession(ctx, hash)
}

// Find, Commit and Delete are of scs.Store, and never called for a scs.CtxStore.
func (s sessionStore) Find(string) ([]byte, bool, error)      { panic("dashboard: no context") }
func (s sessionStore) Commit(string, []byte, time.Time) error { panic("dashboard: no context") }
func (s sessionStore) Delete(string) error                    { panic("dashboard: no context") }
