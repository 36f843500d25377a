package caselog_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
)

// long returns the story of a case with n events of many kinds.
func long(b *testing.B, n int) *story {
	b.Helper()
	s := blank(b)
	s.do(creation())
	for i := 0; len(s.events) < n; i++ {
		var cmd caselog.Command
		switch i % 6 {
		case 0:
			cmd = caselog.AddComment{Text: "Worse in the morning", Attachments: []caselog.File{file(fmt.Sprint("diary-", i))}}
		case 1:
			cmd = caselog.AddAttachment{File: file(fmt.Sprint("scan-", i))}
		case 2:
			cmd = caselog.AddPayment{Description: "Consultation", Amount: 15950}
		case 3:
			cmd = caselog.CompletePayment{PaymentID: s.now.Payments[len(s.now.Payments)-1].ID}
		case 4:
			cmd = caselog.CreateOrder{}
		case 5:
			cmd = caselog.ChangeOrderStatus{OrderID: s.now.Orders[len(s.now.Orders)-1].ID, Status: "SHIPPED"}
		}
		happened, err := caselog.Decide(s.now, cmd, s.act())
		require.NoError(b, err)
		s.now, err = caselog.Fold(s.now, happened...)
		require.NoError(b, err)
		s.events = append(s.events, happened...)
	}
	return s
}

func BenchmarkFold(b *testing.B) {
	for _, n := range []int{20, 2_000} {
		s := long(b, n)
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := caselog.Fold(nil, s.events...); err != nil {
					b.Fatal(err)
				}
			}
		})
		next := s.do(caselog.AddComment{Text: "Better"})
		last := s.events[len(s.events)-len(next)]
		before, err := caselog.Fold(nil, s.events[:n]...)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("one-more-after=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := caselog.Fold(before, last); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	comment := caselog.AddComment{Text: "Worse in the morning", Attachments: []caselog.File{file("diary")}}
	for _, n := range []int{20, 2_000} {
		s := long(b, n)
		act := s.act()
		act.NewID = func() string { return "01900000-0000-7000-8000-000000000000" }
		for _, test := range []struct {
			name string
			cmd  caselog.Command
		}{
			{"comment", comment},
			{"order-status", caselog.ChangeOrderStatus{OrderID: s.now.Orders[len(s.now.Orders)-1].ID, Status: "DELIVERED"}},
		} {
			b.Run(fmt.Sprintf("%s/events=%d", test.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := caselog.Decide(s.now, test.cmd, act); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
