package refusal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/refusal"
)

func TestARefusalTellsTheDetailThenEachFault(t *testing.T) {
	for _, test := range []struct {
		name    string
		refused *refusal.Error
		want    refusal.Error
		text    string
	}{
		{
			"without a fault",
			refusal.Of(refusal.Conflict, "the case is archived"),
			refusal.Error{Kind: refusal.Conflict, Detail: "the case is archived"},
			"the case is archived",
		},
		{
			"with one",
			refusal.Field("title", "must not be empty"),
			refusal.Error{
				Kind: refusal.Invalid, Detail: "the request cannot be accepted",
				Faults: []refusal.Fault{{Field: "title", Allowed: "must not be empty"}},
			},
			"the request cannot be accepted: title must not be empty",
		},
		{
			"with several",
			refusal.Fields(
				refusal.Fault{Field: "title", Allowed: "must not be empty"},
				refusal.Fault{Field: "responses[3].text", Allowed: "must be UTF-8"},
				refusal.Fault{Field: "submitter.dob", Allowed: "must be a date, such as 1984-07-12"},
			),
			refusal.Error{
				Kind: refusal.Invalid, Detail: "the request cannot be accepted",
				Faults: []refusal.Fault{
					{Field: "title", Allowed: "must not be empty"},
					{Field: "responses[3].text", Allowed: "must be UTF-8"},
					{Field: "submitter.dob", Allowed: "must be a date, such as 1984-07-12"},
				},
			},
			"the request cannot be accepted: title must not be empty; responses[3].text must be UTF-8; " +
				"submitter.dob must be a date, such as 1984-07-12",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(&test.want, test.refused); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
			require.EqualError(t, test.refused, test.text)
		})
	}
}

func TestARefusalIsFoundInWhatWrapsIt(t *testing.T) {
	err := fmt.Errorf("add a comment: %w", refusal.Of(refusal.NotFound, "there is no such case"))
	refused, ok := errors.AsType[*refusal.Error](err)
	require.True(t, ok)
	require.Equal(t, refusal.NotFound, refused.Kind)
}

func TestKindsAreToldApart(t *testing.T) {
	seen := make(map[refusal.Kind]bool)
	for _, kind := range []refusal.Kind{
		refusal.Invalid, refusal.Unauthorized, refusal.Forbidden, refusal.NotFound, refusal.Conflict, refusal.TooLarge,
	} {
		require.NotZero(t, kind, "an error without a kind has none of them")
		require.False(t, seen[kind])
		seen[kind] = true
	}
}
