package render_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

const mebibyte = 1 << 20

// randomText returns n bytes that are the same in every run.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

// attached tells of a case with one document, as its second event.
func attached(t testing.TB, content string) *story {
	t.Helper()
	s := newStory(t, openBlobs(t))
	s.create()
	s.do(nurse, caselog.AddAttachment{File: s.file("scan.png", content, false, false)})
	return s
}

func TestADocumentIsStreamedAsItWouldBeEncodedAtOnce(t *testing.T) {
	const chunk = 24 << 10
	for _, size := range []int{0, 1, 2, 3, 4, chunk - 1, chunk, chunk + 1, 2 * chunk, 64 << 10, 3*mebibyte + 1} {
		content := randomText(size)
		s := attached(t, content)
		body := s.rendered(1, render.Options{Clearance: all})
		_, whole := body.Bytes()
		require.Equal(t, size == 0, whole, "a document is streamed unless it is empty")
		got := read(t, body)

		parsed, err := caseupdate.Parse(got)
		require.NoError(t, err)
		encoded := base64.StdEncoding.EncodeToString([]byte(content))
		parsed.Payload.(*caseupdate.AddCaseAttachment).Attachment.Content = &encoded
		want, err := caseupdate.Marshal(parsed)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "a document of %d bytes", size)
	}
}

func TestDocumentsOfACommentStandInTheirOrder(t *testing.T) {
	s := newStory(t, openBlobs(t))
	s.create()
	contents := []string{randomText(100_000), "", "short", randomText(70_000)}
	comment := caselog.AddComment{Text: `"content":"" ` + base64.StdEncoding.EncodeToString([]byte("short"))}
	for _, content := range contents {
		comment.Attachments = append(comment.Attachments, s.file(`"content":""`, content, false, false))
	}
	s.do(nurse, comment)

	body := s.rendered(1, render.Options{Clearance: all})
	text := read(t, body)
	parsed, err := caseupdate.Parse(text)
	require.NoError(t, err)
	shown := parsed.Payload.(*caseupdate.AddCaseComment).Comment
	require.Equal(t, comment.Text, shown.Text)
	require.Len(t, shown.Attachments, len(contents))
	for i, a := range shown.Attachments {
		got, err := base64.StdEncoding.DecodeString(*a.Content)
		require.NoError(t, err)
		require.True(t, contents[i] == string(got), "document %d", i)
	}

	r := body.Open(context.Background())
	require.NoError(t, iotest.TestReader(r, text), "reads of any size give the same")
	require.NoError(t, r.Close())
}

func TestWhatIsTooLargeForABodyIsALink(t *testing.T) {
	s := newStory(t, openBlobs(t))
	s.create()
	comment := caselog.AddComment{Text: "six documents"}
	for _, content := range []string{"", "12345678", "123456789"} {
		comment.Attachments = append(comment.Attachments, s.file("a", content, false, false), s.file("b", content, true, false))
	}
	s.do(nurse, comment)
	for _, test := range []struct {
		name      string
		max       *int
		clearance subscription.Clearance
		want      string // c: content, u: URL, -: empty content
	}{
		{"without a limit", nil, all, "--cccc"},
		{"up to the limit", new(8), all, "--ccuu"},
		{"up to nothing", new(0), all, "--uuuu"},
		{"without clearance, whatever the size", new(8), subscription.Clearance{}, "--c-u-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := s.rendered(1, render.Options{Clearance: test.clearance, MaxInline: test.max, Link: link})
			parsed, err := caseupdate.Parse(read(t, body))
			require.NoError(t, err)
			got := ""
			for _, a := range parsed.Payload.(*caseupdate.AddCaseComment).Comment.Attachments {
				require.NotEqual(t, a.Content == nil, a.URL == nil, "one of them")
				require.Equal(t, a.URL == nil, a.URLExpiresAt == nil)
				switch {
				case a.URL != nil:
					got += "u"
				case *a.Content != "":
					got += "c"
				default:
					got += "-"
				}
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestABodyCanBeOpenedOftenAndAtOnce(t *testing.T) {
	body := attached(t, randomText(200_000)).rendered(1, render.Options{Clearance: all})
	want := read(t, body)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r := body.Open(context.Background())
			got, err := io.ReadAll(r)
			if err != nil || r.Close() != nil || !bytes.Equal(want, got) {
				t.Errorf("the body differs when it is opened again (%v)", err)
			}
		})
	}
	wg.Wait()
}

func TestADocumentIsNeverInMemoryAsAWhole(t *testing.T) {
	s := attached(t, randomText(8*mebibyte))
	body := s.rendered(1, render.Options{Clearance: all})
	live := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := live()
	r := body.Open(context.Background())
	for {
		_, err := io.CopyN(io.Discard, r, mebibyte)
		now := live()
		require.Less(t, max(now, before)-before, uint64(mebibyte), "bytes held while a document is streamed")
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	require.NoError(t, r.Close())
}

func TestABodyThatCannotBeWholeEndsWithAnError(t *testing.T) {
	const size = 100_000
	resize := func(by int64) func(*story) {
		return func(s *story) { s.events[1].Data.(*caselog.AttachmentAdded).Attachment.Size += by }
	}
	for _, test := range []struct {
		name   string
		damage func(*story)
		want   string
		is     error
	}{
		{"the document is shorter than its attachment says", resize(1), "not as long as", nil},
		{"the document is much shorter", resize(size), "not as long as", nil},
		{"the document is longer", resize(-1), "not as long as", nil},
		{"the document is gone", func(s *story) {
			require.NoError(t, s.blobs.Delete(context.Background(), s.events[1].Data.(*caselog.AttachmentAdded).Attachment.ID))
		}, "open document", fs.ErrNotExist},
		{"the key is another case's", func(s *story) { s.key = newStory(t, s.blobs).key }, "document", vault.ErrTampered},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := attached(t, randomText(size))
			test.damage(s)
			body := s.rendered(1, render.Options{Clearance: all})
			r := body.Open(context.Background())
			got, err := io.ReadAll(r)
			require.ErrorContains(t, err, test.want)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			require.Less(t, int64(len(got)), body.Len())

			_, again := r.Read(make([]byte, 1))
			require.Equal(t, err, again, "an error stays")
			require.NoError(t, r.Close())
		})
	}

	t.Run("a size below zero", func(t *testing.T) {
		s := attached(t, "a")
		resize(-2)(s)
		_, err := render.New(s.blobs).Body(s.events[1], s.cases[1], s.key, render.Options{Clearance: all})
		require.ErrorContains(t, err, "not as long as")
	})
}

