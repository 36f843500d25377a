package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// print writes the results as one table. Errors of w are left to the reader, who
// sees that something is missing.
func (r *results) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\n%s; bursts of %d messages, %d clients, %d cases; steady loads of %s\n\n", machine(), r.messages, clients, cases, r.steady)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, found, wanted string) { _, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", what, found, wanted) }
	row("", "found", "wanted")
	row("raw: a client posts the same body to the same sink", fmt.Sprintf("%.0f/s", r.raw), "")
	row("REST to received and recorded, burst", percent(r.rest, r.raw), "at least 15 % of raw")
	row("the engine alone, burst", percent(r.engine, r.raw), "at least 35 % of raw")
	row(fmt.Sprintf("from request to receipt at %d/s, median", rate), milliseconds(r.alone.median), "at most 3 ms")
	row(fmt.Sprintf("from request to receipt at %d/s, 99th percentile", rate), milliseconds(r.alone.p99), "at most 15 ms")
	row("beside an endpoint that hangs, 99th percentile", fmt.Sprintf("%.2f × alone", float64(r.beside.p99)/float64(r.alone.p99)), "at most 1.2 × alone")
	row("memory, idle", fmt.Sprintf("%.0f MB", r.idle), "at most 64 MB")
	row("memory, at most in the burst", fmt.Sprintf("%.0f MB", r.burst), "at most 200 MB")
	row("processor time for each message over REST", fmt.Sprintf("%d µs", r.processor.Microseconds()), "")
	_ = table.Flush()
}

func percent(part, whole float64) string {
	return fmt.Sprintf("%.1f %% of raw (%.0f/s)", 100*part/whole, part)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
