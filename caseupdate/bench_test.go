package caseupdate_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func BenchmarkParse(b *testing.B) {
	body, err := os.ReadFile("testdata/golden/ADD_CASE_COMMENT.json")
	require.NoError(b, err)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := caseupdate.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshal(b *testing.B) {
	update := told(caseupdate.EventAddCaseComment)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := caseupdate.Marshal(update); err != nil {
			b.Fatal(err)
		}
	}
}
