// What decoding knows of a link type.

import type { Layer } from './frame.ts'

export interface LinkType {
  /** LINKTYPE_ value. */
  readonly number: number
  /** libpcap's DLT_ name, as `tcpdump -y` takes it. */
  readonly name: string
  /** Takes the link header off. */
  readonly parse: Layer
}
