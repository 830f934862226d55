// What a connection listens to, as the confirmations of SUBSCRIBE and UNSUBSCRIBE say (redis.io/docs/interact/pubsub): each
// ends in how many channels and patterns, or shard channels, are open then.

const CHANNELS = 0
const PATTERNS = 1
const SHARD_CHANNELS = 2

const KINDS = new Map([
  ['subscribe', CHANNELS],
  ['unsubscribe', CHANNELS],
  ['psubscribe', PATTERNS],
  ['punsubscribe', PATTERNS],
  ['ssubscribe', SHARD_CHANNELS],
  ['sunsubscribe', SHARD_CHANNELS],
])

/** Whether an array or push that begins with this word is such a confirmation. */
export function isConfirmation(word: string): boolean {
  return KINDS.has(word)
}

export class RedisSubscriptions {
  readonly #open = [0, 0, 0]

  get any(): boolean {
    const [channels, patterns, shardChannels] = this.#open
    return channels! + patterns! + shardChannels! > 0
  }

  /** How many are open of the kind that `word` is about; too many when the connection was not seen from its beginning. */
  openOf(word: string): number {
    return this.#open[KINDS.get(word)!]!
  }

  confirmed(word: string, openThen: number): void {
    const open = this.#open
    const kind = KINDS.get(word)!
    if (kind === SHARD_CHANNELS) {
      open[kind] = openThen
      return
    }
    // both kinds are counted together
    const other = kind === CHANNELS ? PATTERNS : CHANNELS
    open[other] = Math.min(open[other]!, openThen)
    open[kind] = openThen - open[other]
  }

  /** A message came, so the connection listens, to an unknown number of channels. */
  heard(): void {
    if (!this.any) this.#open[CHANNELS] = 1
  }

  reset(): void {
    this.#open.fill(0)
  }
}
