// Was it a timer? Idle times after which connections were cut: the same one again and again, a long one, or one of whole seconds.

/** So long a silence is seldom ended by chance. */
const LONG_MICROS = 30_000_000
/** Timers are set to whole seconds: how far off they fire. A short one must fit better, for chance hits it more often. */
const SHORT = { least: 2_000_000, early: 3_000, late: 12_000 }
const MIDDLING = { least: 5_000_000, early: 20_000, late: 60_000 }
/** What is repeated may be shorter. */
const LEAST_REPEATED_MICROS = 1_000_000
/** Idle times that are the same. */
const SAME_SHARE = 0.01
const SAME_MICROS = 20_000
/** Connections that are cut at one moment have one cause, and it may be no timer. */
const OTHER_MOMENT_MICROS = 500_000
const MAXIMUM_GROUPS = 1024
const MAXIMUM_TIMES = 8

export interface IdleTimer {
  /** What it is set to, as measured. */
  readonly micros: number
  /** Other connections were cut after the same time, at other moments: so many. */
  readonly others: number
}

export class IdleTimes {
  /** By who cuts whose connections: idle times and when they ended. */
  readonly #groups = new Map<string, { micros: number; end: number }[]>()

  /** Of a connection that was cut at `end`: the timer that did it, if it looks like one. `idle`: without packets, without data. */
  judge(group: string, idle: readonly number[], end: number): IdleTimer | undefined {
    const known = this.#groups.get(group) ?? []
    let found: IdleTimer | undefined
    for (const micros of idle) {
      const others = known.filter((each) => isSame(each.micros, micros) && isOtherMoment(each.end, end)).length
      if (micros >= LEAST_REPEATED_MICROS && others > (found?.others ?? 0)) found = { micros, others }
    }
    found ??= lone(idle)
    this.#remember(group, known, idle, end)
    return found
  }

  #remember(group: string, known: { micros: number; end: number }[], idle: readonly number[], end: number): void {
    if (!this.#groups.has(group)) {
      if (this.#groups.size >= MAXIMUM_GROUPS) this.#groups.delete(this.#groups.keys().next().value!)
      this.#groups.set(group, known)
    }
    for (const micros of new Set(idle)) if (micros >= LEAST_REPEATED_MICROS) known.push({ micros, end })
    if (known.length > MAXIMUM_TIMES) known.splice(0, known.length - MAXIMUM_TIMES)
  }
}

function lone(idle: readonly number[]): IdleTimer | undefined {
  const micros = idle.find(isWholeSeconds) ?? idle.find((each) => each >= LONG_MICROS)
  return micros === undefined ? undefined : { micros, others: 0 }
}

function isWholeSeconds(micros: number): boolean {
  const whole = Math.round(micros / 1e6) * 1e6
  const off = micros - whole
  return [SHORT, MIDDLING].some(({ least, early, late }) => whole >= least && off >= -early && off <= late)
}

function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= Math.max(SAME_MICROS, Math.min(a, b) * SAME_SHARE)
}

function isOtherMoment(a: number, b: number): boolean {
  return Math.abs(a - b) >= OTHER_MOMENT_MICROS
}
