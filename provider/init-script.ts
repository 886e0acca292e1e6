/** A POSIX shell script that fetches the agent's program from the control plane, checks it, and becomes it. */

const DOWNLOAD = `fetch() {
  if command -v curl >/dev/null 2>&1; then curl -fsSL --retry 5 -o "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then wget -q -O "$2" "$1"
  elif command -v busybox >/dev/null 2>&1; then busybox wget -q -O "$2" "$1"
  else echo "bothy: curl, wget or busybox is needed to fetch the agent" >&2; exit 1; fi
}
digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}`

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export function initScript(agent: {
  readonly agentId: string
  readonly os: string
  readonly arch: string
  readonly accessUrl: string
}): string {
  if (agent.os === 'windows') return 'echo bothy: there is no agent for Windows\r\nexit 1\r\n'
  const archive = `bothy-agent-${agent.os}-${agent.arch}.tar.gz`
  return `#!/bin/sh
set -eu
BOTHY_AGENT_ID=${quoted(agent.agentId)}
BOTHY_URL="\${BOTHY_URL:-${'$'}{CODER_AGENT_URL:-}}"
[ -n "$BOTHY_URL" ] || BOTHY_URL=${quoted(agent.accessUrl)}
BOTHY_AGENT_TOKEN="\${BOTHY_AGENT_TOKEN:-${'$'}{CODER_AGENT_TOKEN:-}}"
[ -n "$BOTHY_AGENT_TOKEN" ] || [ -n "\${BOTHY_AGENT_TOKEN_FILE:-}" ] || { echo "bothy: set BOTHY_AGENT_TOKEN to the agent's token" >&2; exit 1; }
export BOTHY_AGENT_ID BOTHY_URL BOTHY_AGENT_TOKEN
unset CODER_AGENT_TOKEN
${DOWNLOAD}
cache="\${XDG_CACHE_HOME:-\${HOME:-/tmp}/.cache}/bothy"
mkdir -p "$cache"
base="\${BOTHY_URL%/}/bin/${archive}"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
fetch "$base.sha256" "$work/wanted"
wanted=$(cut -d ' ' -f 1 < "$work/wanted")
program="$cache/$wanted"
if [ ! -x "$program/bothy-agent" ]; then
  fetch "$base" "$work/archive"
  found=$(digest "$work/archive")
  [ "$found" = "$wanted" ] || { echo "bothy: the agent that was fetched has digest $found, not $wanted" >&2; exit 1; }
  mkdir "$work/program"
  tar -xzf "$work/archive" -C "$work/program"
  mv "$work/program" "$program" 2>/dev/null || [ -x "$program/bothy-agent" ]
fi
rm -rf "$work"
trap - EXIT
exec "$program/bothy-agent"
`
}
