package dashboard

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

func TestAnEndpointIsNamedByItsDescriptionOrByWhereItIs(t *testing.T) {
	const id, other = "019ac0de-0000-7000-8000-000000a1b2c3", "019ac0de-0000-7000-8000-000000d4e5f6"
	at := func(id, url, description string) *subscription.Endpoint {
		e := subscription.New(url, service.FullClearance)
		e.ID, e.Description = id, description
		return e
	}
	for _, test := range []struct {
		name string
		of   []*subscription.Endpoint
		want []string
	}{
		{"its description", []*subscription.Endpoint{at(id, "https://partner.example/hooks", "The pharmacy")}, []string{"The pharmacy"}},
		{"a description of blanks is none", []*subscription.Endpoint{at(id, "https://partner.example/hooks", " \t")}, []string{"partner.example/hooks"}},
		{"where it is, without what may be secret", []*subscription.Endpoint{at(id, "https://partner.example/hooks?token=secret", "")}, []string{"partner.example/hooks"}},
		{
			"two that would look the same",
			[]*subscription.Endpoint{at(id, "https://partner.example/hooks?for=1", ""), at(other, "https://partner.example/hooks?for=2", "")},
			[]string{"partner.example/hooks …a1b2c3", "partner.example/hooks …d4e5f6"},
		},
		{
			"two at one place, told apart by their descriptions",
			[]*subscription.Endpoint{at(id, "https://partner.example/hooks", "Lab"), at(other, "https://partner.example/hooks", "")},
			[]string{"Lab", "partner.example/hooks"},
		},
		{"one with a long description", []*subscription.Endpoint{at(id, "https://partner.example/hooks", strings.Repeat("長", 100))}, []string{strings.Repeat("長", 59) + "…"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, name := range endpointNames(test.of) {
				got = append(got, name.String())
				require.Equal(t, "/endpoints/"+name.ID, name.Path)
				require.NotContains(t, name.Address, "?")
			}
			require.Equal(t, test.want, got)
		})
	}

	gone := deletedName(service.DeletedEndpoint{ID: id, Recipient: "https://partner.example/hooks", Description: "The pharmacy"})
	require.Equal(t, "The pharmacy …a1b2c3 (deleted)", gone.String())
	require.Empty(t, gone.Path)
	require.Equal(t, "An endpoint …a1b2c3 (deleted)", deletedName(service.DeletedEndpoint{ID: id}).String())
}
