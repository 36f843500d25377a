package caseupdate_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func TestMarshalRefusesWhatParseWouldNotReadAgain(t *testing.T) {
	some := caseupdate.Base{Case: basicCase()}
	late := saying("Zebra")
	late.Case().ClosedAt = &caseupdate.Time{Time: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -2*60*60))}
	for _, test := range []struct {
		name   string
		update *caseupdate.Update
		want   string
	}{
		{"no event", &caseupdate.Update{Payload: &caseupdate.UnknownEvent{Raw: json.RawMessage(`{}`)}}, "event is missing"},
		{"no payload", &caseupdate.Update{Event: caseupdate.EventReopenCase}, "payload is <nil>, not *caseupdate.ReopenCase"},
		{"no payload of an unknown event", &caseupdate.Update{Event: "CASE_MERGED"}, "payload is <nil>, not *caseupdate.UnknownEvent"},
		{"a nil payload", &caseupdate.Update{Event: caseupdate.EventReopenCase, Payload: (*caseupdate.ReopenCase)(nil)}, "payload is nil"},
		{"another event's payload", &caseupdate.Update{Event: caseupdate.EventReopenCase, Payload: &caseupdate.ArchiveCase{Base: some}},
			"payload is *caseupdate.ArchiveCase, not *caseupdate.ReopenCase"},
		{"a known event's payload under an unknown name", &caseupdate.Update{Event: "CASE_MERGED", Payload: &caseupdate.ReopenCase{Base: some}},
			"payload is *caseupdate.ReopenCase, not *caseupdate.UnknownEvent"},
		{"a known event without a case", &caseupdate.Update{Event: caseupdate.EventReopenCase, Payload: &caseupdate.ReopenCase{}}, "case is missing"},
		{"an amount that is too large", costing(caseupdate.MaxAmount + 1), "amount outside -999999999999.99 to 999999999999.99"},
		{"a time after the year 9999", late, "year outside 0 to 9999"},
		{"an unknown event without Raw", &caseupdate.Update{Event: "CASE_MERGED", Payload: &caseupdate.UnknownEvent{Base: some}}, "Raw is not a JSON object"},
		{"an unknown event whose Raw is cut short", &caseupdate.Update{Event: "CASE_MERGED", Payload: &caseupdate.UnknownEvent{Raw: json.RawMessage(`{"into":"Zebra`)}},
			"Raw is not a JSON object"},
		{"an unknown event whose Raw is a list", &caseupdate.Update{Event: "CASE_MERGED", Payload: &caseupdate.UnknownEvent{Raw: json.RawMessage(`["Zebra"]`)}},
			"Raw is not a JSON object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, err := caseupdate.Marshal(test.update)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "caseupdate: write "+string(test.update.Event))
			require.NotContains(t, err.Error(), "Zebra")
			require.Nil(t, body)
		})
	}
}

func TestAnUnknownEventIsWrittenAsItsRawWithoutWhiteSpace(t *testing.T) {
	for _, test := range []struct{ name, raw, want string }{
		{"no white space is nothing to do", `{"a":"b c"}`, `{"a":"b c"}`},
		{"white space between tokens goes, in strings it stays", "\n{ \"a\" : [ 1 ,\t2 ] ,\r\n \"b\" : \" c \" }\n", `{"a":[1,2],"b":" c "}`},
		{"numbers stay as they are", `{"a":1.0,"b":1e2,"c":-0,"d":12345678901234567890}`, `{"a":1.0,"b":1e2,"c":-0,"d":12345678901234567890}`},
		{"keys stay where they are, and twice", `{"b":1,"2":2,"a":3,"1":4,"b":5}`, `{"b":1,"2":2,"a":3,"1":4,"b":5}`},
		{"HTML stays", `{"a":"<&>"}`, `{"a":"<&>"}`},
		{"separators come out as they are", `{"a":"` + "\u2028" + `\u2029"}`, `{"a":"` + "\u2028\u2029" + `"}`},
		{"other escapes stay", `{"a":"\u0041\/\ud83e\\u2028"}`, `{"a":"\u0041\/\ud83e\\u2028"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &caseupdate.Update{Event: "CASE_MERGED", Payload: &caseupdate.UnknownEvent{Raw: json.RawMessage(test.raw)}}
			require.Equal(t, `{"event":"CASE_MERGED","payload":`+test.want+`}`, string(marshal(t, u)))

			read, err := caseupdate.Parse([]byte(`{"event":"CASE_MERGED","payload":` + test.raw + `}`))
			require.NoError(t, err)
			require.Equal(t, string(marshal(t, u)), string(marshal(t, read)))
		})
	}
}

func TestAListIsNullOnlyWhereItIsNil(t *testing.T) {
	for _, test := range []struct {
		name  string
		items []caseupdate.Assignee
		want  string
	}{
		{"nil", nil, `"assignees":null`},
		{"empty", []caseupdate.Assignee{}, `"assignees":[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := told(caseupdate.EventReopenCase)
			u.Case().Assignees = test.items
			require.Contains(t, string(marshal(t, u)), test.want)
		})
	}
}
