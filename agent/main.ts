import { enableCompileCache } from 'node:module'

/**
 * `bothy agent`: the program that runs in a workspace. Everything else is loaded after the compile cache is on, which is
 * most of what its start costs.
 */
export async function main(): Promise<void> {
  enableCompileCache()
  const { readEnvironment } = await import('./environment.ts')
  const { run } = await import('./run.ts')
  try {
    process.exitCode = await run(readEnvironment())
  } catch (error) {
    process.stderr.write(`bothy agent: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
  // Whatever still holds the loop open was started for somebody who is gone.
  process.exit()
}

if (import.meta.main) await main()
