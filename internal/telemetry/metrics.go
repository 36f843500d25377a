// Package telemetry is how the operator sees casehook work: logs and metrics.
//
// No log line and no label holds what a case says, who is in it, a secret or a
// signed link. Labels are words from a short list, known beforehand.
package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts and times what casehook does, in a registry of its own. It is safe
// for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	events   prometheus.Counter
	attempts *prometheus.HistogramVec
	latency  prometheus.Histogram
	requests *prometheus.HistogramVec
}

// NewMetrics returns Metrics in which nothing has happened yet.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "casehook_events_recorded_total",
			Help: "Events recorded in the log.",
		}),
		attempts: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "casehook_attempt_duration_seconds",
			Help:    "Attempts at deliveries by outcome: delivered, retry or failed.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"outcome"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "casehook_delivery_latency_seconds",
			Help:    "Time from an event to its receipt, of deliveries that succeeded at the first try.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "casehook_http_request_duration_seconds",
			Help:    "Requests to the REST interface by method, route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
	}
	m.registry.MustRegister(m.events, m.attempts, m.latency, m.requests,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// EventsRecorded counts events that were recorded.
func (m *Metrics) EventsRecorded(n int) { m.events.Add(float64(n)) }

// AttemptFinished times an attempt. The outcome is delivered, retry or failed.
func (m *Metrics) AttemptFinished(outcome string, took time.Duration) {
	m.attempts.WithLabelValues(outcome).Observe(took.Seconds())
}

// Delivered times the way of a message, from its event to its receipt.
func (m *Metrics) Delivered(sinceEvent time.Duration) { m.latency.Observe(sinceEvent.Seconds()) }

// RequestFinished times a request. The route is a pattern, "/v1/cases/{id}", never
// a path.
func (m *Metrics) RequestFinished(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// WatchAudit has waiting be asked how many entries of the audit wait to be written. It is
// called once.
func (m *Metrics) WatchAudit(waiting func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "casehook_audit_entries_waiting",
		Help: "Entries of the audit that wait to be written.",
	}, func() float64 { return float64(waiting()) }))
}

// Handler answers with the metrics in the format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
