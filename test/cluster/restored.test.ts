import { cpSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'
import { followed } from './faults.world.ts'

/** An older state of everything is brought back in place: versions go on from there, and what was told after it never was. */

test.skipIf(noOwnCluster !== null)(
  'a cluster whose etcd is restored from a backup is followed from there, and what is lost is told',
  async () => {
    const own = await ownCluster()
    const home = dirname(own.kubeconfig)
    const [state, backup] = [join(home, 'etcd'), join(home, 'backup')]
    const at = await followed(own.kubeconfig, await own.namespace('restored'))
    const shown = (name: string) => at.cache.get('Workspace', at.namespace, name)
    await at.create('stays')
    await at.create('was-removed')
    await at.settled()
    await own.kill()
    cpSync(state, backup, { recursive: true })
    await own.start()
    await at.remove('was-removed')
    await at.create('is-lost')
    // The server writes too when it starts: what is lost must be more than that.
    for (let i = 0; i < 100; i += 1) await at.power('stays', i % 2 === 0 ? 'Stopped' : 'Running')
    await at.settled()
    const before = at.told.length

    await own.kill()
    rmSync(state, { recursive: true })
    cpSync(backup, state, { recursive: true })
    await own.start()
    await until('what was there to be shown', () => shown('was-removed'))
    const again = at.told.slice(before).map((line) => line.split(' ').slice(0, 2).join(' '))
    // What is known of an object is no earlier state of what there is: it ends, and another begins.
    expect(again.toSorted()).toEqual(['ADDED stays', 'ADDED was-removed', 'DELETED is-lost', 'DELETED stays'])
    expect(shown('is-lost')).toBeUndefined()
    expect(shown('stays')).toEqual(await at.direct.get('Workspace', at.namespace, 'stays'))
    await at.create('comes')
    await at.power('stays', 'Stopped')
    await until('what comes after it to be followed', () => shown('comes') && JSON.stringify(shown('stays')?.spec).includes('"Stopped"'))
  },
)
