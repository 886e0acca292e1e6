import { expect, test } from 'vitest'
import { readConfig } from '../../controller/config.ts'

const containers = (env: Readonly<Record<string, string>>) => readConfig({}, { HOME: '/home/ada', ...env }).containers

test('the socket is the one that is named, and else where Docker and Podman usually listen', () => {
  expect(containers({ BOTHY_DOCKER: 'unix:///x/docker.sock', DOCKER_HOST: 'unix:///y' }).sockets).toEqual(['/x/docker.sock'])
  expect(containers({ BOTHY_DOCKER: '/x/docker.sock' }).sockets).toEqual(['/x/docker.sock'])
  expect(containers({ DOCKER_HOST: 'unix:///y/docker.sock' }).sockets).toEqual(['/y/docker.sock'])
  expect(containers({ XDG_RUNTIME_DIR: '/run/user/7' }).sockets).toEqual([
    '/var/run/docker.sock',
    '/run/user/7/docker.sock',
    '/run/user/7/podman/podman.sock',
    '/run/podman/podman.sock',
  ])
})

test('an engine on another machine is refused where it is meant for Bothy, and else only when it is wanted', () => {
  expect(() => containers({ BOTHY_DOCKER: 'tcp://10.0.0.1:2375' })).toThrow(/BOTHY_DOCKER=tcp:.*a socket of this machine/)
  expect(containers({ DOCKER_HOST: 'ssh://elsewhere' }).sockets).toEqual(['ssh://elsewhere'])
})

test('what is allowed is named by its words', () => {
  expect(containers({}).allow).toEqual([])
  expect(containers({ BOTHY_CONTAINER_ALLOW: 'bind, host-network' }).allow).toEqual(['bind', 'host-network'])
  expect(() => containers({ BOTHY_CONTAINER_ALLOW: 'everything' })).toThrow(
    'BOTHY_CONTAINER_ALLOW=everything: must be some of bind, privileged, host-network, networks',
  )
  expect(containers({ BOTHY_CONTAINER_REGISTRIES: 'ghcr.io,docker.io' }).registries).toEqual(['ghcr.io', 'docker.io'])
  expect(() => containers({ BOTHY_CONTAINER_URL: 'unix:///x' })).toThrow('BOTHY_CONTAINER_URL must be a url')
})
