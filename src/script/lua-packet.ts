// A packet as the table that tcpkit gives to `process`. The keys are made once; the table is made for each packet,
// because scripts keep it.

import {
  constants,
  type LuaState,
  lobject,
  lstring,
  lua,
  type Table,
  type TableEntry,
  type TString,
  type TValue,
} from './fengari.cjs'
import { toLua } from './lua-api.ts'
import type { ScriptPacket } from './script-types.d.ts'

/** FIN, SYN, RST, PSH and ACK: tcpkit knows no others, and scripts compare with ==. */
const FLAGS_MASK = 31
const ADDRESSES_KEPT = 4096
const { LUA_TLNGSTR, LUA_TNUMFLT } = constants

export class PacketTables {
  readonly #L: LuaState
  readonly #keys: Readonly<Record<PacketKey, Key>>
  readonly #addresses = new Map<string, TString>()

  constructor(L: LuaState) {
    this.#L = L
    const keys = PACKET_KEYS.map((key) => {
      const text = lstring.luaS_bless(L, toLua(key))
      return [key, { text, hash: lstring.luaS_hashlongstr(text) }]
    })
    this.#keys = Object.fromEntries(keys) as Record<PacketKey, Key>
  }

  push(packet: ScriptPacket): void {
    const L = this.#L
    lua.lua_createtable(L, 0, 0)
    const table = lua.lua_topointer(L, -1) as Table
    const { source, destination, payload } = packet
    const seconds = Math.floor(packet.timeMicros / 1e6)
    this.#set(table, 'tv_sec', seconds)
    this.#set(table, 'tv_usec', packet.timeMicros - seconds * 1e6)
    this.#setString(table, 'sip', this.#address(source.address))
    this.#set(table, 'sport', source.port)
    this.#setString(table, 'dip', this.#address(destination.address))
    this.#set(table, 'dport', destination.port)
    if (packet.protocol === 'tcp') {
      this.#set(table, 'seq', packet.sequence)
      this.#set(table, 'ack', packet.acknowledgement)
      this.#set(table, 'flags', packet.flags & FLAGS_MASK)
      this.#set(table, 'window', packet.window)
    }
    this.#setString(table, 'payload', lstring.luaS_bless(L, payload))
    this.#set(table, 'size', payload.length)
  }

  #set(table: Table, key: PacketKey, value: number): void {
    put(table, this.#keys[key], new lobject.TValue(LUA_TNUMFLT, value))
  }

  #setString(table: Table, key: PacketKey, value: TString): void {
    put(table, this.#keys[key], new lobject.TValue(LUA_TLNGSTR, value))
  }

  #address(address: string): TString {
    let text = this.#addresses.get(address)
    if (text === undefined) {
      if (this.#addresses.size >= ADDRESSES_KEPT) this.#addresses.clear()
      text = lstring.luaS_bless(this.#L, toLua(address))
      this.#addresses.set(address, text)
    }
    return text
  }
}

interface Key {
  readonly text: TString
  readonly hash: string
}

/** Adds an entry as fengari's ltable does, but only for a new table and a key that is not in it yet: half the work. */
function put(table: Table, { text, hash }: Key, value: TValue): void {
  const previous = table.l
  const entry: TableEntry = { key: new lobject.TValue(LUA_TLNGSTR, text), value, p: previous, n: undefined }
  if (previous === undefined) table.f = entry
  else previous.n = entry
  table.strong.set(hash, entry)
  table.l = entry
}

const PACKET_KEYS = [
  'tv_sec',
  'tv_usec',
  'sip',
  'sport',
  'dip',
  'dport',
  'seq',
  'ack',
  'flags',
  'window',
  'payload',
  'size',
] as const
type PacketKey = (typeof PACKET_KEYS)[number]
