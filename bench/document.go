package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
)

const (
	documentSize      = 25 << 20
	documentEndpoints = 5
)

// measureDocument measures how much memory it takes to send a large document in the body
// to several endpoints at once, this process's own.
func (r *results) measureDocument(ctx context.Context, sink *sinkClient, data string) (err error) {
	url, err := r.database.create(ctx, data)
	if err != nil {
		return err
	}
	h, err := open(ctx, data, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for i := range documentEndpoints {
		if _, err := h.subscribe(ctx, fmt.Sprintf("%s/fast?endpoint=%d", sink.url, i), caseupdate.EventAddCaseAttachment); err != nil {
			return err
		}
	}
	ids, err := h.openCases(ctx, 1)
	if err != nil {
		return err
	}
	if err := sink.reset(ctx); err != nil {
		return err
	}
	r.progress("a document of %d MB to %d endpoints", documentSize>>20, documentEndpoints)
	debug.FreeOSMemory()                                                              // what was measured before needs no more
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil { // the most begins anew
		return fmt.Errorf("forget the most memory so far: %w", err)
	}
	self := &process{pid: os.Getpid()}
	before, _, err := self.memory()
	if err != nil {
		return err
	}
	upload := service.Upload{FileName: "scan.tiff", Content: io.LimitReader(rand.Reader, documentSize)}
	if _, err := h.AddAttachment(ctx, h.caller, ids[0], upload, nil); err != nil {
		return err
	}
	if _, err := sink.wait(ctx, counted(documentEndpoints)); err != nil {
		return err
	}
	_, most, err := self.memory()
	r.document = (most - before) / documentEndpoints
	return err
}
