package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/refusal"
)

func TestAFieldThatIsGivenTwiceIsNamed(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{`{"a":1,"b":2}`, ""},
		{`{"a":{"a":1},"b":{"a":1}}`, ""},
		{`[{"a":1},{"a":1}]`, ""},
		{`{"a":"a","b":"a"}`, ""},
		{`{"a":"\"a\":","\"":1}`, ""},
		{`{"a":1,"a":2}`, "a"},
		{`{"a":1 , "b":"{" , "a" : 2}`, "a"},
		{`{"a":[{},{"b":1,"b":1}]}`, "a[1].b"},
		{`{"a":[1,[2,3,{"b":{"c":1,"\u0063":1}}]]}`, "a[1][2].b.c"},
		{`{"a\\":1,"a\\":1}`, `a\`},
	} {
		t.Run(test.body, func(t *testing.T) {
			err := checkJSON([]byte(test.body), nil)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			refused, ok := errors.AsType[*refusal.Error](err)
			require.True(t, ok)
			require.Equal(t, []refusal.Fault{{Field: test.want, Allowed: "must not be given twice"}}, refused.Faults)
		})
	}
}

func TestHalfOfASurrogatePairIsNamed(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{`{"a":"\ud83d\ude00 \u00e9 \\ud800 \"\\"}`, ""},
		{`{"a":["x",{"b":"\ud83d"}]}`, "a[1].b"},
		{`{"a":"\ud83d\u0041"}`, "a"},
		{`{"a":"\ud83dx\ude00"}`, "a"},
		{`{"a":"\ude00\ud83d"}`, "a"},
		{`["\ud83d\ude00\ud83d"]`, "[0]"},
		{`"\udfff"`, "body"},
	} {
		t.Run(test.body, func(t *testing.T) {
			err := checkJSON([]byte(test.body), nil)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			refused, ok := errors.AsType[*refusal.Error](err)
			require.True(t, ok)
			require.Equal(t, []refusal.Fault{{Field: test.want, Allowed: "must not have half of a surrogate pair"}}, refused.Faults)
		})
	}
}

func TestANumberThatCannotBeReadIsNamed(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{`{"a":[0,-1.5e-7,1E+308,1e-400,12]}`, ""},
		{`{"a":"1e400"}`, ""},
		{`{"a":[1,{"b":1e400}]}`, "a[1].b"},
		{`[-1E+400]`, "[0]"},
		{`1e400`, "body"},
	} {
		t.Run(test.body, func(t *testing.T) {
			err := checkJSON([]byte(test.body), nil)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			refused, ok := errors.AsType[*refusal.Error](err)
			require.True(t, ok)
			require.Equal(t, []refusal.Fault{{Field: test.want, Allowed: "must not be such a large number"}}, refused.Faults)
		})
	}
}

func TestABodyIsBoundedInDepth(t *testing.T) {
	require.NoError(t, checkJSON([]byte(strings.Repeat("[", maxDepth)+strings.Repeat("]", maxDepth)), nil))
	require.Error(t, checkJSON([]byte(strings.Repeat("[", maxDepth+1)+strings.Repeat("]", maxDepth+1)), nil))
	require.Error(t, checkJSON([]byte(strings.Repeat("[", 1_000_000)+strings.Repeat("]", 1_000_000)), nil))
}

// FuzzCheckJSON compares the walk with encoding/json's own decoder: what is let
// pass must be JSON and have no field twice, and what is so must pass.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,{"b":"\"}"}],"c":null}`, `{"a":1,"a":2}`, `{"\u0061":1,"a":2}`, `[1e400,-0.5E-2]`, `"\\"`, `[[]`, `1 2`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		passed := checkJSON(body, nil) == nil
		repeats, err := hasRepeatedKey(json.NewDecoder(bytes.NewReader(body)))
		fine := err == nil && !repeats && utf8.Valid(body) && json.Valid(body)
		shallow := bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) <= maxDepth
		if passed && !fine || !passed && fine && shallow {
			t.Fatalf("%q passed: %v", body, passed)
		}
	})
}

// hasRepeatedKey reads one value, by tokens.
func hasRepeatedKey(decoder *json.Decoder) (bool, error) {
	token, err := decoder.Token()
	if err != nil {
		return false, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return false, nil
	}
	repeats, keys := false, map[string]bool{}
	for decoder.More() {
		if delim == '{' {
			key, err := decoder.Token()
			if err != nil {
				return false, err
			}
			repeats = repeats || keys[key.(string)]
			keys[key.(string)] = true
		}
		inner, err := hasRepeatedKey(decoder)
		if err != nil {
			return false, err
		}
		repeats = repeats || inner
	}
	_, err = decoder.Token()
	return repeats, err
}
