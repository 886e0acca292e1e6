import { createServer } from 'node:http'

/** An app as a workspace has one. Its page can be asked to do what a hostile one would. */
const heard = []

createServer((request, response) => {
  response.setHeader('access-control-allow-origin', '*')
  if (request.url === '/healthz') return response.end('ok')
  if (request.url === '/heard') return response.end(JSON.stringify(heard))
  heard.push({ url: request.url, headers: request.headers })
  response.setHeader('content-type', 'text/html')
  const seen = JSON.stringify(request.headers).replaceAll('<', '&lt;')
  response.end(`<!doctype html><title>An app</title><h1>An app in a workspace</h1><pre>${seen}</pre>`)
}).listen(Number(process.argv[2]), '127.0.0.1')
