// A real kube-apiserver with its etcd in one process, for tests. It makes all its keys, prints one line when it is ready,
// and ends on SIGTERM or when its standard input closes: then whoever wanted it is gone, and so is everything it wrote.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type settings struct {
	state    string
	ip       string
	keep     bool
	detached bool
	manager  string
	node     string
	nodeIP   string
	// Further flags of kube-apiserver itself, after `--`.
	more []string
}

// What the ready line says.
type ready struct {
	URL        string `json:"url"`
	Kubeconfig string `json:"kubeconfig"`
	Pid        int    `json:"pid"`
	ReadyMs    int64  `json:"readyMs"`
}

const stopLimit = 2 * time.Second

func main() {
	var s settings
	flag.StringVar(&s.state, "state", "", "the folder of everything it writes, its log too; emptied first unless -keep")
	flag.StringVar(&s.ip, "ip", "127.0.0.1", "the address it listens on; of a bridge, when pods are to reach it")
	flag.BoolVar(&s.keep, "keep", false, "go on with the data, keys and port of the folder, and leave them on SIGTERM")
	flag.BoolVar(&s.detached, "detached", false, "do not end when standard input closes")
	flag.StringVar(&s.manager, "manager", "", "the node program: beside the server, what removes namespaces and orphans and makes service accounts")
	flag.StringVar(&s.node, "node", "", "also write the identity of this node's kubelet")
	flag.StringVar(&s.nodeIP, "node-ip", "", "where that kubelet answers")
	flag.Parse()
	s.more = flag.Args()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(s settings) error {
	startedAt := time.Now()
	if !filepath.IsAbs(s.state) {
		return fmt.Errorf("-state must be an absolute path")
	}
	if !s.keep {
		if err := os.RemoveAll(s.state); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.state, 0o700); err != nil {
		return err
	}
	if err := logInto(filepath.Join(s.state, "log")); err != nil {
		return err
	}
	if !s.detached {
		go endWithInput(s.state)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	listener, err := listen(s)
	if err != nil {
		return err
	}
	url := "https://" + listener.Addr().String()
	keys, err := makeKeys(s, url)
	if err != nil {
		return err
	}
	etcd, err := startEtcd(s.state)
	if err != nil {
		return err
	}
	server, err := startServer(ctx, s, listener, keys)
	if err != nil {
		return err
	}
	if s.manager != "" {
		if err := startManager(ctx, s, keys); err != nil {
			return err
		}
	}
	line, _ := json.Marshal(ready{URL: url, Kubeconfig: keys.kubeconfig, Pid: os.Getpid(), ReadyMs: time.Since(startedAt).Milliseconds()})
	fmt.Println(string(line))

	isOrderly, err := ended(ctx, server)
	if err != nil {
		return err
	}
	if isOrderly {
		etcd.Close()
	}
	if !s.keep {
		return os.RemoveAll(s.state)
	}
	return nil
}

// A server that was told to stop waits a minute for whoever still watches. Those are tests that have ended. Without an orderly
// end nothing is lost either: what was written is the kernel's.
func ended(ctx context.Context, server <-chan error) (isOrderly bool, err error) {
	select {
	case err := <-server:
		return true, err
	case <-ctx.Done():
	}
	select {
	case err := <-server:
		return true, err
	case <-time.After(stopLimit):
		return false, nil
	}
}

// Also what the runtime says when it panics.
func logInto(file string) error {
	log, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return unix.Dup2(int(log.Fd()), unix.Stderr)
}

// The owner holds the other end; it closes with the owner, also after SIGKILL. Nobody is left to be orderly for.
func endWithInput(state string) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = os.RemoveAll(state)
	os.Exit(0)
}

// A server that goes on with old data is found where it was.
func listen(s settings) (net.Listener, error) {
	file := filepath.Join(s.state, "port")
	port := "0"
	if s.node != "" {
		// The address is nobody else's, and policies of networks name this port.
		port = "6443"
	}
	if kept, err := os.ReadFile(file); err == nil {
		port = strings.TrimSpace(string(kept))
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.ip, port))
	if err != nil {
		return nil, err
	}
	return listener, os.WriteFile(file, []byte(fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)), 0o600)
}
