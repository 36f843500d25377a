package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/webhook"
)

// messageView is what an endpoint was sent.
type messageView struct {
	URL      string
	Headers  []fact
	Secrets  []string // the names of the endpoint's own headers
	Body     string   // as it was sent; its beginning where it is long
	Readable string   // the same over many lines
	Size     int64    // of all of it, in bytes
	IsLong   bool
	Digest   string // that a receipt has of it, "" for none
	Narrowed bool
	Curl     string // the command that sends it, "" where that is not told
	SentAt   time.Time
}

// headerOrder is that in which headers are told.
var headerOrder = []string{
	"content-type", "user-agent", webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature, webhook.HeaderCV,
	webhook.HeaderCaseID, webhook.HeaderSequence, webhook.HeaderAttempt,
}

func (d *Dashboard) messageOf(ctx context.Context, who service.Caller, delivery service.Delivery) (*messageView, error) {
	sent, err := d.service.Sent(ctx, who, delivery.ID)
	if err != nil {
		return nil, err
	}
	stream := sent.Body.Open(ctx)
	body, err := io.ReadAll(io.LimitReader(stream, service.MaxSigned))
	if err := errors.Join(err, stream.Close()); err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	view := &messageView{
		URL:      sent.URL,
		Secrets:  sent.Secrets,
		Body:     strings.ToValidUTF8(string(body), ""), // it may break off within a character
		Size:     sent.Body.Len(),
		IsLong:   sent.Body.Len() > service.MaxSigned,
		Narrowed: sent.Narrowed,
		SentAt:   sent.At,
	}
	for _, name := range headerOrder {
		if value := sent.Header.Get(name); value != "" {
			view.Headers = append(view.Headers, fact{name, value})
		}
	}
	view.Readable = view.Body
	var lines bytes.Buffer
	if !view.IsLong && json.Indent(&lines, body, "", "  ") == nil {
		view.Readable = lines.String()
	}
	if sent.Exact {
		view.Digest = fmt.Sprintf("%x", sent.Digest)
	}
	if sent.Signed {
		view.Curl = view.curl()
	}
	return view, nil
}

// fillIn stands in a command for what is secret.
const fillIn = "FILL_IN"

// curl returns the command for a shell that sends the message with the signature that it had.
// What authenticates at the endpoint is left to whoever runs it.
func (m *messageView) curl() string {
	var command strings.Builder
	command.WriteString("curl " + quote(strings.Replace(m.URL, service.Mask, fillIn, 1)))
	for _, h := range m.Headers {
		command.WriteString(" \\\n  -H " + quote(h.Name+": "+h.Value))
	}
	for _, name := range m.Secrets {
		command.WriteString(" \\\n  -H " + quote(strings.ToLower(name)+": "+fillIn))
	}
	command.WriteString(" \\\n  --data-binary " + quote(m.Body))
	return command.String()
}

// quote returns a text as one word of a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// saveBody answers with the body of a message to be saved, byte for byte as far as the caller
// is cleared for it.
func (d *Dashboard) saveBody(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("deliveryId")
	sent, err := d.service.Sent(ctx, caller(r), id)
	if err != nil {
		return err
	}
	body := sent.Body.Open(ctx)
	defer body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.FormatInt(sent.Body.Len(), 10))
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "delivery-" + id + ".json"}))
	if _, err := io.Copy(w, body); err != nil && !errors.Is(err, doorway.ErrReplaced) {
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
	return nil
}
