package caseupdate_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
)

// javaScript returns what JSON.stringify(JSON.parse(body)) makes of each body, in
// one Node process.
func javaScript(t *testing.T, bodies [][]byte) [][]byte {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not on the PATH: install Node.js 20 or later (Debian: apt-get install nodejs)")
	}
	question, err := json.Marshal(bodies)
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", "testdata/node/stringify.mjs")
	node.Stdin = bytes.NewReader(question)
	node.Stderr = t.Output()
	answer, err := node.Output()
	require.NoError(t, err)
	var again [][]byte
	require.NoError(t, json.Unmarshal(answer, &again))
	require.Len(t, again, len(bodies))
	return again
}

func TestJavaScriptPrintsTheSameBytes(t *testing.T) {
	type body struct {
		name string
		text []byte
	}
	var bodies []body
	for _, g := range goldens() {
		bodies = append(bodies, body{g.file, g.read(t)})
	}
	for name, text := range nastyTexts {
		bodies = append(bodies, body{name, marshal(t, saying(text))})
	}
	for _, amount := range []caseupdate.Amount{0, 1, 10, 99, 100, 159_00, 159_50, 159_05, -1, -159_50, caseupdate.MaxAmount, -caseupdate.MaxAmount} {
		bodies = append(bodies, body{"amount " + amount.String(), marshal(t, costing(amount))})
	}
	for _, clock := range []string{"00:00:00", "14:05:06.7", "23:59:59.999999"} {
		u := told(caseupdate.EventAddCaseComment)
		u.Case().CreatedAt = on(clock)
		bodies = append(bodies, body{"time " + clock, marshal(t, u)})
	}
	unknown, err := caseupdate.Parse([]byte(`{"event":"CASE_MERGED\u2028","payload":{"case":{},"into":"a\u2028b\\u2028","n":159.5}}`))
	require.NoError(t, err)
	bodies = append(bodies, body{"an unknown event, written as JavaScript does", marshal(t, unknown)})

	texts := make([][]byte, len(bodies))
	for i, b := range bodies {
		texts[i] = b.text
	}
	for i, got := range javaScript(t, texts) {
		t.Run(bodies[i].name, func(t *testing.T) {
			if diff := cmp.Diff(string(got), string(bodies[i].text)); diff != "" {
				t.Errorf("body (-JavaScript +Go):\n%s", diff)
			}
		})
	}
}

func TestJavaScriptPrintsTheSameBytesOfAnyUpdate(t *testing.T) {
	var bodies [][]byte
	rapid.Check(t, func(t *rapid.T) {
		bodies = append(bodies, marshal(t, drawUpdate(t)))
	})
	for i, want := range javaScript(t, bodies) {
		if diff := cmp.Diff(string(want), string(bodies[i])); diff != "" {
			t.Fatalf("body (-JavaScript +Go):\n%s", diff)
		}
	}
}

func TestHalfOfASurrogatePairBecomesAReplacementCharacter(t *testing.T) {
	texts := []struct{ name, escaped, want string }{
		{"a pair is one character", `\ud83e\udd12`, "🤒"},
		{"a first half alone", `a\ud83eb`, "a\ufffdb"},
		{"a second half alone", `a\udd12b`, "a\ufffdb"},
		{"a pair the wrong way round", `\udd12\ud83e`, "\ufffd\ufffd"},
		{"a first half at the end", `a\ud83e`, "a\ufffd"},
	}
	var bodies [][]byte
	for _, test := range texts {
		body := strings.Replace(string(marshal(t, saying("PLACE"))), "PLACE", test.escaped, 1)
		u, err := caseupdate.Parse([]byte(body))
		require.NoError(t, err, test.name)
		require.Equal(t, test.want, u.Payload.(*caseupdate.AddCaseComment).Comment.Text, test.name)
		bodies = append(bodies, marshal(t, u))
	}
	// JavaScript can hold half a pair and would print it escaped; it must find none.
	for i, want := range javaScript(t, bodies) {
		require.Equal(t, string(want), string(bodies[i]), texts[i].name)
	}
}

// nastyTexts are texts that printers of JSON write in different ways.
var nastyTexts = map[string]string{
	"nothing":                              "",
	"HTML":                                 `<script>alert("1 & 2 > 0")</script>`,
	"line and paragraph separators":        "a\u2028b\u2029c",
	"a replacement character":              "a\ufffdb",
	"every control character":              controls(),
	"quotes, backslashes and slashes":      `"\'/` + "`",
	"what looks like an escape":            `\u2028 \\u2029 \\\ufffd \n \`,
	"a backslash before a separator":       "\\\u2028 \\\\\u2029",
	"emoji":                                "🤒 👩🏽‍⚕️ 🇬🇧",
	"beyond the basic plane":               "𝔄\U0010ffff\U00010000",
	"a byte order mark and noncharacters":  "\ufeff\ufffe\uffff",
	"marks that combine, from right":       "e\u0301 שָׁלוֹם \u202e\u200f\u200d",
	"what a prototype is called":           `{"__proto__":{"constructor":1}}`,
	"bytes that are not UTF-8":             "a\xff\xed\xa0\xbd\xc0\xafb",
	"bytes that are not UTF-8, at the end": "a\xe2\x80",
}

// controls are U+0000 to U+001F, DEL and U+0080 to U+009F.
func controls() string {
	var all []rune
	for r := rune(0); r < 0x20; r++ {
		all = append(all, r, 0x80+r)
	}
	return string(append(all, 0x7f))
}

// saying is the story's comment with another text.
func saying(text string) *caseupdate.Update {
	u := told(caseupdate.EventAddCaseComment)
	u.Payload.(*caseupdate.AddCaseComment).Comment.Text = text
	return u
}

// costing is the story's payment with another amount.
func costing(amount caseupdate.Amount) *caseupdate.Update {
	u := told(caseupdate.EventPaymentAdded)
	u.Payload.(*caseupdate.PaymentAdded).Payment.Amount = amount
	return u
}
