/** Has a lane for each case of which a message is being received now. */
export class Lanes {
  readonly #byName = new Map<string, Lane>();

  /** How many lanes there are. */
  get size(): number {
    return this.#byName.size;
  }

  /** Gives a message a place, which must leave in the end. */
  enter(name: string, sequence: number): Place {
    let lane = this.#byName.get(name);
    if (!lane) {
      lane = new Lane(() => this.#byName.delete(name));
      this.#byName.set(name, lane);
    }
    const place = new Place(lane, sequence);
    lane.places.add(place);
    return place;
  }
}

/** Where the messages of one case meet. It lives as long as one of them is in it. */
class Lane {
  readonly places = new Set<Place>();
  readonly end: () => void;
  /** Settles when no message is being worked on, nor waits for its turn. */
  turn: Promise<void> = Promise.resolve();
  /** Settles, and is made anew, when a place may have to look again. */
  changed = deferred();

  constructor(end: () => void) {
    this.end = end;
  }

  change(): void {
    const { resolve } = this.changed;
    this.changed = deferred();
    resolve();
  }
}

/** That of one message in its lane. */
export class Place {
  readonly #lane: Lane;
  readonly #sequence: number;
  #over = false;
  #behind = false;

  constructor(lane: Lane, sequence: number) {
    this.#lane = lane;
    this.#sequence = sequence;
  }

  /** Settles when the place may have to look again. */
  get moved(): Promise<void> {
    return this.#lane.changed.promise;
  }

  /** Whether a message before this one failed while this one waited. */
  get behind(): boolean {
    return this.#behind;
  }

  /** Calls f when no other message of the lane is being worked on; not where the signal comes before. */
  async inTurn<T>(f: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#lane.turn;
    const own = deferred();
    this.#lane.turn = own.promise;
    try {
      await unlessAborted(before, signal);
      return await f();
    } finally {
      void before.then(own.resolve); // the turn of who gave up passes by
    }
  }

  /** Says that the place has waited long enough. */
  goOn(): void {
    this.#over = true;
    this.#lane.change();
  }

  /**
   * Tells whether the place waits no longer for what is missing before it: it has waited long enough, and
   * nothing before it is in the lane. What is before it waits no longer either, and goes first.
   */
  goesOn(): boolean {
    if (!this.#over) return false;
    const before = [...this.#lane.places].filter((other) => 0 < other.#sequence && other.#sequence < this.#sequence);
    const waiting = before.filter((other) => !other.#over);
    for (const other of waiting) other.#over = true;
    if (waiting.length > 0) this.#lane.change();
    return before.length === 0;
  }

  /** Says that the message was not handled, and comes again. What waits behind it does not go past it. */
  fail(): void {
    if (this.#sequence === 0) return;
    for (const other of this.#lane.places) {
      if (other.#sequence > this.#sequence) other.#behind = true;
    }
  }

  /** Ends the place. The others look again: its message may be the one that they waited for. */
  leave(): void {
    this.#lane.places.delete(this);
    if (this.#lane.places.size === 0) this.#lane.end();
    this.#lane.change();
  }
}

interface Deferred {
  promise: Promise<void>;
  resolve: () => void;
}

function deferred(): Deferred {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

/** Waits for a promise that does not reject; where the signal comes before, it throws its reason. */
export function unlessAborted(promise: Promise<void>, signal?: AbortSignal): Promise<void> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
