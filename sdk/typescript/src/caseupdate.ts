// Made from the schemas of the events by types_test.go: go test ./sdk/typescript -run Types -update

/** A moment in UTC, in milliseconds: "2026-11-23T14:05:06.789Z". `new Date(…)` reads it. */
export type Timestamp = string;

/** What happened, to which case: the body of a webhook. A switch over `event` tells which payload it is. */
export type CaseUpdate = KnownUpdate | UnknownUpdate;

/** A body whose event this version knows. */
export type KnownUpdate = { [E in CaseEvent]: { event: E; payload: Payloads[E] } }[CaseEvent];

/** A body whose event is newer than this version: what is left of a CaseUpdate by a switch over all events. */
export interface UnknownUpdate {
  event: UnknownEventName;
  payload: UnknownEvent;
}

/** The payload of an event that this version does not know: whatever came. */
export type UnknownEvent = Readonly<Record<string, unknown>>;

/** The name of an event that this version does not know, a string that is none of CASE_EVENTS. */
export type UnknownEventName = NoCaseEvent;

// Only a type: a unit, so that a switch narrows by it, which no type of all strings but a few is.
declare enum NoCaseEvent {
  name = "",
}

/** The events, in the order in which the format shows them. */
export const CASE_EVENTS = [
  "ADD_CASE_COMMENT",
  "ADD_CASE_DECISION",
  "ADD_CASE_ATTACHMENT",
  "ADD_FORM_RESPONSE",
  "ADD_CASE_ASSIGNEE",
  "REMOVE_CASE_ASSIGNEE",
  "PAYMENT_ADDED",
  "PAYMENT_COMPLETED",
  "ORDER_CREATED",
  "ORDER_STATUS_CHANGED",
  "ORDER_TRACKING_ADDED",
  "DELETE_ATTACHMENT",
  "CREATE_CASE",
  "ESCALATE_CASE",
  "DEESCALATE_CASE",
  "DELETE_CASE_COMMENT",
  "ARCHIVE_CASE",
  "REOPEN_CASE",
  "CHANGE_CASE_STATUS",
] as const;

/** The name of an event that this version knows. */
export type CaseEvent = (typeof CASE_EVENTS)[number];

/** Where the review of a case stands. Whether a case is open is said by `isArchived` alone. */
export type Status = "OPEN" | "ASSIGNED" | "IN_PROGRESS" | "APPROVED" | "REJECTED" | "NO_DECISION" | "ABANDONED";

/** The payload of each event. */
export interface Payloads {
  ADD_CASE_COMMENT: AddCaseComment;
  ADD_CASE_DECISION: AddCaseDecision;
  ADD_CASE_ATTACHMENT: AddCaseAttachment;
  ADD_FORM_RESPONSE: AddFormResponse;
  ADD_CASE_ASSIGNEE: AddCaseAssignee;
  REMOVE_CASE_ASSIGNEE: RemoveCaseAssignee;
  PAYMENT_ADDED: PaymentAdded;
  PAYMENT_COMPLETED: PaymentCompleted;
  ORDER_CREATED: OrderCreated;
  ORDER_STATUS_CHANGED: OrderStatusChanged;
  ORDER_TRACKING_ADDED: OrderTrackingAdded;
  DELETE_ATTACHMENT: DeleteAttachment;
  CREATE_CASE: CreateCase;
  ESCALATE_CASE: EscalateCase;
  DEESCALATE_CASE: DeescalateCase;
  DELETE_CASE_COMMENT: DeleteCaseComment;
  ARCHIVE_CASE: ArchiveCase;
  REOPEN_CASE: ReopenCase;
  CHANGE_CASE_STATUS: ChangeCaseStatus;
}

/** What every payload begins with. */
export interface Base {
  /** As of this event, never later: full for endpoints with `"payload":"full"`. */
  case: Case | FullCase;
  activity: Activity;
  /** The paths that were blanked for want of clearance for PHI, such as `case.title`; absent where nothing was. */
  redacted?: string[];
}

