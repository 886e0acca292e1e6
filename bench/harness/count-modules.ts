import { statSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Loaded before a program: says at its end which files it has read. */

const files = new Set<string>()

registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:')) files.add(fileURLToPath(url))
    return next(url, context)
  },
})

process.on('exit', () => {
  const others = [...files].filter((file) => file.includes('/node_modules/'))
  const bytes = [...files].reduce((sum, file) => sum + statSync(file).size, 0)
  process.stdout.write(`loaded ${files.size - others.length} ${others.length} ${Math.round(bytes / 1024)}\n`)
})
