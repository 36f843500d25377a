package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

const (
	mediaForm = "multipart/form-data"

	// maxForm is how large a form may be without its document, in bytes.
	maxForm = 64 << 10

	// slowStart is how long a form may take to begin, and minRate how fast it must
	// come from then on, in bytes a second, on average.
	slowStart = 30 * time.Second
	minRate   = 16 << 10
)

// isForm reports whether a call takes a form, and is sent one.
func isForm(op *huma.Operation, header http.Header) bool {
	if op.RequestBody == nil || op.RequestBody.Content[mediaForm] == nil {
		return false
	}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return media == mediaForm
}

// readForm reads a form (RFC 7578) up to its document, and hands the fields on as
// the JSON that they stand for. The document stays in the exchange: the handler
// streams it on.
func (d *door) readForm(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	x := exchangeOf(ctx.Context())
	key, err := idempotencyKey(r.Header)
	if err != nil {
		d.refuse(ctx, err)
		return
	}
	fields, document, err := openForm(w, r, d.service.MaxDocument)
	if err != nil {
		d.refuse(ctx, err)
		return
	}
	x.key, x.document = key, document
	r.Header.Set("Content-Type", "application/json") // what is handed on
	next(readContext{ctx, fields})
}

// openForm returns the fields of a form, and its document, which ends it.
func openForm(w http.ResponseWriter, r *http.Request, maxDocument int64) (fields []byte, document *formDocument, err error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, nil, newProblem(http.StatusUnsupportedMediaType, "the form must not be compressed")
	}
	if r.ContentLength > maxDocument+maxForm {
		return nil, nil, service.TooLarge(maxDocument)
	}
	body := &formBody{r: r.Body, connection: http.NewResponseController(w), started: time.Now(), limit: maxForm}
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || parameters["boundary"] == "" {
		return nil, nil, newProblem(http.StatusBadRequest, "the form names no boundary")
	}
	form := multipart.NewReader(body, parameters["boundary"])
	values := map[string]any{}
	for {
		part, err := form.NextRawPart()
		if ended(err) {
			return nil, nil, refusal.Field("file", strings.TrimPrefix(missing, " "))
		}
		if err != nil {
			return nil, nil, broken(err)
		}
		name := part.FormName()
		if name == "file" {
			if err := checkFile(part, values); err != nil {
				return nil, nil, err
			}
			body.limit = maxDocument + maxForm
			return formDocumentOf(r, form, part, values)
		}
		if values[name], err = formField(part, values); err != nil {
			return nil, nil, err
		}
	}
}

// formField reads a field that comes before the document.
func formField(part *multipart.Part, before map[string]any) (any, error) {
	name := part.FormName()
	if !slices.Contains([]string{"fileName", "isPHI", "isRestricted"}, name) {
		return nil, refusal.Field(clip(strings.ToValidUTF8(name, "")), unknown)
	}
	if _, twice := before[name]; twice {
		return nil, refusal.Field(name, "must not be given twice")
	}
	text, err := io.ReadAll(part) // no more than a form may have
	switch {
	case err != nil:
		return nil, broken(err)
	case !service.IsText(string(text)):
		return nil, refusal.Field(name, mustBeText)
	case name != "fileName" && string(text) == "true":
		return true, nil
	case name != "fileName" && string(text) == "false":
		return false, nil
	}
	return string(text), nil
}

