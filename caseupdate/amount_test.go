package caseupdate_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func TestAnAmountIsPrintedInMajorUnits(t *testing.T) {
	for _, test := range []struct {
		name   string
		amount caseupdate.Amount
		want   string
	}{
		{"nothing", 0, "0"},
		{"whole units have no point", 159_00, "159"},
		{"a last zero is left out", 159_50, "159.5"},
		{"a first zero stays", 159_05, "159.05"},
		{"both places", 159_99, "159.99"},
		{"less than one unit", 1, "0.01"},
		{"less than nothing", -50, "-0.5"},
		{"the most", caseupdate.MaxAmount, "999999999999.99"},
		{"the most that fits", math.MaxInt64, "92233720368547758.07"},
		{"the least that fits", math.MinInt64, "-92233720368547758.08"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, test.amount.String())
		})
	}
}

func TestAnAmountIsReadExactly(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       caseupdate.Amount
	}{
		{"a whole number", `159`, 159_00},
		{"one place", `159.5`, 159_50},
		{"more zeros than needed", `159.5000`, 159_50},
		{"what binary floating point cannot hold", `0.29`, 29},
		{"an exponent", `1.5e2`, 150_00},
		{"a negative exponent", `15950E-2`, 159_50},
		{"an exponent with zeros in front", `1e+0002`, 100_00},
		{"nothing, times whatever", `0e99`, 0},
		{"less than nothing", `-0.01`, -1},
		{"minus nothing", `-0`, 0},
		{"the most", `999999999999.99`, caseupdate.MaxAmount},
		{"the least", `-999999999999.99`, -caseupdate.MaxAmount},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got caseupdate.Amount
			require.NoError(t, json.Unmarshal([]byte(test.text), &got))
			require.Equal(t, test.want, got)
		})
	}
}

func TestWhatIsNoAmountIsRefusedAndNotRepeated(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"tenths of a cent", `7731.001`},
		{"more than the most", `7731000000000`},
		{"less than the least", `-7731000000000`},
		{"far more than the most", `7731e99`},
		{"an exponent that would take all memory", `7731e999999999`},
		{"an exponent that would take all memory, behind zeros", `7731e-000999999999`},
		{"more digits than an amount can have", `7731.00000000000000000000000000000000000`},
		{"a string", `"7731"`},
		{"a flag", `true`},
		{"a list", `[7731]`},
		{"an object", `{"7731":7731}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := caseupdate.Amount(1)
			err := json.Unmarshal([]byte(test.text), &got)
			var mistyped *json.UnmarshalTypeError
			require.ErrorAs(t, err, &mistyped)
			require.NotContains(t, err.Error(), "7731")
			require.Equal(t, caseupdate.Amount(1), got, "what was there before")
		})
	}
}

func TestNullLeavesAnAmountAsItWas(t *testing.T) {
	got := caseupdate.Amount(1)
	require.NoError(t, json.Unmarshal([]byte(`null`), &got))
	require.Equal(t, caseupdate.Amount(1), got)
}

func TestAnAmountBeyondTheMostIsNotWritten(t *testing.T) {
	for _, amount := range []caseupdate.Amount{caseupdate.MaxAmount + 1, -caseupdate.MaxAmount - 1, math.MaxInt64, math.MinInt64} {
		_, err := json.Marshal(amount)
		require.ErrorContains(t, err, "amount outside -999999999999.99 to 999999999999.99")
	}
}
