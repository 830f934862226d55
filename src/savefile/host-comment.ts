// Which container the addresses of a Name Resolution Block belong to, as a pcapng comment of the block. Names alone
// would lose the container's image, id and network.

import type { NamedHost } from '../core/ports.ts'

/** What is known about a host besides its name. */
export type HostFacts = Omit<NamedHost, 'name'>

const COMMENT = /^container=(\S{0,64}) image=(\S{0,256}) network=(\S{0,128})$/
export const MAXIMUM_HOST_COMMENT_CHARACTERS = 'container= image= network='.length + 64 + 256 + 128

/** '' if nothing is known, or if `hostInComment` would not understand it. */
export function commentOfHost({ container, image, network }: Partial<HostFacts>): string {
  if (container === undefined && image === undefined && network === undefined) return ''
  const comment = `container=${container ?? ''} image=${image ?? ''} network=${network ?? ''}`
  return COMMENT.test(comment) ? comment : ''
}

/** undefined for a comment on something else. */
export function hostInComment(comment: string): HostFacts | undefined {
  const [, container, image, network] = COMMENT.exec(comment) ?? []
  if (container === undefined) return undefined
  return { container: container || undefined, image: image || undefined, network: network || undefined }
}
