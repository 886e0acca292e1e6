package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const etcdStartLimit = 30 * time.Second

// A socket in the state folder, which is its owner's alone.
func etcdSocket(state string) string { return filepath.Join(state, "etcd.sock") }

// The longest path a unix socket may have.
const socketPathMax = 107

func startEtcd(state string) (*embed.Etcd, error) {
	peer := filepath.Join(state, "peer.sock")
	if len(peer) > socketPathMax {
		return nil, fmt.Errorf("%s is too long for a socket", peer)
	}
	config := embed.NewConfig()
	config.Dir = filepath.Join(state, "etcd")
	config.LogLevel = "error"
	// Nothing here must survive a power cut. A killed process loses nothing: the kernel has what was written.
	config.UnsafeNoFsync = true
	// etcd reads the one's path from the host and the other's from the path, and wants host:port in what is advertised.
	config.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: peer}}
	config.ListenClientUrls = []url.URL{{Scheme: "unix", Path: etcdSocket(state)}}
	advertised := url.URL{Scheme: "http", Host: "127.0.0.1:2380"}
	config.AdvertisePeerUrls = []url.URL{advertised}
	config.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2379"}}
	config.InitialCluster = config.Name + "=" + advertised.String()
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		return nil, err
	case <-time.After(etcdStartLimit):
		etcd.Close()
		return nil, fmt.Errorf("etcd was not ready after %s", etcdStartLimit)
	}
}
