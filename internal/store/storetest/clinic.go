package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// doctor is who acts, where nobody else is named.
var doctor = caseupdate.User{ID: "doctor-1", FirstName: "Grace", LastName: "Hopper", Email: new("grace@example.com")}

// begin is when the tests begin.
var begin = time.Date(2026, 11, 23, 14, 5, 6, 789e6, time.UTC)

// failing is a *testing.T or a *rapid.T.
type failing interface {
	require.TestingT
	Helper()
	Context() context.Context
	Cleanup(func())
}

// clock is a clock that stands still until it is moved on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// clinic is an organisation in a store, and what is done there.
type clinic struct {
	*store.Store
	t       failing
	ctx     context.Context
	url     string
	master  string // its keys
	keyring *vault.Keyring
	folder  string // of the shares; made where it is empty
	clock   *clock
	log     *slog.Logger // nil: none
	org     store.Organization
	node    string // under which it has lanes
}

// newClinic opens the database at url and makes an organisation in it.
func newClinic(t failing, url string) *clinic {
	t.Helper()
	master := vault.NewMasterKey()
	keyring, err := vault.ParseKeyring(master)
	require.NoError(t, err)
	c := &clinic{t: t, ctx: t.Context(), url: url, master: master, keyring: keyring, clock: &clock{now: begin}}
	c.open()
	c.org, err = c.EnsureOrganization(c.ctx, "Clinic", "ADA")
	require.NoError(t, err)
	c.live()
	return c
}

func (c *clinic) open() {
	c.t.Helper()
	var err error
	if c.folder == "" {
		c.folder, err = os.MkdirTemp("", "casehook-shares-")
		require.NoError(c.t, err)
		c.t.Cleanup(func() { require.NoError(c.t, os.RemoveAll(c.folder)) })
	}
	shares, err := share.Open(c.folder)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, shares.Close()) })
	s, err := store.Open(c.ctx, c.url, store.Options{Vault: vault.New(c.keyring), Shares: shares, Log: c.log, Now: c.clock.Now})
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, s.Close()) })
	c.Store = s
}

// reopen ends the process, as far as the database can tell, and begins the next:
// nobody said goodbye, and what is kept in memory is gone.
func (c *clinic) reopen() {
	c.t.Helper()
	require.NoError(c.t, c.Close())
	c.open()
}

// neighbour returns another organisation in the same store.
func (c *clinic) neighbour() *clinic {
	c.t.Helper()
	other := *c
	var err error
	other.org, err = c.EnsureOrganization(c.ctx, "Neighbour", "NEI")
	require.NoError(c.t, err)
	return &other
}

// endpoint returns an endpoint that is sent everything, as changed by set, and is
// kept in the store.
func (c *clinic) endpoint(set ...func(*subscription.Endpoint)) *subscription.Endpoint {
	c.t.Helper()
	e := newEndpoint(c.org.ID, set...)
	require.NoError(c.t, c.InsertEndpoint(c.ctx, e, nil))
	return e
}

// update changes an endpoint, and returns it as it is then.
func (c *clinic) update(id string, change func(*subscription.Endpoint)) *subscription.Endpoint {
	c.t.Helper()
	changed, err := c.UpdateEndpoint(c.ctx, c.org.ID, id, func(e *subscription.Endpoint) (*store.Kept, error) {
		change(e)
		return nil, nil
	})
	require.NoError(c.t, err)
	return changed
}

// in puts an endpoint into a state.
func in(state subscription.State) func(*subscription.Endpoint) {
	return func(e *subscription.Endpoint) { e.State = state }
}

// unchanged leaves an endpoint as it is.
func unchanged(*subscription.Endpoint) (*store.Kept, error) { return nil, nil }

func newEndpoint(organizationID string, set ...func(*subscription.Endpoint)) *subscription.Endpoint {
	e := &subscription.Endpoint{
		ID:             newID(),
		OrganizationID: organizationID,
		URL:            "https://partner.example/hooks",
		Events:         []string{subscription.AllEvents},
		Payload:        subscription.PayloadEvent,
		Documents:      subscription.DocumentsBase64,
		Clearance:      subscription.Clearance{PHI: true, Restricted: true},
		Ordering:       subscription.OrderingCase,
		Signing:        []subscription.Signing{subscription.SigningStandard},
		Timeout:        subscription.DefaultTimeout,
		MaxInFlight:    subscription.DefaultMaxInFlight,
		Secrets:        []subscription.Secret{{Value: "whsec_c2VjcmV0", CreatedAt: begin}},
		State:          subscription.Active,
		CreatedAt:      begin,
		UpdatedAt:      begin,
	}
	for _, set := range set {
		set(e)
	}
	return e
}

