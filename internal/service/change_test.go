package service_test

import (
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// meanwhile is a document during whose reading something else happens.
type meanwhile struct {
	io.Reader
	happens func()
}

func (m *meanwhile) Read(p []byte) (int, error) {
	if m.happens != nil {
		m.happens()
		m.happens = nil
	}
	return m.Reader.Read(p)
}

func TestADocumentOfARefusedChangeIsNotKept(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, dir)
	id := w.newCase(t)
	content := &meanwhile{Reader: strings.NewReader("a document"), happens: func() {
		_, err := w.Change(t.Context(), w.caller, id, caselog.Archive{Reason: "done"}, nil)
		require.NoError(t, err)
	}}
	_, err := w.AddAttachment(t.Context(), w.caller, id, service.Upload{FileName: "a.txt", Content: content}, nil)
	var refused *refusal.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, refusal.Conflict, refused.Kind)
	require.Empty(t, files(t, dir+"/blobs"))
}

// files returns the paths of all files below dir.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}
