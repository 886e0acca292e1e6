import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { browser, root, signedIn, upWithApps, whyNoBrowser } from './world.ts'

/** The page as somebody uses it, in a real browser. `BOTHY_PICTURES=1` writes the pictures of the documentation. */

const PICTURES = process.env['BOTHY_PICTURES'] === '1'

test.skipIf(whyNoBrowser)(
  'the page lists workspaces and apps, opens them, and has a terminal that a restart of the control plane does not end',
  async () => {
    const { home, up, again } = await upWithApps()
    const launched = await browser()
    const context = await launched.newContext({ viewport: { width: 1180, height: 940 }, colorScheme: 'light' })
    const { page, wrong } = await signedIn(home, context)
    // The ticket is gone from the address, and the token was never in it.
    expect(new URL(page.url()).hash).toBe('')
    const card = page.locator('[data-workspace="default/payments"]')
    await card.locator('[data-app="web"]', { hasText: 'healthy' }).waitFor()
    await card.locator('[data-app="metrics"]', { hasText: 'not healthy' }).waitFor()
    await card.locator('.value', { hasText: 'Branch' }).locator('dd', { hasText: 'main' }).waitFor()
    expect(await card.locator('[data-app="preview"]').innerText()).toContain('public')
    expect(await page.locator('[data-workspace="default/docs"] button').allInnerTexts()).toEqual(['Start'])
    // Nothing that is kept could be sent by another page.
    expect(await context.cookies()).toEqual([])

    if (PICTURES) {
      mkdirSync(join(root, 'docs/images'), { recursive: true })
      await page.screenshot({ path: join(root, 'docs/images/page.png') })
    }

    const [tab] = await Promise.all([context.waitForEvent('page'), card.locator('[data-app="web"]').click()])
    await tab.locator('h1', { hasText: 'An app in a workspace' }).waitFor()
    expect(new URL(tab.url()).pathname).toBe('/@ada/payments/apps/web/')
    expect(await tab.evaluate('window.opener')).toBeNull()
    const headers = await tab.locator('pre').innerText()
    expect(headers).not.toMatch(/bothy-|bothy_|authorization/i)
    await tab.close()

    // From the command line, for somebody who has never been at the page.
    const { stdout } = await home.run(['open', 'payments.main', 'preview', '--print'])
    const fresh = await (await launched.newContext()).newPage()
    await fresh.goto(stdout.trim())
    await fresh.locator('h1', { hasText: 'An app in a workspace' }).waitFor()
    expect(new URL(fresh.url()).hostname).toBe('preview--main--payments--ada.localhost')
    const second = await (await launched.newContext()).newPage()
    expect((await second.goto(stdout.trim()))?.status()).toBe(403)
    expect((await home.run(['open', 'payments', 'logs', '--print'])).stderr).toContain('bothy exec -t payments -- sh -c')
    expect((await home.run(['open', 'payments', 'nothing', '--print'])).stderr).toContain('has no app nothing')
    expect((await home.run(['open', 'docs', 'web', '--print'])).stderr).toMatch(
      /Workspace docs is stopped[\s\S]*start it: bothy start docs/,
    )

    await card.locator('button', { hasText: 'Terminal' }).click()
    const screen = page.locator('.screen .xterm-rows')
    await screen.waitFor()
    await until('a prompt', async () => /[$#]/.test(await screen.innerText()))
    await page.keyboard.type('echo one > seen-by-ls; ls\n')
    await until('ls to be seen', async () => (await screen.innerText()).match(/seen-by-ls/g)?.length === 2)
    await page.keyboard.type(
      'n=0; while sleep 0.2; do n=$((n+1)); echo $n > count; done & echo $! > pid; printf "\\033[38;2;255;120;40mcoloured\\033[0m\\n"\n',
    )
    await until('the colour', async () => (await screen.innerText()).includes('coloured\n'))
    const shell = async () => {
      await page.keyboard.type('echo pid-$$-\n')
      return until('the shell to answer', async () => [...(await screen.innerText()).matchAll(/pid-(\d+)-/g)].at(-1)?.[1])
    }
    const before = await shell()

    process.kill(up.pid, 'SIGKILL')
    await page.locator('.notice', { hasText: 'The connection was lost' }).waitFor()
    await again()
    await page.locator('.notice').waitFor({ state: 'hidden', timeout: 30_000 })
    await page.keyboard.type('clear\n')
    await until('a clear screen', async () => !(await screen.innerText()).includes('pid-'))
    expect(await shell()).toBe(before)
    await page.locator('#link', { hasText: 'up to date' }).waitFor()
    if (PICTURES) {
      await page.emulateMedia({ colorScheme: 'dark' })
      await page.keyboard.type(
        'mkdir -p src test docs; touch README.md Makefile; export PS1="\\[\\e[32m\\]ada@payments\\[\\e[0m\\]:~$ "; clear\n',
      )
      await page.keyboard.type('ls --color=always -F\n')
      await until('it to be listed', async () => (await screen.innerText()).includes('README.md'))
      await page.screenshot({ path: join(root, 'docs/images/page-dark.png') })
    }
    await page.keyboard.type('kill $(cat pid)\n')

    // The policy of the page was kept to the letter, by the terminal's library too.
    expect(
      wrong.filter((line) => !/ERR_CONNECTION_REFUSED|WebSocket connection|ERR_INCOMPLETE|Failed to load resource|ERR_EMPTY/.test(line)),
    ).toEqual([])
    expect(readFileSync(join(home.state, 'token'), 'utf8').trim().length).toBeGreaterThan(31)

    await page.locator('[data-workspace="default/docs"] button', { hasText: 'Start' }).focus()
    await page.keyboard.press('Enter')
    await page.locator('[data-workspace="default/docs"] .badge', { hasText: /Queued|Starting|Running/ }).waitFor()
    await page.locator('#leave').click()
    await page.locator('h1', { hasText: 'Sign in' }).waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  },
)