func unordered(e *subscription.Endpoint) { e.Ordering = subscription.OrderingNone }

func ordered(e *subscription.Endpoint) { e.Ordering = subscription.OrderingCase }

// creation returns the command that makes a case, of an id of its own.
func (c *clinic) creation() caselog.CreateCase {
	id := newID()
	return caselog.CreateCase{
		ID:             id,
		OrganizationID: c.org.ID,
		ShortID:        c.org.ShortIDPrefix + "-" + id[len(id)-12:],
		Type:           "consultation",
		Title:          "A cough that stays",
		Submitter:      caseupdate.Submitter{ID: "patient-1", FirstName: new("Ada"), LastName: new("Lovelace"), Email: new("ada@example.com")},
	}
}

// create makes a case and returns its id.
func (c *clinic) create(outbox store.Outbox) string {
	c.t.Helper()
	cmd := c.creation()
	c.do(cmd.ID, outbox, cmd)
	return cmd.ID
}

// comments adds that many comments to a case, one change each.
func (c *clinic) comments(n int, caseID string, outbox store.Outbox) {
	c.t.Helper()
	for i := range n {
		c.do(caseID, outbox, comment(i))
	}
}

func comment(i int) caselog.AddComment { return caselog.AddComment{Text: fmt.Sprintf("comment %d", i)} }

// do has the commands done to a case, as one change.
func (c *clinic) do(caseID string, outbox store.Outbox, commands ...caselog.Command) *store.Committed {
	c.t.Helper()
	committed, err := c.Change(c.ctx, c.proposal(caseID, outbox, commands...))
	require.NoError(c.t, err)
	return committed
}

func (c *clinic) proposal(caseID string, outbox store.Outbox, commands ...caselog.Command) store.Proposal {
	_, creates := commands[0].(caselog.CreateCase)
	return store.Proposal{
		OrganizationID: c.org.ID,
		CaseID:         caseID,
		Creates:        creates,
		Outbox:         outbox,
		Decide: func(state *caselog.Case) ([]caselog.Event, error) {
			var all []caselog.Event
			for _, cmd := range commands {
				events, err := caselog.Decide(state, cmd, caselog.Act{At: c.clock.Now(), Actor: doctor, NewID: newID})
				if err != nil {
					return nil, err
				}
				if state, err = caselog.Fold(state, events...); err != nil {
					return nil, err
				}
				all = append(all, events...)
			}
			return all, nil
		},
	}
}

