package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mark stands in what is sent, and must not be in what is answered or logged.
const mark = "CANARY"

// The tables follow JSONTestSuite of "Parsing JSON is a Minefield": what a parser
// must take, what it must refuse, and what it may do as it likes. Of the last,
// casehook says here what it does.

// wellFormed is JSON, and refused only because no call takes it.
var wellFormed = []string{
	`[]`, `{}`, `[[]   ]`, `[""]`, `[null, 1, "1", {}]`, `[1` + "\n" + `]`, ` [1]`, `[1,null,null,null,2]`, `[2] `, "\t[\n]\r ",
	`[123e65]`, `[0e+1]`, `[0e1]`, `[ 4]`, `[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]`,
	`[20e1]`, `[-0]`, `[-123]`, `[-1]`, `[1E22]`, `[1E-2]`, `[1E+2]`, `[123e45]`, `[123.456e78]`, `[1e-2]`, `[1e+2]`, `[123]`, `[123.456789]`,
	`{"asd":"sdf", "dfg":"fgh"}`, `{"asd":"sdf"}`, `{"":0}`, `{"foo\u0000bar": 42}`, `{ "min": -1.0e+28, "max": 1.0e+28 }`,
	`{"x":[{"id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}], "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`,
	`{"title":"\u041f\u043e\u043b\u0442\u043e\u0440\u0430 \u0417\u0435\u043c\u043b\u0435\u043a\u043e\u043f\u0430" }`, "{\n\"a\": \"b\"\n}",
	`["\u0060\u012a\u12AB"]`, `["\uD801\udc37"]`, `["\ud83d\ude39\ud83d\udc8d"]`, `["\"\\\/\b\f\n\r\t"]`, `["\\u0000"]`, `["\""]`, `["a/*b*/c/*d//e"]`,
	`["\\a"]`, `["\\n"]`, `["\u0012"]`, `["\uFFFF"]`, `["asd"]`, `["\uDBFF\uDFFF"]`, `["new\u00A0line"]`, "[\"\U0010FFFF\"]", "[\"\uffff\"]",
	`["\u0000"]`, `["\u002c"]`, "[\"\u03c0\"]", "[\"\U0001bfff\"]", "[\"asd \"]", `" "`, `["\uD834\uDd1e"]`, `["\u0821"]`, `["\u0123"]`,
	"[\"\u2028\"]", "[\"\u2029\"]", `["\u0061\u30af\u30EA\u30b9"]`, "[\"new\u00a0line\"]", "[\"\u2342\u3201\"]", "[\"\x7f\"]", "[\"a\u2342\x7fa\"]", `["\u200B"]`,
	`["\u2064"]`, `["\uFDD0"]`, `["\uFFFE"]`, "[\"€𝄞\"]", `["\uA66D"]`, `false`, `42`, `-0.1`, `null`, `"asd"`, `true`, `""`, `[true]`,
	// These a parser may refuse.
	`[123.456e-789]`, `[-123123123123123123123123123123]`, `[100000000000000000000]`, `[-237462374673276894279832749832423479823246327846]`,
}

