package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The files of keys and certificates, in the state folder.
type keys struct {
	folder     string
	kubeconfig string
}

func (k keys) file(name string) string { return filepath.Join(k.folder, name) }

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

const validFor = 10 * 365 * 24 * time.Hour

// Makes everything once; a folder that has a kubeconfig has all of it.
func makeKeys(s settings, url string) (keys, error) {
	k := keys{folder: filepath.Join(s.state, "keys"), kubeconfig: filepath.Join(s.state, "kubeconfig")}
	if _, err := os.Stat(k.kubeconfig); err == nil {
		return k, nil
	}
	if err := os.MkdirAll(k.folder, 0o700); err != nil {
		return k, err
	}
	ca, err := k.authority("ca")
	if err != nil {
		return k, err
	}
	frontProxy, err := k.authority("front-proxy-ca")
	if err != nil {
		return k, err
	}
	accounts, err := k.key("accounts")
	if err != nil {
		return k, err
	}
	public, err := x509.MarshalPKIXPublicKey(accounts.Public())
	if err != nil {
		return k, err
	}
	if err := k.write("accounts.pub", "PUBLIC KEY", public); err != nil {
		return k, err
	}
	// 10.96.0.1 is the first address of the services' range, by which pods know the server.
	ips := []net.IP{net.ParseIP(s.ip), net.ParseIP("127.0.0.1"), net.ParseIP("10.96.0.1")}
	server := x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: ips,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	clients := map[string]pkix.Name{
		"admin":       {CommonName: "kubernetes-admin", Organization: []string{"system:masters"}},
		"scheduler":   {CommonName: "system:kube-scheduler"},
		"proxy":       {CommonName: "system:kube-proxy"},
		"front-proxy": {CommonName: "front-proxy"},
	}
	if s.node != "" {
		clients["kubelet"] = pkix.Name{CommonName: "system:node:" + s.node, Organization: []string{"system:nodes"}}
		serving := server
		serving.Subject = pkix.Name{CommonName: s.node}
		serving.DNSNames = []string{s.node}
		serving.IPAddresses = []net.IP{net.ParseIP(s.nodeIP)}
		if err := k.certificate("kubelet-server", serving, ca); err != nil {
			return k, err
		}
	}
	if err := k.certificate("server", server, ca); err != nil {
		return k, err
	}
	for name, subject := range clients {
		signer := ca
		if name == "front-proxy" {
			signer = frontProxy
		}
		client := x509.Certificate{Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if err := k.certificate(name, client, signer); err != nil {
			return k, err
		}
		if err := k.writeKubeconfig(name, k.file(name+".kubeconfig"), url); err != nil {
			return k, err
		}
	}
	// The last one: it says that everything is there.
	return k, k.writeKubeconfig("admin", k.kubeconfig, url)
}

func (k keys) key(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	bytes, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, k.write(name+".key", "EC PRIVATE KEY", bytes)
}

func (k keys) authority(name string) (authority, error) {
	key, err := k.key(name)
	if err != nil {
		return authority{}, err
	}
	template := x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	certificate, err := k.sign(name, template, &template, key.Public(), key)
	return authority{certificate: certificate, key: key}, err
}

func (k keys) certificate(name string, template x509.Certificate, by authority) error {
	key, err := k.key(name)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	_, err = k.sign(name, template, by.certificate, key.Public(), by.key)
	return err
}

func (k keys) sign(name string, template x509.Certificate, parent *x509.Certificate, public crypto.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// A clock that goes a little behind ours is no reason to refuse.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(validFor)
	if template.IsCA {
		parent = &template
	}
	bytes, err := x509.CreateCertificate(rand.Reader, &template, parent, public, key)
	if err != nil {
		return nil, err
	}
	if err := k.write(name+".crt", "CERTIFICATE", bytes); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(bytes)
}

func (k keys) write(name, kind string, bytes []byte) error {
	return os.WriteFile(k.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
}

// One file that needs no other: it can be copied and mounted.
func (k keys) writeKubeconfig(name, to, url string) error {
	read := func(file string) []byte {
		bytes, _ := os.ReadFile(k.file(file))
		return bytes
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["bothy-test"] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: read("ca.crt")}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: read(name + ".crt"), ClientKeyData: read(name + ".key")}
	config.Contexts["bothy-test"] = &clientcmdapi.Context{Cluster: "bothy-test", AuthInfo: name, Namespace: "default"}
	config.CurrentContext = "bothy-test"
	return clientcmd.WriteToFile(*config, to)
}
