import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { containerMachines } from '../../controller/machines/container.ts'
import { SOCKET_URL } from '../../controller/machines/container-spec.ts'
import type { Docker } from '../../controller/machines/docker.ts'
import type { MachinesFor } from '../../controller/provision/job.ts'
import { realMachines } from '../provision/machines.ts'

/** Containers whose agent only sleeps, for a provisioner on real terraform. */
export const containersOn =
  (docker: Docker, stateDir: string, awayMs?: number): MachinesFor =>
  (owner) => ({
    ...realMachines(stateDir)(owner),
    container: containerMachines({
      docker,
      stateDir,
      workspace: { uid: owner.workspace.uid, name: owner.workspace.name, owner: owner.owner.name },
      buildId: owner.buildId,
      clock: systemClock,
      log: silentLog,
      say: owner.say ?? (() => {}),
      tokenOf: owner.tokenOf,
      allowed: new Set(),
      loginFor: async () => null,
      inside: async () => ({ program: sleepingProgram(stateDir), door: null, url: SOCKET_URL }),
      ...(awayMs === undefined ? {} : { awayMs }),
    }),
  })

function sleepingProgram(stateDir: string): string {
  const folder = join(stateDir, 'sleeping-program')
  const launcher = join(folder, 'bothy-agent')
  if (existsSync(launcher)) return folder
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(import.meta.dirname, '../../agent/supervise.sh'), join(folder, 'supervise.sh'))
  writeFileSync(launcher, '#!/bin/sh\nexec /bin/sh /opt/bothy/supervise.sh sleep 1000\n')
  chmodSync(launcher, 0o755)
  return folder
}

/** A workspace that is a container of this name and image. */
export const containerTemplate = ({ name = 'main', image = 'bothy-test' } = {}) => ({
  'main.tf': `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}

data "bothy_workspace" "me" {}

resource "bothy_agent" "main" {
  os   = "linux"
  arch = "amd64"
}

resource "bothy_container" "main" {
  count    = data.bothy_workspace.me.start_count
  agent_id = bothy_agent.main.id
  name     = "${name}"
  image    = "${image}"
  network  = "none"
  volume {
    name   = "home"
    target = "/home/ada"
  }
}
`,
})
