// Finds the port of a bridge that is the host's end of a container's veth pair.

import type { ContainerDetails, Engine, NetworkAttachment } from './engine.ts'
import type { HostView } from './host-view.ts'

export class VethFinder {
  readonly #engine: Engine
  readonly #view: HostView

  constructor(engine: Engine, view: HostView) {
    this.#engine = engine
    this.#view = view
  }

  /**
   * Its name: by the interfaces inside the namespace, or by the bridge's forwarding table, or by a command in the container.
   * undefined if none of them tells. Rejects if the engine is lost.
   */
  async find(
    owner: ContainerDetails,
    { macAddress, address }: NetworkAttachment,
    bridge: string,
  ): Promise<string | undefined> {
    const view = this.#view
    if (view.belongsTo(owner.pid, owner.id)) {
      const inside = view.interfacesInside(owner.pid).find((i) => i.macAddress === macAddress)
      const name = inside === undefined ? undefined : view.vethOf(inside, bridge)
      if (name !== undefined) return name
    }
    if (macAddress === '') return undefined
    const known = view.vethByForwarding(bridge, macAddress)
    if (known !== undefined) return known
    if (address !== '') {
      await view.rouse(address)
      const learnt = view.vethByForwarding(bridge, macAddress)
      if (learnt !== undefined) return learnt
    }
    return await this.#ask(owner, macAddress, bridge)
  }

  async #ask(owner: ContainerDetails, macAddress: string, bridge: string): Promise<string | undefined> {
    const script =
      'for i in /sys/class/net/*; do echo "$(basename $i) $(cat $i/ifindex) $(cat $i/iflink) $(cat $i/address)"; done'
    const answer = await this.#engine.execute(owner.id, ['sh', '-c', script]).catch(() => undefined)
    for (const line of (answer ?? '').split('\n')) {
      const [name, index, linkIndex, mac] = line.trim().split(' ')
      if (name === undefined || mac?.toLowerCase() !== macAddress) continue
      const inside = { name, index: Number(index), linkIndex: Number(linkIndex), macAddress }
      const veth = this.#view.vethOf(inside, bridge)
      if (veth !== undefined) return veth
    }
    return undefined
  }
}
