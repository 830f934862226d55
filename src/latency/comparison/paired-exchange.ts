// One exchange as both captures of a comparison have it.

import type { Conversation, LoggedExchange } from './exchange-log.ts'

export interface PairedExchange {
  readonly atClient: LoggedExchange
  readonly atServer: LoggedExchange
  readonly client: Conversation
  readonly server: Conversation
}
