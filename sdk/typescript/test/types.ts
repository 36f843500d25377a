// Compiles only if the types are as a user of the package needs them. It is not run.
import { Receiver, type CaseUpdate, type Decision, type FullCase, type UnknownUpdate } from "casehook";

export function exhaustive(update: CaseUpdate): string {
  switch (update.event) {
    case "ADD_CASE_COMMENT":
      return update.payload.comment.text;
    case "ADD_CASE_DECISION":
      return String(update.payload.decision.isApproved);
    case "ADD_CASE_ATTACHMENT":
      return update.payload.attachment.content ?? update.payload.attachment.url ?? "";
    case "ADD_FORM_RESPONSE":
      return update.payload.form.name + update.payload.response.text;
    case "ADD_CASE_ASSIGNEE":
    case "REMOVE_CASE_ASSIGNEE":
      return update.payload.assignees.map(({ assignee }) => assignee.lastName).join();
    case "PAYMENT_ADDED":
    case "PAYMENT_COMPLETED":
      return update.payload.payment.amount.toFixed(2);
    case "ORDER_CREATED":
    case "ORDER_STATUS_CHANGED":
    case "ORDER_TRACKING_ADDED":
      return update.payload.order.status;
    case "DELETE_ATTACHMENT":
      return update.payload.deletedAttachment.caseAttachmentId;
    case "CREATE_CASE":
      return String(update.payload.case.responses.length);
    case "ESCALATE_CASE":
    case "DEESCALATE_CASE":
      return String(update.payload.escalated.isEscalated);
    case "DELETE_CASE_COMMENT":
      return update.payload.deletedComment.caseCommentId;
    case "ARCHIVE_CASE":
    case "REOPEN_CASE":
      return update.payload.archiveCase.archiveReason ?? "";
    case "CHANGE_CASE_STATUS":
      return update.payload.changeStatus.newStatus;
    default: {
      const unknown: UnknownUpdate = update; // what is left are the events that are not known
      const name: string = unknown.event;
      return name + String(unknown.payload.anything);
    }
  }
}

export function notExhaustive(update: CaseUpdate): UnknownUpdate | undefined {
  switch (update.event) {
    case "ADD_CASE_COMMENT":
      return undefined;
    default:
      // @ts-expect-error: eighteen events are left
      return update;
  }
}

export function misread(update: CaseUpdate): unknown {
  // @ts-expect-error: there is no such event
  if (update.event === "ADD_CASE_COMENT") return undefined;
  // @ts-expect-error: an unknown event may have no case
  void update.payload.case.shortId;
  if (update.event !== "ADD_CASE_DECISION") return undefined;
  // @ts-expect-error: only a full case has comments
  void update.payload.case.comments;
  const full: FullCase | undefined = "comments" in update.payload.case ? update.payload.case : undefined;
  // @ts-expect-error: it may have been blanked
  void update.payload.case.title.length;
  const decision: Decision = update.payload.decision;
  return [full, decision];
}

export const receiver = new Receiver({ secrets: process.env.CASEHOOK_SECRET })
  .on("ADD_CASE_DECISION", async ({ case: { shortId }, decision }, { id, sequence }) => {
    void [shortId.length, decision.isApproved satisfies boolean, id.length, sequence.toFixed()];
  })
  // @ts-expect-error: a payment's payload has no decision
  .on("PAYMENT_ADDED", ({ decision }) => void decision)
  // @ts-expect-error: there is no such event
  .on("PAYMENT_LOST", () => {})
  .fallback((update) => void exhaustive(update));
