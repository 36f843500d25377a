package telemetry_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/telemetry"
)

var update = flag.Bool("update", false, "write the golden files")

func TestWhatLibrariesSayIsLeftOut(t *testing.T) {
	flags, output := log.Flags(), log.Writer()
	t.Cleanup(func() {
		log.SetFlags(flags)
		log.SetOutput(output)
	})
	var out bytes.Buffer
	telemetry.Hush(slog.New(slog.NewTextHandler(&out, nil)))
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q", "canary")
	require.Regexp(t, `level=WARN msg="a library has said something, which may hold what was sent, and is left out" bytes=\d+`, out.String())
	require.NotContains(t, out.String(), "canary")
}

func TestNewLogger(t *testing.T) {
	for _, test := range []struct {
		name, level, format string
		want                []string // the messages that are written, in order
	}{
		{"debug says everything", "debug", "json", []string{"debug", "info", "warn", "error"}},
		{"info leaves out what is for debugging", "info", "json", []string{"info", "warn", "error"}},
		{"warn says what may need somebody", "warn", "json", []string{"warn", "error"}},
		{"error says what does", "error", "json", []string{"error"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			log, err := telemetry.NewLogger(&out, test.level, test.format)
			require.NoError(t, err)
			log.Debug("debug")
			log.Info("info")
			log.Warn("warn")
			log.Error("error")

			var got []string
			for line := range strings.Lines(out.String()) {
				var entry struct{ Msg string }
				require.NoError(t, json.Unmarshal([]byte(line), &entry))
				got = append(got, entry.Msg)
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestNewLoggerWritesTextForPeople(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "info", "text")
	require.NoError(t, err)
	log.Info("listening", "address", "127.0.0.1:8080")
	require.Contains(t, out.String(), "level=INFO msg=listening address=127.0.0.1:8080\n")
}

func TestNewLoggerRefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := telemetry.NewLogger(nil, "loud", "text")
	require.ErrorContains(t, err, "log-level must be")
	_, err = telemetry.NewLogger(nil, "info", "xml")
	require.ErrorContains(t, err, "log-format must be")
}

func TestMetricsShowWhatWasCounted(t *testing.T) {
	m := telemetry.NewMetrics()
	m.EventsRecorded(2)
	m.EventsRecorded(1)
	m.AttemptFinished("delivered", 4*time.Millisecond)
	m.AttemptFinished("delivered", 40*time.Millisecond)
	m.AttemptFinished("failed", 15*time.Second)
	m.Delivered(6 * time.Millisecond)
	m.RequestFinished("POST", "/v1/cases/{id}/comments", 201, 2*time.Millisecond)
	m.RequestFinished("POST", "/v1/cases/{id}/comments", 422, 3*time.Millisecond)
	m.RequestFinished("GET", "", 404, time.Millisecond)
	m.WatchAudit(func() int { return 3 })

	got := own(scrape(t, m))

	const golden = "testdata/metrics.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("metrics (-want +got), -update writes them:\n%s", diff)
	}
}

func TestMetricsAreNamedAsPrometheusAsks(t *testing.T) {
	m := telemetry.NewMetrics()
	m.AttemptFinished("delivered", time.Second)
	m.RequestFinished("GET", "/healthz", 200, time.Millisecond)
	m.WatchAudit(func() int { return 0 })

	problems, err := promlint.New(strings.NewReader(own(scrape(t, m)))).Lint()

	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestMetricsTellOfTheProcess(t *testing.T) {
	require.Regexp(t, regexp.MustCompile(`(?m)^go_goroutines \d+$`), scrape(t, telemetry.NewMetrics()))
}

// scrape returns what the handler shows.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	response, err := http.Get(server.URL)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	require.NoError(t, err)
	return body.String()
}

// own returns the lines of casehook's own metrics.
func own(shown string) string {
	var lines strings.Builder
	for line := range strings.Lines(shown) {
		if strings.Contains(line, "casehook_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}
