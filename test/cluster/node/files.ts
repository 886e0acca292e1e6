/** What the programs of a node are told, inside its own namespaces, where its folder is /run/node. */

export const PAUSE = 'bothy.test/pause:1'

export const containerdConfig = (): string => `version = 2
root = "/run/node/containerd"
state = "/run/node/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "/run/node/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  # Without CAP_SYS_RESOURCE runc dies of what the kubelet asks for.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/node/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`

export const networkConfig = (pods: string): string =>
  JSON.stringify({
    cniVersion: '0.4.0',
    name: 'bothy-test',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: pods }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: '/run/node/ipam' },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  })

export const kubeletConfig = (id: string): string =>
  JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: '/run/node/keys/ca.crt' } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: '/run/node/keys/kubelet-server.crt',
    tlsPrivateKeyFile: '/run/node/keys/kubelet-server.key',
    containerRuntimeEndpoint: 'unix:///run/node/containerd.sock',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/bothy-node-${id}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    resolvConf: '/run/node/resolv.conf',
    podLogsDir: '/run/node/pod-logs',
    volumePluginDir: '/run/node/volume-plugins',
    enforceNodeAllocatable: ['pods'],
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0.1%', 'imagefs.available': '0.1%' },
    imageGCHighThresholdPercent: 100,
    registryPullQPS: 0,
    shutdownGracePeriod: '0s',
    shutdownGracePeriodCriticalPods: '0s',
    readOnlyPort: 0,
    healthzPort: 0,
  })
