import { join, resolve } from 'node:path'
import { EXIT, usage } from './failure.ts'
import { programVersion } from './package.ts'
import type { Run } from './session.ts'

/** The provider for whoever runs terraform by hand: its schema, and a mirror that terraform installs it from. */
export const run: Run = async (session, [action = ''], options) => {
  if (action === 'schema') {
    const { schemaJson } = await import('../provider/schema-json.ts')
    const { PROVIDER_ADDRESSES } = await import('../provider/reattach.ts')
    session.terminal.out(JSON.stringify(schemaJson(PROVIDER_ADDRESSES.filter((address) => address.startsWith('registry.terraform.io/')))))
    return EXIT.done
  }
  if (action !== 'install') throw usage(`bothy provider cannot ${action}`, 'write bothy provider schema, or bothy provider install')
  const { installProvider, platformOf, terraformConfig } = await import('../provider/install.ts')
  const mirror = resolve(options.text('dir') ?? join(session.environment.dataDir, 'terraform'))
  const installed = await installProvider(mirror, programVersion(), platformOf(process.platform, process.arch))
  const note = (line: string) => session.terminal.quiet || session.terminal.err(line)
  for (const { address, version, folder } of installed) note(`installed ${address} ${version} in ${folder}`)
  note(`put this into ~/.terraformrc (OpenTofu: ~/.tofurc), or into a file that TF_CLI_CONFIG_FILE names:`)
  session.terminal.write(terraformConfig(mirror))
  return EXIT.done
}