// story tells a case in which everything happens, and returns its id.
func (c *clinic) story() string {
	c.t.Helper()
	cmd := c.creation()
	cmd.ReferralCode = new("REF-1")
	cmd.ProductBundle = &caseupdate.ProductBundle{ID: "bundle-1", Name: "Lungs"}
	cmd.Submitter.DOB = new("1984-07-12")
	c.do(cmd.ID, nil, cmd)
	nurse := caseupdate.User{ID: "nurse-1", FirstName: "Mary", LastName: "Seacole", Email: new("mary@example.com")}
	for _, next := range []func(*caselog.Case) caselog.Command{
		always(caselog.AnswerForm{
			Form: caseupdate.Form{Name: "History"},
			Answers: []caselog.Answer{
				{Question: caseupdate.Question{Type: "text", Text: "Since when?", IsPHI: true}, Text: "Tuesday"},
				{Question: caseupdate.Question{Type: "choice", Text: "Fever?", Options: []string{"yes", "no"}}, Text: "no"},
			},
		}),
		always(caselog.Assign{Users: []caseupdate.User{nurse, doctor}}),
		always(caselog.AddComment{Text: "See the X-ray.", Attachments: []caselog.File{{ID: newID(), FileName: "x-ray.png", IsPHI: true, Size: 3, SHA256: []byte{1}}}}),
		always(caselog.AddComment{Text: "Not for everybody.", IsRestricted: true}),
		func(now *caselog.Case) caselog.Command {
			return caselog.DeleteComment{CommentID: now.Comments[1].ID}
		},
		always(caselog.AddAttachment{File: caselog.File{ID: newID(), FileName: "consent.pdf", Size: 4, SHA256: []byte{2}}}),
		func(now *caselog.Case) caselog.Command {
			return caselog.DeleteAttachment{AttachmentID: now.Attachments[0].ID}
		},
		always(caselog.ChangeStatus{Status: caseupdate.StatusInProgress}),
		always(caselog.Unassign{UserID: nurse.ID}),
		always(caselog.AddDecision{IsApproved: true, DecisionText: new("Rest."), MedInfo: &caseupdate.MedInfo{Medicine: "Tea", RefillCount: 2}}),
		always(caselog.AddPayment{Description: "Consultation", Amount: 159_50}),
		func(now *caselog.Case) caselog.Command {
			return caselog.CompletePayment{PaymentID: now.Payments[0].ID}
		},
		always(caselog.CreateOrder{Message: new("On its way soon.")}),
		func(now *caselog.Case) caselog.Command {
			return caselog.ChangeOrderStatus{OrderID: now.Orders[0].ID, Status: "SHIPPED"}
		},
		func(now *caselog.Case) caselog.Command {
			return caselog.AddOrderTracking{OrderID: now.Orders[0].ID, TrackingID: "1Z999"}
		},
		always(caselog.Escalate{}),
		always(caselog.Deescalate{}),
		always(caselog.Archive{Reason: "Done", Note: new("All well.")}),
		always(caselog.Reopen{}),
	} {
		c.clock.pass(time.Minute)
		now, _, err := c.Case(c.ctx, c.org.ID, cmd.ID, 0)
		require.NoError(c.t, err)
		c.do(cmd.ID, nil, next(now))
	}
	return cmd.ID
}

func always(cmd caselog.Command) func(*caselog.Case) caselog.Command {
	return func(*caselog.Case) caselog.Command { return cmd }
}

// deliveries returns those of the filter, in the order of the log: "2 ADD_CASE_COMMENT
// pending".
func (c *clinic) deliveries(filter store.DeliveryFilter) []string {
	c.t.Helper()
	found := c.find(filter)
	lines := make([]string, len(found))
	for i, d := range found {
		lines[i] = fmt.Sprintf("%d %s %s", d.Sequence, d.EventType, d.State)
	}
	return lines
}

// find returns the deliveries of the filter, the oldest first.
func (c *clinic) find(filter store.DeliveryFilter) []store.Delivery {
	c.t.Helper()
	found, _, err := c.Deliveries(c.ctx, c.org.ID, filter, "", 10_000)
	require.NoError(c.t, err)
	slices.Reverse(found)
	return found
}

// tray is an [store.Outbox] that keeps what it is handed.
type tray struct {
	full bool // accepts nothing; not to be changed while a change is under way

	mu       sync.Mutex // protects what follows
	messages []store.Message
	waiting  []string // endpoints
}

func (o *tray) Accepts(*subscription.Endpoint) bool { return !o.full }

func (o *tray) Hand(_ *subscription.Endpoint, messages []store.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages = append(o.messages, messages...)
}

func (o *tray) Waiting(endpointID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, endpointID)
}

// take returns what was handed over since the last call.
func (o *tray) take() []store.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	messages := o.messages
	o.messages = nil
	return messages
}

// lines names messages by their sequence and event: "2 ADD_CASE_COMMENT".
func lines(messages []store.Message) []string {
	lines := make([]string, len(messages))
	for i, m := range messages {
		lines[i] = fmt.Sprintf("%d %s", m.Sequence, m.Event.Type())
	}
	return lines
}

// sequences returns those of messages.
func sequences(messages []store.Message) []int64 {
	all := make([]int64, len(messages))
	for i, m := range messages {
		all[i] = m.Sequence
	}
	return all
}

// count returns 1, 2, 3 … n.
func count(n int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i) + 1
	}
	return all
}

// requireEqual compares what require cannot: times that are equal, keys that are
// not shown.
func requireEqual(t failing, want, got any) {
	t.Helper()
	diff := cmp.Diff(want, got,
		cmpopts.IgnoreUnexported(caselog.Case{}),
		cmp.Comparer(func(a, b caseupdate.Time) bool { return a.Equal(b.Time) }),
		cmp.Comparer(func(a, b *vault.Key) bool { return (a == nil) == (b == nil) }))
	if diff != "" {
		t.Errorf("-want +got:\n%s", diff)
		t.FailNow()
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
