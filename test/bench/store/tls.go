package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"time"
)

// tlsRate is how many octets a second TLS 1.3 with AES-128-GCM carries over
// loopback when both ends share one processor.
func tlsRate() (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	config, err := selfSigned()
	if err != nil {
		return 0, err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() { ended <- pour(l) }()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if s := c.ConnectionState().CipherSuite; s != tls.TLS_AES_128_GCM_SHA256 {
		return 0, fmt.Errorf("TLS chose %s, not AES-128-GCM", tls.CipherSuiteName(s))
	}
	start := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, 64<<10))
	return float64(n) / time.Since(start).Seconds(), errors.Join(err, <-ended)
}

// pour sends 1 GiB to whoever connects.
func pour(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	block := make([]byte, 64<<10)
	for range 1 << 30 / len(block) {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
	return nil
}

func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}
