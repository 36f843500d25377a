package dashboard

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/casehook/casehook/internal/service"
)

// span is the time of which the traffic is told.
type span struct {
	Name    string // in the address
	Words   string
	long    time.Duration
	step    time.Duration
	Step    string // in words
	moments string // how the steps are told
}

// spans are what can be chosen, by their names.
var spans = map[string]span{
	"":     hour,
	"hour": hour,
	"day":  day,
}

var (
	hour = span{Name: "hour", Words: "last hour", long: time.Hour, step: time.Minute, Step: "minute", moments: "15:04"}
	day  = span{Name: "day", Words: "last day", long: 24 * time.Hour, step: 15 * time.Minute, Step: "15 minutes", moments: "Jan 2 15:04"}
)

// trafficView is what went to endpoints in a span: the figures of all of it, and of each step,
// the oldest first.
type trafficView struct {
	Span   span
	Total  trafficRow
	Told   string // all of it, as sentences
	Rate   string // of messages that were delivered
	Share  string // of the attempts that failed; "" where there were none
	Points []trafficRow
	moved  bool // something was attempted
}

// trafficRow is a step, in words and as the script that draws charts reads it.
type trafficRow struct {
	At                        figure // Unix seconds
	Delivered, FailedAttempts figure
	Failed, Waiting           figure
	Median, P99               figure // milliseconds
}

// figure is a number with how it is told. Where there is none, both are "".
type figure struct{ Value, Text string }

func (d *Dashboard) viewTraffic(ctx context.Context, who service.Caller, s span, now time.Time) (trafficView, error) {
	since := now.Add(s.step - 1).Truncate(s.step).Add(-s.long) // each step but the one that goes on is a whole one
	traffic, err := d.service.Traffic(ctx, who, service.TrafficFilter{Since: since, Until: now, Step: s.step})
	if err != nil {
		return trafficView{}, err
	}
	total := traffic.Total
	view := trafficView{
		Span:  s,
		Total: s.row(total),
		Told:  s.tell(total),
		Rate:  pace(float64(total.Delivered) / s.long.Minutes()),
		moved: total.Delivered > 0 || total.FailedAttempts > 0,
	}
	if attempts := total.Delivered + total.FailedAttempts; attempts > 0 {
		view.Share = percent(float64(total.FailedAttempts)/float64(attempts)) + " of attempts"
	}
	for _, p := range traffic.Points {
		view.Points = append(view.Points, s.row(p))
	}
	return view, nil
}

func (s span) row(p service.TrafficPoint) trafficRow {
	return trafficRow{
		At:             figure{strconv.FormatInt(p.At.Unix(), 10), p.At.UTC().Format(s.moments)},
		Delivered:      number(p.Delivered),
		FailedAttempts: number(p.FailedAttempts),
		Failed:         number(p.Failed),
		Waiting:        number(p.Waiting),
		Median:         latency(p.Median),
		P99:            latency(p.P99),
	}
}

// tell tells of messages that were delivered.
func (s span) tell(total service.TrafficPoint) string {
	switch {
	case total.Delivered == 0:
		return "Nothing was sent in the " + s.Words + "."
	case total.Median == nil || total.P99 == nil: // each was delivered before
		return fmt.Sprintf("Messages were delivered again, %s times in the %s.", count(total.Delivered), s.Words)
	case total.Delivered == 1:
		return fmt.Sprintf("1 message was delivered in the %s, within %s.", s.Words, took(*total.P99))
	}
	return fmt.Sprintf("%s messages were delivered in the %s, half of them within %s, 99 of 100 within %s.",
		count(total.Delivered), s.Words, took(*total.Median), took(*total.P99))
}

// pace tells how many messages went in a minute.
func pace(perMinute float64) string {
	if perMinute < 10 {
		return fmt.Sprintf("%.2g a minute", perMinute)
	}
	return count(int64(perMinute)) + " a minute"
}

// percent tells a part of a whole, such as 0.5.
func percent(part float64) string {
	if part > 0 && part < 0.0001 {
		return "under 0.01 %"
	}
	return strconv.FormatFloat(math.Round(10000*part)/100, 'f', -1, 64) + " %"
}

func number(n int64) figure { return figure{strconv.FormatInt(n, 10), count(n)} }

func latency(d *time.Duration) figure {
	if d == nil {
		return figure{}
	}
	return figure{strconv.FormatFloat(float64(*d)/float64(time.Millisecond), 'f', 3, 64), took(*d)}
}