func TestReadsEndWithTheContextAndWithClose(t *testing.T) {
	body := attached(t, randomText(200_000)).rendered(1, render.Options{Clearance: all})

	ctx, cancel := context.WithCancel(t.Context())
	r := body.Open(ctx)
	_, err := io.CopyN(io.Discard, r, 50_000)
	require.NoError(t, err)
	cancel()
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())

	r = body.Open(t.Context())
	_, err = io.CopyN(io.Discard, r, 50_000)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "closing twice is fine")
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestCloseMayBeCalledWhileReadRuns(t *testing.T) {
	body := attached(t, randomText(mebibyte)).rendered(1, render.Options{Clearance: all})
	r := body.Open(t.Context())
	_, err := io.CopyN(io.Discard, r, 50_000)
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, r)
		ended <- err
	}()
	require.NoError(t, r.Close())
	if err := <-ended; err != nil { // nil where the body ended before it was closed
		require.ErrorIs(t, err, fs.ErrClosed)
	}
}

func TestABodyGoesThroughNetHTTP(t *testing.T) {
	body := attached(t, randomText(2*mebibyte)).rendered(1, render.Options{Clearance: all})
	want := read(t, body)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /moved", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		http.Redirect(w, r, "/hooks", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("POST /hooks", func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != body.Len() || !bytes.Equal(want, got) {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /deaf", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	for path, want := range map[string]int{
		"/hooks": http.StatusOK,
		"/moved": http.StatusOK, // sent twice
		"/deaf":  http.StatusRequestEntityTooLarge,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, body.Open(t.Context()))
		require.NoError(t, err)
		req.ContentLength = body.Len()
		req.GetBody = func() (io.ReadCloser, error) { return body.Open(t.Context()), nil }
		res, err := server.Client().Do(req)
		if path == "/deaf" && err != nil {
			continue // the answer may be lost to the broken connection
		}
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, path)
	}
}

func TestAnErrorTellsNothingOfTheCase(t *testing.T) {
	s := attached(t, "Ada's scan")
	require.NoError(t, s.blobs.Delete(t.Context(), s.events[1].Data.(*caselog.AttachmentAdded).Attachment.ID))
	_, err := io.ReadAll(s.rendered(1, render.Options{Clearance: all}).Open(t.Context()))
	require.Error(t, err)
	for _, private := range []string{"Ada", "scan", "Seacole", "migraine"} {
		require.False(t, strings.Contains(err.Error(), private), private)
	}
}

// longStory tells of a case with that many events.
func longStory(b testing.TB, events int) *story {
	s := newStory(b, openBlobs(b))
	s.create()
	s.do(nurse, caselog.Assign{Users: []caseupdate.User{doctor}})
	steps := []func(){
		func() { s.do(nurse, caselog.AddComment{Text: "How is the head today?"}) },
		func() {
			s.do(patient, caselog.AnswerForm{Form: caseupdate.Form{ID: "form-1", Name: "Diary"}, Answers: []caselog.Answer{
				{Question: caseupdate.Question{Type: "text", Text: "Pain?", IsPHI: true, Options: []string{}}, Text: "Less"},
			}})
		},
		func() { s.do(patient, caselog.AddPayment{Description: "Consultation", Amount: 15950}) },
		func() { s.do(robot, caselog.CreateOrder{}) },
	}
	for i := 0; len(s.events) < events-1; i++ {
		steps[i%len(steps)]()
	}
	s.do(doctor, caselog.Escalate{})
	return s
}

func BenchmarkBody(b *testing.B) {
	for _, bench := range []struct {
		name    string
		events  int
		options render.Options
	}{
		{"basic", 20, render.Options{Clearance: all}},
		{"basic without clearance", 20, render.Options{}},
		{"full of 20 events", 20, render.Options{Payload: "full", Clearance: all}},
		{"full of 20 events without clearance", 20, render.Options{Payload: "full"}},
		{"full of 2,000 events", 2000, render.Options{Payload: "full", Clearance: all}},
		{"full of 2,000 events without clearance", 2000, render.Options{Payload: "full"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := longStory(b, bench.events)
			last := len(s.events) - 1
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(s.rendered(last, bench.options).Len())
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	body := attached(b, randomText(4*mebibyte)).rendered(1, render.Options{Clearance: all})
	b.SetBytes(body.Len())
	b.ReportAllocs()
	for b.Loop() {
		r := body.Open(context.Background())
		_, err := io.Copy(io.Discard, r)
		require.NoError(b, err)
		require.NoError(b, r.Close())
	}
}
