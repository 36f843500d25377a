package caseupdate_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
)

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawUpdate(t)
		body := marshal(t, want)
		got, err := caseupdate.Parse(body)
		require.NoError(t, err)
		if diff := cmp.Diff(want, got, notRaw); diff != "" {
			t.Fatalf("update (-want +got):\n%s", diff)
		}
		require.Equal(t, string(body), string(marshal(t, got)))
	})
}

func TestTextComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(drawText, rapid.SampledFrom([]string{
			"\u2028", "\u2029", `\u2028`, "\\\u2028", "\ufffd", `\ufffd`, "<&>", "\x00\x1f\x7f", "🤒",
		})).Draw(t, "text")
		got, err := caseupdate.Parse(marshal(t, saying(want)))
		require.NoError(t, err)
		require.Equal(t, want, got.Payload.(*caseupdate.AddCaseComment).Comment.Text)
	})
}

func TestEachByteThatIsNotUTF8ComesBackAsAReplacementCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		got, err := caseupdate.Parse(marshal(t, saying(text)))
		require.NoError(t, err)
		require.Equal(t, string([]rune(text)), got.Payload.(*caseupdate.AddCaseComment).Comment.Text)
	})
}

func TestAnAmountComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawAmount.Draw(t, "amount")
		for _, print := range []func() ([]byte, error){
			func() ([]byte, error) { return json.Marshal(want) },
			func() ([]byte, error) { return []byte(want.String()), nil },
		} {
			text, err := print()
			require.NoError(t, err)
			var got caseupdate.Amount
			require.NoError(t, json.Unmarshal(text, &got))
			require.Equal(t, want, got, "%s", text)
		}
	})
}

func TestATimeComesBackToTheMillisecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := drawTime.Draw(t, "time").Add(time.Duration(rapid.IntRange(0, 999_999).Draw(t, "nanoseconds")))
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes east"))
		text, err := json.Marshal(caseupdate.Time{Time: moment.In(zone)})
		require.NoError(t, err)
		var got caseupdate.Time
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, caseupdate.At(moment), got)
		require.Equal(t, `"`+got.String()+`"`, string(text))
	})
}

// drawUpdate draws one of the story's updates, and for each value in it another.
func drawUpdate(t *rapid.T) *caseupdate.Update {
	u := told(rapid.SampledFrom(caseupdate.Events()).Draw(t, "event"))
	redraw(t, reflect.ValueOf(u.Payload))
	return u
}

var (
	drawText = rapid.StringOfN(rapid.OneOf(
		rapid.Rune(),
		rapid.SampledFrom([]rune("\u2028\u2029\ufffd\x00\x1f\x7f\\\"/<>&u28🤒")),
	), 0, 12, -1)
	drawAmount = rapid.Custom(func(t *rapid.T) caseupdate.Amount {
		return caseupdate.Amount(rapid.Int64Range(-int64(caseupdate.MaxAmount), int64(caseupdate.MaxAmount)).Draw(t, "minor"))
	})
	// drawTime draws any moment that the format can write.
	drawTime = rapid.Custom(func(t *rapid.T) caseupdate.Time {
		first, last := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
		return caseupdate.At(time.UnixMilli(rapid.Int64Range(first.UnixMilli(), last.UnixMilli()).Draw(t, "millisecond")))
	})
)

// redraw sets every value in v anew, and some pointers to nil; but neither the case
// nor its details, which say what shape an update has.
func redraw(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case caseupdate.Time:
		v.Set(reflect.ValueOf(drawTime.Draw(t, "time")))
		return
	case caseupdate.Amount:
		v.Set(reflect.ValueOf(drawAmount.Draw(t, "amount")))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(drawText.Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "flag"))
	case reflect.Int:
		v.SetInt(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "number"))
	case reflect.Struct:
		for i := range v.NumField() {
			redraw(t, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			redraw(t, v.Index(i))
		}
	case reflect.Pointer:
		switch {
		case v.IsNil():
		case v.CanSet() && !shapes(v) && rapid.IntRange(0, 4).Draw(t, "null") == 0:
			v.SetZero()
		default:
			redraw(t, v.Elem())
		}
	}
}

func shapes(v reflect.Value) bool {
	switch v.Interface().(type) {
	case *caseupdate.Case, *caseupdate.Details:
		return true
	}
	return false
}
