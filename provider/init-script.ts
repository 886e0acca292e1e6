/**
 * A POSIX shell script that fetches the agent's program from the control plane, checks it, keeps it, and becomes it. It runs in
 * images that nobody prepared for it: dash, bash and busybox; curl, wget or busybox's; root or anybody; a home folder or none.
 */

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export interface InitScriptFor {
  readonly agentId: string
  readonly os: string
  readonly arch: string
  readonly accessUrl: string
}

export function initScript({ agentId, os, arch, accessUrl }: InitScriptFor): string {
  if (os === 'windows') return 'echo bothy: there is no agent for Windows\r\nexit 1\r\n'
  return `#!/bin/sh
# Fetches the agent of this workspace, checks it, and becomes it. Proxies are taken from https_proxy, http_proxy and no_proxy.
set -eu
BOTHY_AGENT_ID=${quoted(agentId)}
platform=${quoted(`${os}-${arch}`)}
url=\${BOTHY_URL:-\${CODER_AGENT_URL:-}}
[ -n "$url" ] || url=${quoted(accessUrl)}
${ENVIRONMENT}
${SAYING}
${TOKEN_NEEDED}
${CHOOSING_A_FOLDER}
${WORKING}
${FETCHING}
${OBTAINING}
${BECOMING}`
}

/** Puts the same program, checked in the same way, into a folder: for what is started from there afterwards. */
export const fetchScript = (folder: string): string => `#!/bin/sh
set -eu
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
platform=linux-$arch
url=\${BOTHY_URL%/}
cache=${quoted(folder)}
${SAYING}
${WORKING}
${FETCHING}
${OBTAINING}
mv "$program"/* "$cache/"
`

/** The token is kept for the agent only, under one name. */
const ENVIRONMENT = `BOTHY_URL=$url
url=\${url%/}
: "\${BOTHY_AGENT_TOKEN_FILE:=\${CODER_AGENT_TOKEN_FILE:-}}"
: "\${BOTHY_AGENT_TOKEN:=\${CODER_AGENT_TOKEN:-}}"
unset CODER_AGENT_TOKEN CODER_AGENT_TOKEN_FILE
export BOTHY_AGENT_ID BOTHY_URL BOTHY_AGENT_TOKEN BOTHY_AGENT_TOKEN_FILE`

/** 77 is what the agent itself ends with where trying again cannot help. */
const SAYING = `say() { printf 'bothy: %s\\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
have sha256sum || have shasum || have busybox || have openssl || fail "sha256sum is needed to check the agent: install coreutils in the image"
have tar || have busybox || fail "tar is needed to unpack the agent: install it in the image"`

const TOKEN_NEEDED = `[ -n "$BOTHY_AGENT_TOKEN$BOTHY_AGENT_TOKEN_FILE" ] ||
  fail "set BOTHY_AGENT_TOKEN to the agent's token (the template does: env = { BOTHY_AGENT_TOKEN = bothy_agent.NAME.token })"`

/** What is kept there is run again without being fetched, so it must be a folder that nobody else could have made. */
const CHOOSING_A_FOLDER = `usable() {
  mkdir -p "$1" 2>/dev/null && [ ! -L "$1" ] && [ -O "$1" ] && chmod 700 "$1" 2>/dev/null || return 1
  printf '#!/bin/sh\\nexit 0\\n' 2>/dev/null >"$1/.try" && chmod 700 "$1/.try" && "$1/.try" 2>/dev/null && rm -f "$1/.try"
}
cache=
for folder in \${XDG_CACHE_HOME:+"$XDG_CACHE_HOME/bothy"} \${HOME:+"$HOME/.cache/bothy"} "/var/tmp/bothy-$(id -u)" "/tmp/bothy-$(id -u)"; do
  if usable "$folder"; then cache=$folder; break; fi
done
[ -n "$cache" ] || fail "there is no folder that programs can be kept in and run from: tried XDG_CACHE_HOME, HOME/.cache, /var/tmp and /tmp"`

const WORKING = `work=$(mktemp -d "$cache/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT HUP`

