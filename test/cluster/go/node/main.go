// What stands beside the API server, as one program of many names: the first argument says which it is. One process a
// component, because they share global flags and metrics.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var components = map[string]func() *cobra.Command{
	"kube-controller-manager": manager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
	"names":                   newNamesCommand,
}

func main() {
	arguments := os.Args[1:]
	// -tied: ends when its standard input closes, and so with whoever holds the other end, also after SIGKILL.
	if len(arguments) > 0 && arguments[0] == "-tied" {
		arguments = arguments[1:]
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	if len(arguments) == 0 || components[arguments[0]] == nil {
		fmt.Fprintln(os.Stderr, "name one of kube-controller-manager, kube-scheduler, kubelet, kube-proxy, names")
		os.Exit(2)
	}
	command := components[arguments[0]]()
	os.Args = arguments
	os.Exit(cli.Run(command))
}
