import { readConfig, type Config, type Flags } from './config.ts'
import { Misconfigured } from './kernel/errors.ts'

/**
 * The ways this program runs. What each needs is loaded when it is asked for: a provisioner loads no reconciler, and the
 * command line none of all this.
 */

export type { Flags } from './config.ts'

/** `bothy up`: answers the exit code when it has ended. */
export async function up(flags: Flags = {}): Promise<number> {
  const config = readConfig(flags)
  const { runUp } = await import('./up.ts')
  return runUp(config)
}

/** `bothy down`: ends every machine of this state folder, whether its control plane is up or not. */
export async function down(flags: Flags = {}): Promise<number> {
  const config: Config = readConfig({ ...flags, port: 0 })
  const { runDown } = await import('./down.ts')
  return runDown(config)
}

/** `bothy controller`: answers the exit code when it has ended. */
export async function controller(flags: Flags = {}): Promise<number> {
  const config = readConfig({ ...flags, usualState: 'bothy-controller' })
  const { runController } = await import('./run-controller.ts')
  return runController(config)
}

/** `bothy provisioner`. */
export async function provisioner(flags: Flags = {}): Promise<number> {
  const config = readConfig(flags)
  const { runProvisioner } = await import('./provisioner.ts')
  return runProvisioner(config)
}

/** `bothy template validate DIR`: what an import of it would find. */
export async function validateTemplate(folder: string, variables: Readonly<Record<string, string>>) {
  const { validateTemplate: validate } = await import('./offline.ts')
  return validate(readConfig(), folder, variables)
}

/** `bothy template preview DIR`: what it would ask with these answers. */
export async function previewTemplate(
  folder: string,
  variables: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
  preset: string | null,
) {
  const { previewTemplate: preview } = await import('./offline.ts')
  return preview(readConfig(), folder, variables, { values, preset })
}

if (import.meta.main) {
  // Only the provisioner is started as a program of its own; people start everything with cli/main.ts.
  process.exitCode = await provisioner().catch(async (error: unknown) => {
    const { MISCONFIGURED } = await import('./child.ts')
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof Misconfigured ? MISCONFIGURED : 1
  })
  process.exit()
}