// illFormed is no JSON.
var illFormed = []string{
	`[1 true]`, `["": 1]`, `[""],`, `[,1]`, `[1,,2]`, `["x",,]`, `["x"]]`, `["",]`, `["x"`, `[x`, `[3[4]]`, `[1:2]`, `[,]`, `[-]`, `[   , ""]`,
	"[\"a\",\n4\n,1,", `[1,]`, `[1,,]`, `["` + "\v" + `a"\f]`, `[*]`, `[""`, `[1,`, "[1,\n1\n,1", `[{}`, `[fals]`, `[nul]`, `[tru]`, "123\x00",
	`[++1234]`, `[+1]`, `[+Inf]`, `[-01]`, `[-1.0.]`, `[-2.]`, `[-NaN]`, `[.-1]`, `[.2e-3]`, `[0.1.2]`, `[0.3e+]`, `[0.3e]`, `[0.e1]`, `[0E+]`, `[0E]`, `[0e+]`, `[0e]`,
	`[1.0e+]`, `[1.0e-]`, `[1.0e]`, `[1 000.0]`, `[1eE2]`, `[2.e+3]`, `[2.e-3]`, `[2.e3]`, `[9.e+]`, `[Inf]`, `[NaN]`, "[\uff11]", `[1+2]`, `[0x1]`, `[0x42]`, `[Infinity]`,
	`[0e+-1]`, `[-123.123foo]`, `[-Infinity]`, `[-foo]`, `[- 1]`, `[-012]`, `[-.123]`, `[-1x]`, `[1ea]`, `[1.]`, `[.123]`, `[1.2a-3]`, `[1.8011670033376514H-308]`, `[012]`,
	`["x", truth]`, `{[: "x"}`, `{"x", null}`, `{"x"::"b"}`, `{🇨🇭}`, `{"a":"a" 123}`, `{key: 'value'}`, `{"a" b}`, `{:"b"}`, `{"a" "b"}`, `{"a":`, `{"a"`, `{1:1}`,
	`{9999E9999:1}`, `{null:null,null:null}`, `{"id":0,,,,,}`, `{'a':0}`, `{"id":0,}`, `{"a":"b"}/**/`, `{"a":"b"}/**//`, `{"a":"b"}//`, `{"a":"b"}/`, `{"a":"b",,"c":"d"}`,
	`{a: "b"}`, `{"a":"a`, `{ "foo" : "bar", "a" }`, `{"a":"b"}#`, ` `, `["\uD800\"]`, `["\uD800\u"]`, `["\uD800\u1"]`, `["\uD800\u1x"]`, `[é]`, "[\"\\\x00\"]", `["\x00"]`,
	`["\\\"]`, "[\"\\\t\"]", `["\🌀"]`, `["\"]`, `["\u00A"]`, `["\uD834\uDd"]`, `["\uD800\uD800\x"]`, `["\a"]`, `["\uqqqq"]`, `[\u0020"asd"]`, `[\n]`, `"`, `['single quote']`,
	`abc`, `["\`, "[\"a\x00a\"]", "[\"new\nline\"]", "[\"\t\"]", `"\UA66D"`, `""x`, `<.>`, `[<null>]`, "\u2060", "\ufeff{}", "\ufeff", `[1]x`, `[1]]`, `["asd]`, `aå`, `[True]`, `1]`,
	`{"x": true,`, `[][]`, `]`, `{]`, `[`, "[\x00]", `2@`, `{}}`, `{"":`, `{"a":/*comment*/"b"}`, `{"a": true} "x"`, `['`, `[,`, `[{`, `["a`, `["a"`, `{`, `{,`, `{[`, `{'a'`, `{"`,
	`{"a":"b"}#{}`, `[\u000A""]`, `[1`, `[ false, nul`, `[ true, fals`, `[ false, tru`, `{"asd":"asd"`, "[\f]", "[\v1]", "\u00a0[1]", "[\u2029]", `<!--a-->{}`, `NaN`, `undefined`,
	"\xff", "[\"\xe9\"]", "[\"\x81\"]", "[\"\xf4\xbf\xbf\xbf\"]", "[\"\xed\xa0\x80\"]", "[\"\xc0\xaf\"]", "[\"\xfc\x83\xbf\xbf\xbf\xbf\"]", "[\"\xe6\x97\xa5\xd1\x88\xfa\"]", "\xff\xfe[\x00\"\x00\xe9\x00\"\x00]\x00", "\x00[\x00\"\x00\xe9\x00\"\x00]",
	strings.Repeat("[", 100_000), strings.Repeat(`{"":`, 100_000), strings.Repeat(`[{"":`, 50_000) + "\n",
}

// undecided is what a parser may take or refuse; casehook refuses it, by 422.
var undecided = []string{
	`[1e9999]`, `[-1e+9999]`, `[1.5e+9999]`, `[-123123e100000]`, `[123123e100000]`, `["\uDADA"]`, `["\uD888\u1234"]`, `["\uD800\n"]`, `["\uDd1ea"]`, `["\uD800\uD800\n"]`, `["\ud800"]`, `["\ud800abc"]`,
	`["\uDd1e\uD834"]`, `["\uDFAA"]`, `{"\uDFAA":0}`, `{"a":"b","a":"c"}`, `{"a":"b","a":"b"}`, `{"a":1,"\u0061":1}`, strings.Repeat("[", 500) + strings.Repeat("]", 500),
}

func TestEveryCallReadsJSONStrictly(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	comments := "/v1/cases/" + id + "/comments"
	before := s.get(t, "/v1/events").body
	for about, table := range map[string]struct {
		texts  []string
		status int
	}{
		"well-formed": {wellFormed, 422},
		"ill-formed":  {illFormed, 400},
		"undecided":   {undecided, 422},
	} {
		for i, text := range table.texts {
			t.Run(fmt.Sprintf("%s/%d", about, i), func(t *testing.T) {
				for _, body := range []string{
					text,
					`{"text":"` + mark + `","colour":` + text + `}`,
					`{"colour":` + text + `,"text":"` + mark + `"}`,
				} {
					refused := s.post(t, comments, body)
					require.Equal(t, table.status, refused.status, "%.200q\n%s", body, refused)
					require.NotContains(t, refused.String(), mark)
				}
			})
		}
	}
	require.Equal(t, string(before), string(s.get(t, "/v1/events").body), "something was recorded")
	require.NotContains(t, s.log.String(), mark)
}