// checkFile refuses a part that is no document, or whose bytes are not as they are. Of
// its name the last element counts, where no field has given another: it is never a
// path. What its media type says is not kept, as documents are only ever downloaded.
func checkFile(part *multipart.Part, values map[string]any) error {
	if sent := part.Header.Get("Content-Type"); sent != "" {
		media, _, err := mime.ParseMediaType(sent)
		kind, subtype, _ := strings.Cut(media, "/")
		if err != nil || kind == "" || subtype == "" || kind == "multipart" {
			return refusal.Field("file", "must have a media type such as application/pdf, or none")
		}
	}
	coding := strings.ToLower(part.Header.Get("Content-Transfer-Encoding"))
	if !slices.Contains([]string{"", "binary", "8bit", "7bit"}, coding) {
		return refusal.Field("file", "must be sent as it is, without a Content-Transfer-Encoding")
	}
	named := part.FileName()
	named = named[strings.LastIndexAny(named, `/\`)+1:]
	if !service.IsText(named) {
		return refusal.Field("fileName", mustBeText)
	}
	if _, given := values["fileName"]; !given && named != "" {
		values["fileName"] = named
	}
	return nil
}

// formDocument is the document of a form. It gives io.EOF once the whole form was
// read and found to end with it.
type formDocument struct {
	form *multipart.Reader
	part *multipart.Part
	hash hash.Hash // of the request, as far as it was read
	err  error     // what it ended with
}

func formDocumentOf(r *http.Request, form *multipart.Reader, part *multipart.Part, values map[string]any) ([]byte, *formDocument, error) {
	values["content"] = "" // comes as a stream
	var fields bytes.Buffer
	if err := json.NewEncoder(&fields).Encode(values); err != nil { // with sorted keys
		return nil, nil, fmt.Errorf("read a form: %w", err)
	}
	begun := digest(r, append([]byte(mediaForm+"\n"), fields.Bytes()...), exchangeOf(r.Context()).Caller.Clearance)
	document := &formDocument{form: form, part: part, hash: sha256.New()}
	_, _ = document.hash.Write(begun[:]) // a hash never fails
	return fields.Bytes(), document, nil
}

// Read reads the document. After an error it gives that error again.
func (f *formDocument) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.part.Read(p)
	_, _ = f.hash.Write(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		f.err = f.end()
	case err != nil:
		f.err = broken(err)
	}
	return n, f.err
}

// end returns io.EOF where the form ends after the document.
func (f *formDocument) end() error {
	_, err := f.form.NextRawPart()
	switch {
	case err == nil:
		return refusal.Field("file", "must be the last of the form, after all fields")
	case ended(err):
		return io.EOF
	}
	return broken(err)
}

// ended reports whether a form ended as it should. Where it breaks off in a boundary the
// error wraps io.EOF.
func ended(err error) bool { return err == io.EOF }

// digest reads what is left of the document, and returns what tells the request from
// another one: the fields as they were understood, and the document.
func (f *formDocument) digest() ([sha256.Size]byte, error) {
	if _, err := io.Copy(io.Discard, f); err != nil {
		return [sha256.Size]byte{}, err
	}
	return [sha256.Size]byte(f.hash.Sum(nil)), nil
}

// broken is the answer to a form that cannot be read to its end.
func broken(err error) error {
	if errors.Is(err, errForm) {
		return errForm
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return newProblem(http.StatusRequestTimeout, "the body did not come in time")
	}
	return newProblem(http.StatusBadRequest, "the body is not a form as in RFC 7578, or ended before its end")
}

var errForm = refusal.Of(refusal.TooLarge, "the form must be at most 64 KiB beside its document")

// formBody is the body of a form as it comes in. The connection is cut where it comes
// too slowly. The server's own deadline, for all bodies alike, would be too short for
// a large document, or much too long for one that does not come.
type formBody struct {
	r          io.Reader
	connection *http.ResponseController
	started    time.Time
	read       int64
	limit      int64 // how much may be read for now
}

func (b *formBody) Read(p []byte) (int, error) {
	if b.read >= b.limit {
		return 0, errForm
	}
	allowed := slowStart + time.Duration(b.read)*time.Second/minRate
	_ = b.connection.SetReadDeadline(b.started.Add(allowed)) // fails only where there is no connection
	n, err := b.r.Read(p[:min(int64(len(p)), b.limit-b.read)])
	b.read += int64(n)
	if errors.Is(err, io.EOF) {
		// A deadline that passes after the body would cut off the handler.
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// formContent describes the form in the OpenAPI document.
func formContent() *huma.MediaType {
	flag := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeBoolean, Description: description}
	}
	return &huma.MediaType{Schema: &huma.Schema{
		Type:     huma.TypeObject,
		Required: []string{"file"},
		Properties: map[string]*huma.Schema{
			"fileName":     {Type: huma.TypeString, MaxLength: new(caselog.MaxFileName), Description: "By default the one of the file."},
			"isPHI":        flag("Whether it is blanked for endpoints without clearance for PHI."),
			"isRestricted": flag("Whether only endpoints with clearance for it are sent it."),
			"file":         {Type: huma.TypeString, Format: "binary", Description: "The document. It must come last."},
		},
	}}
}
