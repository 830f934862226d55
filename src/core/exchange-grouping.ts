// How exchanges of a protocol are grouped: by command, by route or by key.

/** Of one protocol. What is given is an exchange's own text; what comes back is not sanitised. */
export interface ExchangeGrouping {
  /** Of an exchange's `command`: `GET` for `GET /users/1`. Left out: the command. */
  readonly commandOf?: (command: string) => string
  /** Of an exchange's `command`: `GET /users/:id`. Left out: as `commandOf`. */
  readonly routeOf?: (command: string) => string
  /** Of an exchange's `key`: `/users/:id`. Left out: the parts that vary become `*`, as in `user:*`. */
  readonly keyPatternOf?: (key: string) => string
}

/** By the registry's names of the protocols. */
export type ExchangeGroupings = ReadonlyMap<string, ExchangeGrouping>
