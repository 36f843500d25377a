package rest_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// maxDocument is how large a document the server of the tests takes.
const maxDocument = 8_000_000

// part is one of a form: a field, or with a header of its own.
type part struct {
	name, value string
	header      map[string]string // beside Content-Disposition
	fileName    string            // "": none
}

// form writes parts as a form.
func form(t *testing.T, parts ...part) (body string, mediaType asked) {
	t.Helper()
	var text strings.Builder
	w := multipart.NewWriter(&text)
	require.NoError(t, w.SetBoundary("the-boundary-of-the-tests"))
	for _, p := range parts {
		header := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name=%q`, p.name)
		if p.fileName != "" {
			disposition += `; filename="` + p.fileName + `"`
		}
		header.Set("Content-Disposition", disposition)
		for name, value := range p.header {
			header.Set(name, value)
		}
		content, err := w.CreatePart(header)
		require.NoError(t, err)
		_, err = io.WriteString(content, p.value)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return text.String(), with("Content-Type", w.FormDataContentType())
}

// blobs returns the names of the blobs there are, also of unfinished ones.
func (s *server) blobs(t *testing.T) []string {
	t.Helper()
	names := []string{}
	require.NoError(t, fs.WalkDir(os.DirFS(s.dir), "blobs", func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, entry.Name())
		}
		return err
	}))
	return names
}

func TestADocumentComesAsAForm(t *testing.T) {
	s := newServer(t)
	content := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(content)
	for _, test := range []struct {
		name  string
		parts []part
		want  string // its name
		phi   bool
	}{
		{"named by a field", []part{{name: "fileName", value: "mri.pdf"}, {name: "isPHI", value: "true"}, {name: "file", fileName: "x.bin"}}, "mri.pdf", true},
		{"named by its part", []part{{name: "isPHI", value: "false"}, {name: "file", fileName: "scan.png", header: map[string]string{"Content-Type": "image/png"}}}, "scan.png", false},
		{"named by a path", []part{{name: "file", fileName: "../../etc/passwd"}}, "passwd", false},
		{"named by a path of Windows", []part{{name: "file", fileName: `C:\\Users\\ada\\scan.png`}}, "scan.png", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := s.newCase(t)
			test.parts[len(test.parts)-1].value = string(content)
			body, media := form(t, test.parts...)
			added := s.post(t, "/v1/cases/"+id+"/attachments", body, media)
			require.Equal(t, http.StatusCreated, added.status, added)
			require.NotEmpty(t, added.header.Get("Casehook-Event-Id"))
			require.Equal(t, test.want, added.text(t, "fileName"))
			require.Equal(t, test.phi, added.at(t, "isPHI"))

			got := s.get(t, "/v1/cases/"+id+"/attachments/"+added.text(t, "id")+"/content")
			require.Equal(t, http.StatusOK, got.status)
			require.True(t, bytes.Equal(content, got.body))
		})
	}
}

func TestAFormThatCannotBeAcceptedLeavesNothing(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	document := part{name: "file", fileName: "a.txt", value: "a document"}
	header := func(name, value string) part {
		p := document
		p.header = map[string]string{name: value}
		return p
	}
	large := document
	large.value = strings.Repeat("x", maxDocument+1)
	for _, test := range []struct {
		name   string
		parts  []part
		cut    int // bytes of its end that do not come
		status int
		want   string // the first fault, or the detail
	}{
		{"without a document", []part{{name: "fileName", value: "a.txt"}}, 0, 422, "file: must be given"},
		{"without a name", []part{{name: "file", value: "a document"}}, 0, 422, "fileName: must be given"},
		{"with an empty name", []part{{name: "fileName"}, document}, 0, 422, "fileName: must not be empty"},
		{"with a name that is no text", []part{{name: "fileName", value: "\xff"}, document}, 0, 422, "fileName: must be UTF-8, without NUL"},
		{"with a field that is not known", []part{{name: "content", value: "YQ=="}, document}, 0, 422, "content: is not known here"},
		{"with a field twice", []part{{name: "isPHI", value: "false"}, {name: "isPHI", value: "true"}, document}, 0, 422, "isPHI: must not be given twice"},
		{"with a flag that is none", []part{{name: "isPHI", value: "yes"}, document}, 0, 422, "isPHI: must be true or false"},
		{"with a field after its document", []part{document, {name: "isPHI", value: "true"}}, 0, 422, "file: must be the last of the form, after all fields"},
		{"with two documents", []part{document, document}, 0, 422, "file: must be the last of the form, after all fields"},
		{"with a media type that is none", []part{header("Content-Type", "pdf")}, 0, 422, "file: must have a media type such as application/pdf, or none"},
		{"with a form in it", []part{header("Content-Type", "multipart/mixed; boundary=b")}, 0, 422, "file: must have a media type such as application/pdf, or none"},
		{"with an encoding", []part{header("Content-Transfer-Encoding", "base64")}, 0, 422, "file: must be sent as it is, without a Content-Transfer-Encoding"},
		{"with fields that are too large", []part{{name: "fileName", value: strings.Repeat("a", 64<<10)}, document}, 0, 413, "the form must be at most 64 KiB beside its document"},
		{"with a document that is too large", []part{large}, 0, 413, "the document must be at most 8000000 bytes long"},
		{"that ends in its document", []part{document}, 40, 400, "the body is not a form as in RFC 7578, or ended before its end"},
		{"that ends in its last boundary", []part{document}, 4, 400, "the body is not a form as in RFC 7578, or ended before its end"},
		{"that ends before its document", []part{{name: "fileName", value: "a.txt"}}, 4, 400, "the body is not a form as in RFC 7578, or ended before its end"},
		{"that lacks its last boundary", []part{document}, 10, 400, "the body is not a form as in RFC 7578, or ended before its end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, media := form(t, test.parts...)
			refused := s.post(t, "/v1/cases/"+id+"/attachments", body[:len(body)-test.cut], media)
			require.Equal(t, test.status, refused.status, refused)
			if test.status == 422 {
				require.Equal(t, test.want, refused.faults(t)[0])
			} else {
				require.Equal(t, test.want, refused.text(t, "detail"))
			}
		})
	}
	require.Empty(t, s.blobs(t))
	require.Len(t, s.get(t, "/v1/cases/"+id).at(t, "activity"), 1)
}

func TestADocumentThatIsTooLargeIsRefusedBeforeItIsRead(t *testing.T) {
	s := newServer(t)
	id, body := s.newCase(t), &stingy{}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/cases/"+id+"/attachments", body)
	request.Header.Set("Authorization", "Bearer "+s.admin)
	request.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	request.ContentLength = 2 * maxDocument
	answer := httptest.NewRecorder()
	s.Config.Handler.ServeHTTP(answer, request)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.Zero(t, body.room)
}

func TestAFormWithAKeyHappensOnce(t *testing.T) {
	s := newServer(t)
	id, key := s.newCase(t), with("Idempotency-Key", "one")
	path := "/v1/cases/" + id + "/attachments"
	document := part{name: "file", fileName: "a.txt", value: "a document"}
	body, media := form(t, document)
	first := s.post(t, path, body, media, key)
	require.Equal(t, http.StatusCreated, first.status, first)

	// Also where it would be refused by now, and in parts that are written otherwise.
	require.Equal(t, http.StatusOK, s.post(t, "/v1/cases/"+id+"/archive", `{"archiveReason":"done"}`).status)
	body, media = form(t, part{name: "fileName", value: "a.txt"}, document)
	again := s.post(t, path, body, media, key)
	require.Equal(t, first.status, again.status, again)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, []string{first.text(t, "id")}, s.blobs(t))

	for _, other := range [][]part{
		{{name: "file", fileName: "a.txt", value: "another one"}},
		{{name: "file", fileName: "b.txt", value: "a document"}},
		{{name: "isPHI", value: "true"}, document},
	} {
		body, media := form(t, other...)
		refused := s.post(t, path, body, media, key)
		require.Equal(t, []string{"Idempotency-Key: must not have been used for another request"}, refused.faults(t))
	}
	require.Equal(t, []string{first.text(t, "id")}, s.blobs(t))
}

// slowly is the connection of a client that sends a chunk of a form at a time, until
// it sends nothing any more.
type slowly struct {
	*httptest.ResponseRecorder
	begin     *strings.Reader
	chunks    int
	deadlines []time.Time
}

func (s *slowly) SetReadDeadline(at time.Time) error {
	s.deadlines = append(s.deadlines, at)
	return nil
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.begin.Len() > 0 {
		return s.begin.Read(p)
	}
	if s.chunks == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	s.chunks--
	return copy(p, make([]byte, 4096)), nil
}

func TestADocumentMayTakeAsLongAsItKeepsComing(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	body, _ := form(t, part{name: "file", fileName: "a.txt"})
	begin, _, _ := strings.Cut(body, "\r\n--the-boundary-of-the-tests--")
	client := &slowly{ResponseRecorder: httptest.NewRecorder(), begin: strings.NewReader(begin), chunks: 1000}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/cases/"+id+"/attachments", client)
	request.Header.Set("Authorization", "Bearer "+s.admin)
	request.Header.Set("Content-Type", "multipart/form-data; boundary=the-boundary-of-the-tests")
	request.ContentLength = -1
	began := time.Now()
	s.Config.Handler.ServeHTTP(client, request)

	require.Equal(t, http.StatusRequestTimeout, client.Code, client.Body)
	first, last := client.deadlines[0], client.deadlines[len(client.deadlines)-1]
	require.WithinRange(t, first, began.Add(30*time.Second), time.Now().Add(30*time.Second))
	took := time.Duration(len(begin)+1000*4096) * time.Second / (16 << 10)
	require.Equal(t, took, last.Sub(first))
	require.Empty(t, s.blobs(t))
}
