package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Changed is what a change made.
type Changed struct {
	Events []caselog.Event // at least one
	Case   *caselog.Case   // after the last of them
}

// CreateCase begins a case. The command's ids are given here.
func (s *Service) CreateCase(ctx context.Context, caller Caller, cmd caselog.CreateCase, request *Repeatable) (Changed, error) {
	org, err := s.Store.Organization(ctx, caller.OrganizationID)
	if err != nil {
		return Changed{}, err
	}
	for {
		cmd.ID, cmd.OrganizationID, cmd.ShortID = newID(), org.ID, newShortID(org.ShortIDPrefix)
		changed, err := s.change(ctx, caller, cmd.ID, cmd, request)
		if !errors.Is(err, store.ErrShortIDTaken) {
			return changed, err
		}
	}
}

// newShortID returns the prefix and five random letters and digits that are not
// easily mistaken for each other (Crockford's base 32).
func newShortID(prefix string) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var random [5]byte
	_, _ = rand.Read(random[:]) // never fails
	for i, b := range random {
		random[i] = alphabet[b%32]
	}
	return prefix + "-" + string(random[:])
}

// Change has a command done to a case: any but those that create it, assign it or
// attach documents.
func (s *Service) Change(ctx context.Context, caller Caller, caseID string, cmd caselog.Command, request *Repeatable) (Changed, error) {
	return s.change(ctx, caller, caseID, cmd, request)
}

// Assign assigns registered users to a case.
func (s *Service) Assign(ctx context.Context, caller Caller, caseID string, userIDs []string, request *Repeatable) (Changed, error) {
	if len(userIDs) > caselog.MaxAssignees {
		return Changed{}, refusal.Field("userIds", fmt.Sprintf("must have at most %d items", caselog.MaxAssignees))
	}
	users := make([]caseupdate.User, len(userIDs))
	var faults []refusal.Fault
	for i, id := range userIDs {
		user, err := s.registered(ctx, caller, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			faults = append(faults, refusal.Fault{Field: fmt.Sprintf("userIds[%d]", i), Allowed: "must be the id of a registered user"})
		case err != nil:
			return Changed{}, err
		}
		users[i] = user.User
	}
	if len(faults) > 0 {
		return Changed{}, refusal.Fields(faults...)
	}
	return s.change(ctx, caller, caseID, caselog.Assign{Users: users}, request)
}

// Upload is a document on its way in.
type Upload struct {
	FileName     string
	IsPHI        bool
	IsRestricted bool
	Content      io.Reader // read once, after all else was found to be right
}

// AddComment comments on a case, with documents attached to the comment.
func (s *Service) AddComment(ctx context.Context, caller Caller, caseID, text string, restricted bool, uploads []Upload, request *Repeatable) (Changed, error) {
	return s.attach(ctx, caller, caseID, uploads, request, func(files []caselog.File) caselog.Command {
		return caselog.AddComment{Text: text, IsRestricted: restricted, Attachments: files}
	})
}

// AddAttachment attaches a document to a case.
func (s *Service) AddAttachment(ctx context.Context, caller Caller, caseID string, upload Upload, request *Repeatable) (Changed, error) {
	return s.attach(ctx, caller, caseID, []Upload{upload}, request, func(files []caselog.File) caselog.Command {
		return caselog.AddAttachment{File: files[0]}
	})
}

// attach puts documents into the blob store and has the command done that speaks of
// them. Where it is known not to be done, they are taken out again.
func (s *Service) attach(ctx context.Context, caller Caller, caseID string, uploads []Upload, request *Repeatable, command func([]caselog.File) caselog.Command) (changed Changed, err error) {
	if len(uploads) == 0 {
		return s.change(ctx, caller, caseID, command(nil), request)
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		state, key, err := s.Store.Case(ctx, caller.OrganizationID, caseID, 0)
		if err != nil {
			return refused("case", err)
		}
		files := make([]caselog.File, len(uploads))
		for i, upload := range uploads {
			files[i] = caselog.File{ID: newID(), FileName: upload.FileName, IsPHI: upload.IsPHI, IsRestricted: upload.IsRestricted}
		}
		if _, err := caselog.Decide(state, command(files), act(caller)); err != nil {
			return err // before anything is stored for it
		}
		blobs := make([]store.Blob, 0, len(uploads))
		for i, upload := range uploads {
			info, err := s.Blobs.Put(ctx, key, files[i].ID, &limited{upload.Content, s.MaxDocument, s.MaxDocument})
			if err != nil {
				s.discard(blobs)
				return err
			}
			files[i].Size, files[i].SHA256 = info.Size, info.SHA256[:]
			blobs = append(blobs, store.Blob{ID: files[i].ID, Size: info.Size})
		}
		changed, err = s.commit(ctx, caller, caseID, command(files), blobs, request)
		if nothingRecorded(err) {
			s.discard(blobs)
		}
		return err
	})
	return changed, err
}

// TooLarge refuses a document of more than limit bytes.
func TooLarge(limit int64) error {
	return refusal.Of(refusal.TooLarge, fmt.Sprintf("the document must be at most %d bytes long", limit))
}

// limited reads a document, and refuses one that is too large.
type limited struct {
	r           io.Reader
	left, limit int64 // in bytes
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, TooLarge(l.limit)
	}
	return n, err
}

// nothingRecorded reports whether err is that a change was not recorded. Of any other
// error that is not known: the commit may be on disk, and only its answer lost. Then
// the documents stay, as its events may speak of them; bytes that no event speaks of
// do no harm.
func nothingRecorded(err error) bool {
	_, refused := errors.AsType[*refusal.Error](err)
	return refused || errors.Is(err, store.ErrAnswered)
}

// discard takes documents out of the blob store that no event speaks of.
func (s *Service) discard(blobs []store.Blob) {
	for _, blob := range blobs {
		if err := s.Blobs.Delete(context.Background(), blob.ID); err != nil {
			s.Log.Error("could not remove a document that is not needed", "document", blob.ID, "error", err)
		}
	}
}

// change has a command done, once.
func (s *Service) change(ctx context.Context, caller Caller, caseID string, cmd caselog.Command, request *Repeatable) (changed Changed, err error) {
	err = s.unlessRepeated(ctx, caller, request, func() error {
		changed, err = s.commit(ctx, caller, caseID, cmd, nil, request)
		return err
	})
	return changed, err
}

// commit decides a command and records what it makes.
func (s *Service) commit(ctx context.Context, caller Caller, caseID string, cmd caselog.Command, blobs []store.Blob, request *Repeatable) (Changed, error) {
	_, creates := cmd.(caselog.CreateCase)
	proposal := store.Proposal{
		OrganizationID: caller.OrganizationID,
		CaseID:         caseID,
		Creates:        creates,
		Decide: func(state *caselog.Case) ([]caselog.Event, error) {
			return caselog.Decide(state, cmd, act(caller))
		},
		Blobs:  blobs,
		Outbox: s.Engine,
	}
	if request != nil {
		digest, err := request.digest()
		if err != nil {
			return Changed{}, err
		}
		proposal.Once = &store.Once{Key: request.Key, Digest: digest}
		proposal.Answer = func(c *store.Committed) ([]byte, error) { return request.Answer(Changed(*c)) }
	}
	committed, err := s.Store.Change(ctx, proposal)
	if err != nil {
		return Changed{}, refused("case", err)
	}
	s.Metrics.EventsRecorded(len(committed.Events))
	return Changed(*committed), nil
}

// act is what the domain needs of the world.
func act(caller Caller) caselog.Act {
	return caselog.Act{At: now(), Actor: caller.Actor, NewID: newID}
}
