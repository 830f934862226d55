// Facts about another user's process that /proc shows only to those who may trace it (ptrace(2), "Ptrace access mode
// checking"). container/ reads them itself, or through the broker where this process has no rights.

import { readLink, readNames, readText } from './kernel-files.ts'

export interface InsideInterface {
  readonly name: string
  readonly index: number
  /** Index of the other end, in the namespace where that lies. */
  readonly linkIndex: number
  /** Lower case. */
  readonly macAddress: string
}

/** Empty where nothing is shown. */
export interface ProcessFacts {
  /** `net:[4026531840]` */
  readonly networkNamespace: string
  /** The text of mountinfo. */
  readonly mounts: string
  /** Of its network namespace. */
  readonly interfaces: readonly InsideInterface[]
  /** Inodes of the sockets that it holds. */
  readonly sockets: readonly string[]
}

/** Where facts come from. */
export interface ProcessFactsSource {
  /** Facts of a process. Where looking takes time, `look` must have been called for it. */
  of(pid: number): ProcessFacts
  /** Looks at these processes again; after that `of` answers for them. */
  look(pids: readonly number[]): Promise<void>
  /** Whether network namespaces can be entered with the rights at hand (CAP_SYS_ADMIN). */
  mayEnterNamespaces(): boolean
}

export const NO_FACTS: ProcessFacts = { networkNamespace: '', mounts: '', interfaces: [], sockets: [] }

/** Each fact is read when it is asked for, with the rights of this process. `proc`: another folder than /proc is for tests. */
export class ReadProcessFacts implements ProcessFacts {
  readonly #folder: string

  constructor(pid: number, proc = '/proc') {
    this.#folder = `${proc}/${pid}`
  }

  get networkNamespace(): string {
    return readLink(`${this.#folder}/ns/net`)
  }

  get mounts(): string {
    return readText(`${this.#folder}/mountinfo`)
  }

  get interfaces(): InsideInterface[] {
    const folder = `${this.#folder}/root/sys/class/net`
    return readNames(folder).flatMap((name) => {
      const index = Number(readText(`${folder}/${name}/ifindex`))
      const linkIndex = Number(readText(`${folder}/${name}/iflink`))
      const macAddress = readText(`${folder}/${name}/address`).trim().toLowerCase()
      return index > 0 && linkIndex > 0 ? [{ name, index, linkIndex, macAddress }] : []
    })
  }

  get sockets(): string[] {
    const folder = `${this.#folder}/fd`
    return readNames(folder).flatMap((name) => /^socket:\[(\d+)\]$/.exec(readLink(`${folder}/${name}`))?.[1] ?? [])
  }
}
