// Small questions about containers and networks that several files here ask.

import type { ContainerDetails, NetworkAttachment, NetworkDetails } from './engine.ts'

/** As messages call it: by its name, or by the beginning of its id. */
export function nameOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return name === '' ? id.slice(0, 12) : name
}

/** The place of a namespace that is made anew at every start. */
export function placeOf(owner: ContainerDetails): string {
  return `${nameOf(owner)} ${owner.id.slice(0, 12)} ${owner.startedAt}`
}

export function detailsOf(a: NetworkAttachment, networks: readonly NetworkDetails[]): NetworkDetails | undefined {
  return networks.find((n) => n.id !== '' && n.id === a.networkId) ?? networks.find((n) => n.name === a.network)
}

/** IPv4 and IPv6, those that there are. */
export function addressesOf(attachments: readonly NetworkAttachment[]): string[] {
  return attachments.flatMap((a) => [a.address, a.address6]).filter((each) => each !== '')
}

/** Whether the operator means this network by `wanted`: its name, or the beginning of its id. */
export function isNamed(wanted: string, { name, id }: { readonly name: string; readonly id: string }): boolean {
  return wanted === name || (wanted.length >= 4 && id !== '' && id.startsWith(wanted))
}

/** Those of a container's attachments that --network leaves: all where it names none. */
export function attachmentsOn(
  named: readonly string[],
  attachments: readonly NetworkAttachment[],
  networks: readonly NetworkDetails[],
): NetworkAttachment[] {
  if (named.length === 0) return [...attachments]
  return attachments.filter((a) => {
    const network = detailsOf(a, networks) ?? { name: a.network, id: a.networkId }
    return named.some((name) => name === a.network || isNamed(name, network))
  })
}
