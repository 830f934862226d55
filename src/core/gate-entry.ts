// Whose frames count on a bridge that is watched for a container.

/** A container's link-layer address, and when it was its own: addresses are given to others afterwards. */
export interface GateEntry {
  readonly macAddress: string
  /** Microseconds since 1970. */
  readonly sinceMicros: number
  readonly untilMicros: number
}
