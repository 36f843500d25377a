// Package render turns an event into the body of a webhook: the event and the
// case as of it, as one endpoint asked for them and may see them.
//
// Start with [Renderer.Body]. The same event, case and options give the same
// bytes, today and in a replay next year; only a minted link is new each time.
//
// The package is the one place that decides what of an event's content a reader
// may see, and it fails closed: clearance is asked for each field, the zero
// [subscription.Clearance] shows neither PHI nor what is restricted, and what the
// package does not know it refuses to render.
//
//   - Without clearance for what is restricted, comments, attachments and activity
//     marked isRestricted are left out, and a restricted event is [ErrWithheld].
//   - Without clearance for PHI, the title and all of the submitter but the id are
//     null, as are the file name, the document and the answer that are marked
//     isPHI, and the values of an activity that repeat any of it; and wherever the submitter appears as somebody who acted, only the id
//     is left. What was blanked is listed in the payload's "redacted".
package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// ErrWithheld means that the event is restricted, and the reader is not cleared
// for what is: nothing of it is told.
var ErrWithheld = errors.New("the event is withheld for want of clearance")

// Renderer renders events. It is safe for concurrent use.
type Renderer struct {
	blobs Blobs
}

// Blobs is where the documents' bytes are, by the ids of their attachments.
type Blobs interface {
	// Get opens a document, which the caller closes. The document is whole only
	// when it ends with io.EOF.
	Get(ctx context.Context, key *vault.Key, id string) (io.ReadCloser, error)
}

// New returns a Renderer that reads documents from blobs.
func New(blobs Blobs) *Renderer { return &Renderer{blobs} }

// Options are what an endpoint, or the reader of the feed, asks for.
type Options struct {
	Payload   subscription.Payload   // zero: event
	Documents subscription.Documents // zero: base64
	Clearance subscription.Clearance // zero: neither PHI nor restricted
	// MaxInline is how large a document may be to be shown in base64, in bytes; a
	// larger one is a link. Nil: no limit.
	MaxInline *int
	// Link mints a signed link to a document with that SHA-256, good until expires. It is needed
	// where Documents is url or MaxInline is set, and is never asked for what the reader may not see.
	Link func(caseID, documentID string, sha256 []byte) (url string, expires time.Time)
}

func (o Options) check() error {
	switch {
	case o.Payload != "" && o.Payload != subscription.PayloadEvent && o.Payload != subscription.PayloadFull:
		return fmt.Errorf("unknown payload mode %q", o.Payload)
	case o.Documents != "" && o.Documents != subscription.DocumentsBase64 && o.Documents != subscription.DocumentsURL:
		return fmt.Errorf("unknown documents mode %q", o.Documents)
	case (o.Documents == subscription.DocumentsURL || o.MaxInline != nil) && o.Link == nil:
		return errors.New("documents are asked for as links, and nothing mints links")
	}
	return nil
}

// Body renders e. c is the case as of e, and key the case's key, which opens its
// documents. The error is [ErrWithheld] where the reader may not be told of e;
// any other means that the arguments do not belong together. No document is read
// yet: see [Body.Open].
func (r *Renderer) Body(e caselog.Event, c *caselog.Case, key *vault.Key, o Options) (*Body, error) {
	body, err := r.body(e, c, key, o)
	if err != nil {
		return nil, fmt.Errorf("render event %s: %w", e.ID, err)
	}
	return body, nil
}

func (r *Renderer) body(e caselog.Event, c *caselog.Case, key *vault.Key, o Options) (*Body, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	switch {
	case e.Data == nil:
		return nil, errors.New("the event says nothing")
	case c == nil || c.ID != e.CaseID || c.Version != e.Sequence:
		return nil, errors.New("the case is not the one as of the event")
	}
	activity := e.Activity()
	if o.Clearance.Withholds(activity) {
		return nil, ErrWithheld
	}

	v := newView(c, o.Clearance)
	if v.hiddenIDs[e.ObjectID()] {
		return nil, ErrWithheld
	}
	if !o.Clearance.PHI {
		v.submitter.learnPerson(e.Caller())
	}
	v.documents = &documents{
		caseID: c.ID, link: o.Link, linked: o.Documents == subscription.DocumentsURL, maxInline: o.MaxInline,
	}
	_, creates := e.Data.(*caselog.Created)
	base := caseupdate.Base{
		Case:     v.caseAs(c, creates || o.Payload == subscription.PayloadFull),
		Activity: v.activity("activity", activity),
	}
	payload, err := v.payload(e, base)
	if err != nil {
		return nil, err
	}
	text, err := caseupdate.Marshal(&caseupdate.Update{Event: activity.Type, Payload: payload})
	if err != nil {
		return nil, err
	}
	return newBody(text, v.documents, r.blobs, key)
}