/** The payload of ADD_CASE_COMMENT. */
export interface AddCaseComment extends Base {
  comment: Comment;
}

/** The payload of ADD_CASE_DECISION. */
export interface AddCaseDecision extends Base {
  decision: Decision;
}

/** The payload of ADD_CASE_ATTACHMENT. */
export interface AddCaseAttachment extends Base {
  attachment: Attachment;
}

/** The payload of ADD_FORM_RESPONSE. */
export interface AddFormResponse extends Base {
  form: Form;
  response: Response;
}

/** The payload of ADD_CASE_ASSIGNEE. */
export interface AddCaseAssignee extends Base {
  /** Who was assigned. */
  assignees: Assignee[];
}

/** The payload of REMOVE_CASE_ASSIGNEE. */
export interface RemoveCaseAssignee extends Base {
  /** Who was removed. */
  assignees: Assignee[];
}

/** The payload of PAYMENT_ADDED. */
export interface PaymentAdded extends Base {
  payment: Payment;
}

/** The payload of PAYMENT_COMPLETED. */
export interface PaymentCompleted extends Base {
  payment: Payment;
}

/** The payload of ORDER_CREATED. */
export interface OrderCreated extends Base {
  order: Order;
}

/** The payload of ORDER_STATUS_CHANGED. */
export interface OrderStatusChanged extends Base {
  order: Order;
}

/** The payload of ORDER_TRACKING_ADDED. */
export interface OrderTrackingAdded extends Base {
  order: Order;
}

/** The payload of DELETE_ATTACHMENT. */
export interface DeleteAttachment extends Base {
  deletedAttachment: DeletedAttachment;
}

/** The payload of CREATE_CASE. */
export interface CreateCase extends Base {
  case: FullCase;
}

/** The payload of ESCALATE_CASE. */
export interface EscalateCase extends Base {
  escalated: Escalated;
}

/** The payload of DEESCALATE_CASE. */
export interface DeescalateCase extends Base {
  escalated: Escalated;
}

/** The payload of DELETE_CASE_COMMENT. */
export interface DeleteCaseComment extends Base {
  deletedComment: DeletedComment;
}

/** The payload of ARCHIVE_CASE. */
export interface ArchiveCase extends Base {
  archiveCase: Archive;
}

/** The payload of REOPEN_CASE. */
export interface ReopenCase extends Base {
  archiveCase: Archive;
}

/** The payload of CHANGE_CASE_STATUS. */
export interface ChangeCaseStatus extends Base {
  changeStatus: StatusChange;
}

export interface Comment {
  id: string;
  text: string;
  isRestricted: boolean;
  createdAt: Timestamp;
  author: Name;
  attachments: Attachment[];
}

export interface Name {
  firstName: string;
  lastName: string;
}

/** A document: in an event with `content`, or with `url` for endpoints that asked for links. */
export interface Attachment {
  id: string;
  isRestricted: boolean;
  isPHI: boolean;
  fileName: string;
  isDeleted: boolean;
  createdAt: Timestamp;
  uploadedBy: Name;
  /** The document in base64. */
  content?: string;
  /** A signed link to the document, good until `urlExpiresAt`. */
  url?: string;
  urlExpiresAt?: Timestamp;
}

/** A case as of one event. */
export interface Case {
  id: string;
  type: string;
  /** null only where it was blanked. */
  title: string | null;
  status: Status;
  /** For people: `ADA-7K2QX`. */
  shortId: string;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  assignedAt: Timestamp | null;
  inProgressAt: Timestamp | null;
  /** When a decision closed the review; it stays. */
  closedAt: Timestamp | null;
  isArchived: boolean;
  isEscalated: boolean;
  isImported: boolean;
  referralCode: string | null;
  closedBy: Person | null;
  inProgressBy: Person | null;
  organizationId: string;
  archiveReason: string | null;
  archiveNote: string | null;
  productBundleId: string | null;
  productBundle: ProductBundle | null;
  assignedTo: Person | null;
  hrRep: Person | null;
  assignedBy: Person | null;
  assignees: Assignee[];
  submitter: Submitter;
}

