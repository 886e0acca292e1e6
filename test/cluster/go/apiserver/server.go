package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	basecompatibility "k8s.io/component-base/compatibility"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const (
	readyLimit = 60 * time.Second
	issuer     = "https://kubernetes.default.svc"
	// An address of a documentation range: a loopback one is no legal endpoint, and nobody asks for this one.
	advertisedByLoopback = "192.0.2.1"
)

// Answers once /readyz does; the channel says how the server ended.
func startServer(ctx context.Context, s settings, listener net.Listener, k keys) (<-chan error, error) {
	run := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range run.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	run.SecureServing.Listener = listener
	if err := flags.Parse(append(flagsOf(s, k), s.more...)); err != nil {
		return nil, err
	}
	run.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	registry := run.GenericServerRunOptions.ComponentGlobalsRegistry
	if err := registry.Set(); err != nil {
		return nil, err
	}
	if err := logsapi.ValidateAndApply(run.Logs, registry.FeatureGateFor(basecompatibility.DefaultKubeComponent)); err != nil {
		return nil, err
	}
	// Its own loopback clients would log warnings about what it itself sends.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	return serve(ctx, run)
}

func serve(ctx context.Context, run *options.ServerRunOptions) (<-chan error, error) {
	completed, err := run.Complete(ctx)
	if err != nil {
		return nil, err
	}
	if wrong := completed.Validate(); len(wrong) > 0 {
		return nil, utilerrors.NewAggregate(wrong)
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return nil, err
	}
	whole, err := config.Complete()
	if err != nil {
		return nil, err
	}
	server, err := app.CreateServerChain(whole)
	if err != nil {
		return nil, err
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- prepared.Run(ctx) }()
	client, err := kubernetes.NewForConfig(server.GenericAPIServer.LoopbackClientConfig)
	if err != nil {
		return nil, err
	}
	isReady := func(ctx context.Context) (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("the server ended before it was ready: %w", err)
		default:
		}
		status := 0
		client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
		return status == http.StatusOK, nil
	}
	return ended, wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, readyLimit, true, isReady)
}

func flagsOf(s settings, k keys) []string {
	flags := []string{
		"--etcd-servers=unix://" + etcdSocket(s.state),
		"--bind-address=" + s.ip,
		"--authorization-mode=Node,RBAC",
		"--anonymous-auth=false",
		"--allow-privileged=true",
		"--enable-admission-plugins=NodeRestriction",
		"--tls-cert-file=" + k.file("server.crt"),
		"--tls-private-key-file=" + k.file("server.key"),
		"--client-ca-file=" + k.file("ca.crt"),
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + k.file("accounts.pub"),
		"--service-account-signing-key-file=" + k.file("accounts.key"),
		"--requestheader-client-ca-file=" + k.file("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + k.file("front-proxy.crt"),
		"--proxy-client-key-file=" + k.file("front-proxy.key"),
		"--kubelet-certificate-authority=" + k.file("ca.crt"),
		"--kubelet-client-certificate=" + k.file("admin.crt"),
		"--kubelet-client-key=" + k.file("admin.key"),
		// Without it, exec and logs try to resolve the node's name.
		"--kubelet-preferred-address-types=InternalIP",
		"--service-cluster-ip-range=10.96.0.0/16",
	}
	if s.node == "" {
		flags = append(flags, "--advertise-address="+advertisedByLoopback, "--endpoint-reconciler-type=none")
	} else {
		flags = append(flags, "--advertise-address="+s.ip, "--endpoint-reconciler-type=lease")
	}
	if s.manager == "" && s.node == "" {
		// Nobody makes the accounts that it would insist on.
		flags = append(flags, "--disable-admission-plugins=ServiceAccount")
	}
	return flags
}
