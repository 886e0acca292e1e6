import { el } from './dom.js'
import { openTerminal } from './terminal.js'

/** The terminals of this tab, below everything else. */

const dock = document.getElementById('dock')
const tabs = el('div', { class: 'tabs', role: 'tablist' })
dock.append(tabs)
const open = []

function show(one) {
  for (const each of open) {
    each.screen.hidden = each !== one
    each.button.setAttribute('aria-selected', String(each === one))
  }
  one?.terminal.focus()
}

function close(one) {
  one.terminal.close()
  one.screen.remove()
  one.tab.remove()
  open.splice(open.indexOf(one), 1)
  if (open.length > 0) return show(open.at(-1))
  dock.hidden = true
  document.body.classList.remove('docked')
}

export function enter(ref, agent, { command = '', title = '' } = {}) {
  const name = title || `${ref.name}${agent ? `.${agent}` : ''}`
  const notice = el('div', { class: 'notice', role: 'status', hidden: true })
  const screen = el('div', { class: 'screen', role: 'tabpanel', 'aria-label': `Terminal of ${name}` }, notice)
  const one = { screen }
  one.button = el('button', { role: 'tab', onclick: () => show(one) }, name)
  one.tab = el(
    'span',
    { class: 'tab' },
    one.button,
    el('button', { class: 'x', 'aria-label': `Close the terminal of ${name}`, onclick: () => close(one) }, '✕'),
  )
  tabs.append(one.tab)
  dock.append(screen)
  dock.hidden = false
  document.body.classList.add('docked')
  one.terminal = openTerminal(screen, {
    ref,
    agent,
    command,
    notice(text) {
      notice.textContent = text
      notice.hidden = text === ''
    },
  })
  open.push(one)
  show(one)
}
