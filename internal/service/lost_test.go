//go:build unix

package service_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/service"
)

func TestADocumentIsKeptWhereItIsNotKnownWhetherItsChangeWas(t *testing.T) {
	way := postgrestest.NewDeaf(t, postgrestest.DSN(t))
	w := newWorldOn(t, t.TempDir(), way.URL)
	id := w.newCase(t)
	var err error
	for err == nil { // it may be another commit that was lost
		_, err = w.AddAttachment(t.Context(), w.caller, id, service.Upload{FileName: "a.txt", Content: &meanwhile{
			Reader:  strings.NewReader("a document"),
			happens: way.Lose,
		}}, nil)
	}
	require.True(t, service.Unavailable(err), err)

	state, err := w.Case(t.Context(), w.caller, id, 0)
	require.NoError(t, err)
	require.NotEmpty(t, state.Attachments)
	for _, attachment := range state.Attachments {
		_, content, err := w.Attachment(t.Context(), w.caller, id, attachment.ID)
		require.NoError(t, err)
		text, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, content.Close())
		require.Equal(t, "a document", string(text))
	}
}
