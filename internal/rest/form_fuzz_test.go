package rest_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzForm requires of a form that it is accepted or refused, and nothing else. What is
// accepted is the document that the standard library finds in it too. What is refused
// leaves no bytes behind, and no value of it is repeated, neither to the client nor in the
// log. Each value begins with what is looked for.
func FuzzForm(f *testing.F) {
	s := newServer(f)
	caseID, logged := s.newCase(f), 0
	for _, seed := range [][6]string{
		{"fileName", "scan.png", "x.bin", "Content-Type: image/png\r\n", "a document", "\r\n--b--\r\n"},
		{"isPHI", "true", "a.txt", "", "", "\r\n--b--"},
		{"isRestricted", "", "", "Content-Transfer-Encoding: base64\r\n", "YQ==", "\r\n--b--\r\n"},
		{"content", "YQ==", "a.txt", "", "a document", "\r\n--b--\r\n"},
		{"fileName", "\x00", "a.txt", "Content-Type: multipart/mixed; boundary=b\r\n", "a", "\r\n--b--\r\n"},
		{"file", "a", "a.txt", "", "a document", "\r\n--b\r\nContent-Disposition: form-data; name=\"isPHI\"\r\n\r\ntrue\r\n--b--\r\n"},
		{"", "a\r\n--b\r\n\r\n", "../../etc/passwd", "Content-Type: \xff\r\n", "a", ""},
		{"fileName\"; name*=utf-8''%66ile; x=\"", "a", "%c3%28\\", ": \r\n", "\r\n--b", "\r\n--b\r\n"},
		{"fileName", strings.Repeat("a", 64<<10), "a", "", "a", "\r\n--b--\r\n"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	f.Fuzz(func(t *testing.T, name, value, fileName, header, document, end string) {
		body := "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + canary + value +
			"\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + canary + fileName + "\"\r\n" + header + "\r\n" + canary + document + end
		path := "/v1/cases/" + caseID
		got := s.post(t, path+"/attachments", body, with("Content-Type", "multipart/form-data; boundary=b"))
		log := s.log.String()
		requireNoCanary(t, log[logged:])
		logged = len(log)
		blobs := s.blobs(t)
		if got.status != http.StatusCreated {
			require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, got.status, got)
			requireNoCanary(t, got.String())
			require.Empty(t, blobs, "left behind")
			if got.status == http.StatusUnprocessableEntity {
				require.NotEmpty(t, got.faults(t))
			}
			return
		}
		id := got.text(t, "id")
		kept := s.get(t, path+"/attachments/"+id+"/content")
		require.Equal(t, http.StatusNoContent, s.do(t, http.MethodDelete, path, nil).status) // the next form finds nothing
		caseID = s.newCase(t)
		require.Equal(t, []string{id}, blobs)
		require.Equal(t, http.StatusOK, kept.status, kept)
		require.Equal(t, documentOf(t, body), string(kept.body))
	})
}

// documentOf returns what the standard library takes for the part of a form that is called file.
func documentOf(t *testing.T, body string) string {
	t.Helper()
	form, err := multipart.NewReader(strings.NewReader(body), "b").ReadForm(1 << 30)
	require.NoError(t, err)
	if values := form.Value["file"]; len(values) > 0 {
		return values[0]
	}
	require.Len(t, form.File["file"], 1)
	file, err := form.File["file"][0].Open()
	require.NoError(t, err)
	defer file.Close()
	var document bytes.Buffer
	_, err = io.Copy(&document, file)
	require.NoError(t, err)
	return document.String()
}
