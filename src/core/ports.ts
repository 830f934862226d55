// Interfaces that let rooms meet without importing each other.

import type { Connection, Direction } from './connection.ts'
import type { AddressFamily, Endpoint } from './endpoint.ts'

/** Something that yields the bytes of a savefile: a file, standard input, a capture child's pipe, a sidecar. */
export interface ByteSource {
  /** What messages call it: a file name, `-`, or an interface name. */
  readonly name: string
  /** Total bytes when known (regular files), for progress; else -1. */
  readonly totalBytes: number
  /** Bytes of the underlying file consumed so far (compressed bytes for a compressed file). */
  readonly consumedBytes: number
  /**
   * Puts 1 to `end - start` bytes into `into[start..end)` and returns how many, 0 at the end; a promise where they must
   * be waited for. One read at a time. Throws (or rejects with) OperatorError.
   */
  read(into: Buffer, start: number, end: number): number | Promise<number>
  /**
   * For sources that another thread can read: begins the next `read`, into memory that stays untouched until it resolves.
   * Then no other read until then. What was read is lost if nobody waits for it; `close` waits. undefined: not now.
   */
  readAhead?(into: Buffer, start: number, end: number): Promise<number> | undefined
  /**
   * For sources that push their bytes, in place of `read`. Each piece is put at the beginning of `landing`, and `onBytes` is
   * called with its length, 0 at the end. `onBytes` returns true when it has used the bytes and more may come at once; false:
   * none may come before `resume`. Call `resume` to begin; `onBytes` may be called from within it.
   */
  deliver?(landing: Buffer, onBytes: (bytes: number) => boolean): Delivery
  /** Asks a live source to end soon: what is buffered still arrives, then 0. A file ends at the next read. */
  stop(): void
  /** Frees everything, at once. May be called twice. */
  close(): Promise<void>
}

export interface Delivery {
  resume(): void
}

/** What is known of a host beside its address. Text from elsewhere (an engine, a savefile): not sanitised. */
export interface NamedHost {
  /** `web`, `shop-db-1`, `host`, `gateway of front`. */
  readonly name: string
  /** Container id, 64 hex digits; undefined for what is no container. */
  readonly container: string | undefined
  readonly image: string | undefined
  /** The Docker network on which it has this address. */
  readonly network: string | undefined
}

/** Address → name, where somebody knows one. Asked once a connection, not once a packet. */
export interface Names {
  /** Grows whenever an answer may have changed: earlier answers are then stale. */
  readonly version: number
  /** Who has this address (and, for published ports, this port) now, seen from `place` (Packet.place). */
  hostOf(place: number, endpoint: Endpoint): NamedHost | undefined
  /** Every address that has a name now, for Name Resolution Blocks. */
  entries(): Iterable<NamedAddress>
}

/** A TCP socket that waits for connections. */
export interface ListeningSocket {
  /** `0.0.0.0` and `::` for every address. As Endpoint.address writes it. */
  readonly address: string
  readonly port: number
  /** '' where it is not known. */
  readonly process: string
}

/** What an engine and the system say of a host, as it was when they were asked. Text from elsewhere: not sanitised. */
export interface HostFacts {
  readonly name: string
  /** `running`, `paused`, `restarting`, `exited` …; '' where it is no container. */
  readonly state: string
  readonly exitCode: number
  /** The kernel ended it, because it wanted more memory than it may have. */
  readonly isOutOfMemory: boolean
  /** Microseconds since 1970: its latest start, and the end before or after that; 0: never. */
  readonly startedMicros: number
  readonly finishedMicros: number
  readonly networks: readonly string[]
  /** In its network namespace; undefined where they cannot be read. */
  readonly listening: readonly ListeningSocket[] | undefined
}

/** Another host that answers on a port, and how it is reached. */
export interface OtherListener {
  readonly name: string
  /** Networks that both are on; none: they cannot reach each other. */
  readonly commonNetworks: readonly string[]
}

/** Facts that packets do not tell. Each answer may take seconds; undefined: nobody knows. Never throws, never rejects. */
export interface HostFactsSource {
  /** Of who has this address, seen from `place`. */
  factsOf(place: number, endpoint: Endpoint): MaybeLater<HostFacts | undefined>
  /** Who else listens on the port for others, where the address is a container's own 127.0.0.1 or ::1. */
  listenersBeside(place: number, endpoint: Endpoint): MaybeLater<readonly OtherListener[] | undefined>
}

export type MaybeLater<T> = T | Promise<T>

export interface NamedAddress extends Partial<NamedHost> {
  readonly family: AddressFamily
  /** As Endpoint.address writes it. */
  readonly address: string
  readonly name: string
  /** What else it is called: kept beside the name. */
  readonly aliases?: readonly string[]
}

/** What the file sink tells about a finished file (DFXML and `-I` listen). */
export interface FileWritten {
  onFileWritten(file: WrittenFile): void
}

export interface WrittenFile {
  /** Path as opened: the output folder joined with the flow's name. */
  path: string
  connection: Connection
  direction: Direction
  /** Size of the file: highest offset written, holes included. */
  sizeBytes: number
  /** Ranges really written, in file order: everything else is a hole. */
  ranges: readonly { offset: number; length: number }[]
  /** Lower-case hex, when asked for. */
  md5: string | undefined
  sha256: string | undefined
}

/** Where lines for the operator go (stderr). It removes control characters and limits the rate, so callers need not. */
export interface Messages {
  /** Something happened in the traffic: refused, unanswered, reset. Silenced by --no-notes. */
  note(line: string): void
  /** Something about the run itself: what is listened on, drops, limits. Silenced by -q. */
  info(line: string): void
  /** Something went wrong; never silenced. `hint` says what to do and gets a line of its own. */
  error(line: string, hint?: string): void
}
