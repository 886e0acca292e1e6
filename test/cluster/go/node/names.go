package main

import (
	"context"
	"fmt"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/dns/dnsmessage"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	zone         = ".cluster.local."
	zoneServices = ".svc" + zone
	answerTTL    = 5
	queryMax     = 1232
)

// The names of Services, as a cluster's DNS has them, by UDP. Of the world outside it knows nothing and says so.
func newNamesCommand() *cobra.Command {
	var kubeconfig, listen string
	command := &cobra.Command{
		Use:          "names",
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return serveNames(ctx, kubeconfig, listen)
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "as whom Services are read")
	command.Flags().StringVar(&listen, "listen", "", "the address and port of the cluster's DNS")
	return command
}

func serveNames(ctx context.Context, kubeconfig, listen string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services()
	services.Informer()
	socket, err := net.ListenPacket("udp", listen)
	if err != nil {
		return err
	}
	defer socket.Close()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	context.AfterFunc(ctx, func() { socket.SetDeadline(time.Now()) })
	for query := make([]byte, queryMax); ; {
		length, asker, err := socket.ReadFrom(query)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := answerTo(query[:length], services.Lister())
		if err != nil {
			fmt.Println("a query that nobody can read:", err)
			continue
		}
		socket.WriteTo(answer, asker)
	}
}

func answerTo(query []byte, services corelisters.ServiceLister) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	address, code := addressOf(strings.ToLower(question.Name.String()), services)
	answer := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RCode: code,
		},
		Questions: []dnsmessage.Question{question},
	}
	if address != nil && question.Type == dnsmessage.TypeA {
		name := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: answerTTL}
		body := &dnsmessage.AResource{A: [4]byte(address)}
		answer.Answers = []dnsmessage.Resource{{Header: name, Body: body}}
	}
	return answer.Pack()
}

func addressOf(name string, services corelisters.ServiceLister) (net.IP, dnsmessage.RCode) {
	if !strings.HasSuffix(name, zone) {
		return nil, dnsmessage.RCodeRefused
	}
	rest, isService := strings.CutSuffix(name, zoneServices)
	service, namespace, isWhole := strings.Cut(rest, ".")
	if !isService || !isWhole {
		return nil, dnsmessage.RCodeNameError
	}
	found, err := services.Services(namespace).Get(service)
	if err != nil {
		return nil, dnsmessage.RCodeNameError
	}
	return net.ParseIP(found.Spec.ClusterIP).To4(), dnsmessage.RCodeSuccess
}
