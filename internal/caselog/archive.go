package caselog

import (
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Archive puts a case away. All that can be done then is to reopen it.
type Archive struct {
	Reason string
	Note   *string
}

func (cmd Archive) check(f *faults) {
	f.required("archiveReason", cmd.Reason, MaxLine)
	if cmd.Note != nil {
		f.text("archiveNote", *cmd.Note, MaxText)
	}
}

func (cmd Archive) decide(*Case, Act) ([]Data, error) {
	return []Data{&Archived{cmd.Reason, cmd.Note}}, nil
}

// Archived is the data of ARCHIVE_CASE.
type Archived struct {
	Reason string  `json:"reason"`
	Note   *string `json:"note,omitempty"`
}

// Type is ARCHIVE_CASE.
func (*Archived) Type() caseupdate.Event { return caseupdate.EventArchiveCase }

func (d *Archived) apply(c *Case, e Event) error {
	c.formerArchive()
	c.IsArchived, c.ArchiveReason, c.ArchiveNote = true, &d.Reason, d.Note
	c.IsArchivePHI, c.IsArchiveRestricted = e.Report.marks()
	return nil
}

func (*Archived) describe(*caseupdate.Activity) {}

// Reopen takes a case out of the archive.
type Reopen struct{}

func (Reopen) check(*faults) {}

func (Reopen) decide(c *Case, _ Act) ([]Data, error) {
	if !c.IsArchived {
		return nil, refusal.Of(refusal.Conflict, "the case is not archived")
	}
	return []Data{&Reopened{}}, nil
}

// Reopened is the data of REOPEN_CASE: nothing beyond that it happened.
type Reopened struct{}

// Type is REOPEN_CASE.
func (*Reopened) Type() caseupdate.Event { return caseupdate.EventReopenCase }

func (*Reopened) apply(c *Case, _ Event) error {
	c.formerArchive()
	c.IsArchived, c.ArchiveReason, c.ArchiveNote = false, nil, nil
	c.IsArchivePHI, c.IsArchiveRestricted = false, false
	return nil
}

func (*Reopened) describe(*caseupdate.Activity) {}

// formerArchive keeps the reason and the note, where they are PHI, before they are replaced.
func (c *Case) formerArchive() {
	if !c.IsArchivePHI {
		return
	}
	for _, text := range []*string{c.ArchiveReason, c.ArchiveNote} {
		if text != nil && !slices.Contains(c.FormerPHI, *text) {
			c.FormerPHI = append(c.FormerPHI, *text)
		}
	}
}
