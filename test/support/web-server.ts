// A real nginx for tests with real traffic.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cleanup, Host } from './netns.ts'

/** Serves `files` (name → contents) on port 80 of the host, IPv4 and IPv6. Resolves when it answers. */
export async function startNginx(
  t: Cleanup,
  host: Host,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-nginx-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(folder, name), contents)
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder))
  const nginx = host.spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')])
  t.after(() => nginx.kill('SIGKILL'))
  for (let tries = 0; tries < 100; tries++) {
    if (listensOnPort80(host)) return
    await sleep(50)
  }
  throw new Error('nginx does not answer')
}

/** Asked of the kernel, so that nothing is on the wire before the test begins. */
function listensOnPort80(host: Host): boolean {
  return host.run('ss', '-Hltn', 'sport = :80') !== ''
}

function configuration(folder: string): string {
  return `
daemon off; master_process off; user root; worker_processes 1;
pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; default_type text/plain;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 80; listen [::]:80; root ${folder}; }
}`
}
