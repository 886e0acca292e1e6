#!/usr/bin/env node
// The program `bothy` in a checkout: installs what is missing, then runs cli/main.ts on the pinned Node.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { argv, exit, stderr } from 'node:process'
import { environment, install, pinnedNode, root } from './bootstrap.js'

install()
const node = pinnedNode()
const args = [join(root, 'cli', 'main.ts'), ...argv.slice(2)]
// What people are told to type is what they typed; npm finds the program in a checkout, where PATH does not.
const typed = argv[1]?.endsWith('kubectl-bothy') ? 'kubectl bothy' : process.env.npm_execpath ? 'npx bothy' : 'bothy'
const env = { ...environment(), BOTHY_PROGRAM: typed }

// One process instead of two, where this Node can.
if (typeof process.execve === 'function') process.execve(node, [node, '--disable-warning=ExperimentalWarning', ...args], env)

// Older Node cannot become another program, so this one stays as its parent. The channel tells the child when it is gone.
const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  stderr.write(`bothy: ${node}: ${error.message}\n`)
  exit(1)
})
child.on('exit', (code, signal) => exit(signal ? 1 : (code ?? 1)))