/** A control plane that is away comes back; one that says there is no such program will say so again. */
const FETCHING = `# fetch URL FILE: sets code to the answer's, 000 where there was none; what went wrong is in $work/said.
fetch() {
  : >"$work/said"
  if have curl; then
    code=$(curl -sSL --connect-timeout 10 --speed-limit 1 --speed-time 30 -o "$2" -w '%{http_code}' "$1" 2>"$work/said") || code=000
    return 0
  elif have wget && wget --version >/dev/null 2>&1; then set -- "$1" "$2" wget -nv -T 30 -t 1 \${SSL_CERT_FILE:+"--ca-certificate=$SSL_CERT_FILE"}
  # Busybox has a limit of its own; told another with -T, some of its versions crash.
  elif have wget; then set -- "$1" "$2" wget -q
  elif have busybox; then set -- "$1" "$2" busybox wget -q
  else fail "curl, wget or busybox is needed to fetch the agent: install one in the image, or mount the agent from the host"
  fi
  from=$1 to=$2
  shift 2
  if "$@" -O "$to" "$from" 2>"$work/said" </dev/null; then code=200
  else code=$(sed -n 's/.*[^0-9]\\([45][0-9][0-9]\\)\\([^0-9].*\\)\\{0,1\\}$/\\1/p' "$work/said" | tail -n 1); code=\${code:-000}
  fi
}
get() {
  pause=1 before=
  while :; do
    fetch "$1" "$2"
    case $code in
      200) return 0 ;;
      401 | 403 | 404 | 410)
        said=$(sed -n 's/.*"message":"\\([^"]*\\).*/\\1/p' "$2" 2>/dev/null | head -n 1)
        fail "$url has no agent for $platform ($code)\${said:+: $said}"
        ;;
    esac
    said=$(tail -n 1 "$work/said" 2>/dev/null)
    [ "$said" = "$before" ] || say "cannot fetch $1 ($code), trying again\${said:+: $said}"
    before=$said
    sleep "$pause"
    pause=$((pause * 2))
    [ "$pause" -le 15 ] || pause=15
  done
}
digest() {
  if have sha256sum; then sha256sum "$1"
  elif have shasum; then shasum -a 256 "$1"
  elif have busybox; then busybox sha256sum "$1"
  else openssl dgst -sha256 -r "$1"
  fi | cut -d ' ' -f 1
}
unpack() { if have tar; then tar -xzf "$1" -C "$2"; else busybox tar -xzf "$1" -C "$2"; fi; }`

const OBTAINING = `archive=$url/bin/bothy-agent-$platform.tar.gz
program=
for try in 1 2 3; do
  get "$archive.sha256" "$work/wanted"
  wanted=$(cut -d ' ' -f 1 <"$work/wanted")
  case $wanted in *[!0-9a-f]* | '') fail "$archive.sha256 is no digest: is $url a control plane?" ;; esac
  program=$cache/$wanted
  [ ! -x "$program/bothy-agent" ] || break
  get "$archive" "$work/archive"
  found=$(digest "$work/archive")
  if [ "$found" = "$wanted" ]; then
    mkdir "$work/program"
    unpack "$work/archive" "$work/program" || fail "the agent could not be unpacked in $cache: is the disk full?"
    if [ -e "$work/program/node" ] && ! "$work/program/node" --version >/dev/null 2>"$work/said"; then
      fail "the agent is for $platform with glibc 2.28 or newer and libstdc++, and does not run on this $(uname -s) $(uname -m): $(tail -n 1 "$work/said")"
    fi
    # Another one may have been as quick: theirs is as good.
    mv "$work/program" "$program" 2>/dev/null || [ -x "$program/bothy-agent" ] || fail "the agent could not be kept in $cache"
    rm -rf "$program/program"
    break
  fi
  # The control plane may have been upgraded between the two.
  [ "$try" -lt 3 ] || fail "the agent that was fetched has digest $found, not $wanted"
done`

const BECOMING = `# Those of control planes long gone.
touch "$program" 2>/dev/null || :
find "$cache" -mindepth 1 -maxdepth 1 -mtime +60 -exec rm -rf {} + 2>/dev/null || :
rm -rf "$work"
trap - EXIT TERM INT HUP
exec "$program/bothy-agent"
`
