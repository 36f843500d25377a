package caselog_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
)

func TestNoRefusalRepeatsWhatWasSent(t *testing.T) {
	const (
		marker = "PLANTED"
		number = 4_815_162_342
	)
	open := tell(t)
	archived := tell(t, caselog.Archive{Reason: marker, Note: new(marker)})
	for _, empty := range []caselog.Command{
		caselog.CreateCase{},
		caselog.AddComment{}, caselog.DeleteComment{},
		caselog.AddAttachment{}, caselog.DeleteAttachment{},
		caselog.AddDecision{}, caselog.AnswerForm{},
		caselog.Assign{}, caselog.Unassign{},
		caselog.AddPayment{}, caselog.CompletePayment{},
		caselog.CreateOrder{}, caselog.ChangeOrderStatus{}, caselog.AddOrderTracking{},
		caselog.Archive{}, caselog.ChangeStatus{},
	} {
		t.Run(fmt.Sprintf("%T", empty), func(t *testing.T) {
			refused := 0
			for _, text := range []string{
				marker, marker + "\x00", marker + "\xff", marker + strings.Repeat("a", caselog.MaxText),
			} {
				filled := reflect.New(reflect.TypeOf(empty)).Elem()
				fill(filled, text, number)
				cmd := filled.Interface().(caselog.Command)
				for _, s := range []*story{open, archived, blank(t)} {
					_, err := caselog.Decide(s.now, cmd, s.act())
					if err == nil {
						continue
					}
					refused++
					require.NotContains(t, err.Error(), marker)
					require.NotContains(t, err.Error(), fmt.Sprint(number))
				}
			}
			require.NotZero(t, refused)
		})
	}
}

func TestADamagedLogIsToldWithoutWhatItSays(t *testing.T) {
	const marker = "PLANTED"
	s := tell(t)
	for _, data := range []caselog.Data{
		&caselog.Created{}, &caselog.CommentDeleted{}, &caselog.AttachmentDeleted{}, &caselog.Unassigned{},
		&caselog.PaymentCompleted{}, &caselog.OrderStatusChanged{}, &caselog.OrderTrackingAdded{},
	} {
		t.Run(string(data.Type()), func(t *testing.T) {
			fill(reflect.ValueOf(data).Elem(), marker, 1)
			_, err := caselog.Fold(s.now, caselog.Event{ID: "event-2", CaseID: "case-1", Sequence: 2, Data: data})
			require.ErrorContains(t, err, "fold event 2 ("+string(data.Type())+") of case case-1")
			require.NotContains(t, err.Error(), marker)
		})
	}
}

// fill sets every text and number in v.
func fill(v reflect.Value, text string, number int64) {
	if !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(number)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, number)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text, number)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), text, number)
		}
	}
}
