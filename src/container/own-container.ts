// Which container we run in, as far as a process can tell from inside. Only the engine knows for sure.

const CONTAINER_ID = /[0-9a-f]{64}/

/**
 * Ids, or their first 12 digits, that may be our container's. The likeliest comes first. `mountinfo` and `cgroup` are the
 * texts of these files in /proc/self; '' if there is none.
 */
export function ownContainerIds(mountinfo: string, cgroup: string, hostname: string): string[] {
  const ids = new Set<string>()
  for (const line of mountinfo.split('\n')) {
    // proc(5): the fourth field is a folder of the mounted file system, the fifth is where it is mounted. An engine mounts an
    // /etc/hostname into each container, from the container's folder. Other mounts may come from other containers' folders.
    const [, , , root = '', mountPoint = ''] = line.split(' ')
    if (mountPoint !== '/etc/hostname' && mountPoint !== '/etc/hosts' && mountPoint !== '/run/.containerenv') continue
    const id = CONTAINER_ID.exec(root)?.[0]
    if (id !== undefined) ids.add(id)
  }
  for (const line of cgroup.split('\n')) {
    const id = CONTAINER_ID.exec(line.slice(line.lastIndexOf('/')))?.[0]
    if (id !== undefined) ids.add(id)
  }
  if (/^[0-9a-f]{12}$/.test(hostname)) ids.add(hostname)
  return [...ids]
}