export interface Person {
  id: string;
  firstName: string;
  lastName: string;
}

export interface ProductBundle {
  id: string;
  name: string;
}

export interface Assignee {
  assignee: Person;
}

/** The patient. All but the id is null where nothing is known, or the endpoint has no clearance for PHI. */
export interface Submitter {
  id: string;
  firstName: string | null;
  lastName: string | null;
  email: string | null;
  phoneNumber: string | null;
  dob: string | null;
  gender: string | null;
  address: string | null;
  city: string | null;
  state: string | null;
  country: string | null;
  postalCode: string | null;
}

/** A case with its details, each list oldest first. No attachment of it has its document. */
export interface FullCase extends Case {
  responses: FormSubmission[];
  decisions: Decision[];
  /** Without those that were deleted. */
  comments: Comment[];
  /** With those that were deleted, marked `isDeleted`. */
  attachments: Attachment[];
  payments: Payment[];
  orders: Order[];
  activity: Activity[];
}

/** In a full case, the answers that were given to a form at one time. */
export interface FormSubmission {
  id: string;
  createdAt: Timestamp;
  form: Form;
  respondent: Person;
  responses: Response[];
}

export interface Form {
  id: string;
  name: string;
  description: string | null;
}

/** The answer to one question of a form. */
export interface Response {
  id: string;
  question: Question;
  text: string;
  createdAt: Timestamp;
  respondent: Person;
}

export interface Question {
  index: number;
  type: string;
  text: string;
  isPHI: boolean;
  options: string[];
  required: boolean;
}

export interface Decision {
  id: string;
  isApproved: boolean;
  isNoDecision: boolean;
  startDate: Timestamp | null;
  endDate: Timestamp | null;
  decisionText: string | null;
  category: string | null;
  medInfo: MedInfo | null;
  createdAt: Timestamp;
}

export interface MedInfo {
  medicine: string;
  dosage: string;
  refillCount: number;
  pharmacyInstructions: string;
  dosingFrequency: string;
}

export interface Payment {
  id: string;
  isDeleted: boolean;
  description: string;
  /** In major units: 159 or 159.5. */
  amount: number;
  /** UNPAID or PAID. */
  status: string;
  dueDate: Timestamp | null;
  paymentDate: Timestamp | null;
  cancellationDate: Timestamp | null;
  createdAt: Timestamp;
  updatedAt: Timestamp;
  createdBy: User;
}

export interface User {
  id: string;
  firstName: string;
  lastName: string;
  /** null for an API key's own user. */
  email: string | null;
}

export interface Order {
  id: string;
  status: string;
  trackingId: string | null;
  message: string | null;
  createdAt: Timestamp;
}

/** The line that an event writes into the history of its case. */
export interface Activity {
  /** The event's id, the same as the header `webhook-id`. */
  id: string;
  type: CaseEvent;
  isPHI: boolean;
  isRestricted: boolean;
  timestamp: Timestamp;
  /** The status before, where the event changed one: of the case, of an order or of a payment. */
  valueBefore: string | null;
  /** The status after, where the event changed one. */
  valueAfter: string | null;
  actor: User;
  /** Who was assigned or removed: the first of several. */
  targetUser: User | null;
}

export interface DeletedAttachment {
  caseId: string;
  caseAttachmentId: string;
  /** Who deleted it. */
  caller: Person;
}

export interface Escalated {
  caseId: string;
  isEscalated: boolean;
  caller: Person;
}

export interface DeletedComment {
  caseId: string;
  caseCommentId: string;
  /** Who deleted it. */
  caller: Person;
}

export interface Archive {
  caseId: string;
  isArchived: boolean;
  /** null where the case was reopened. */
  archiveReason: string | null;
  caller: Person;
}

export interface StatusChange {
  caseId: string;
  newStatus: Status;
  oldStatus: Status;
  changeDate: Timestamp;
  caller: Person;
}
