package line

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ErrProxyHeader: what came where a PROXY header must be is none.
var ErrProxyHeader = errors.New("line: not a PROXY protocol header")

// readProxy reads a header of the PROXY protocol, version 1 or 2
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt), and not an
// octet more: what follows may be a TLS handshake. The addresses are nil when
// the proxy speaks for itself (LOCAL), or does not know.
func readProxy(r io.Reader) (from, to net.Addr, err error) {
	start := make([]byte, len(proxySignature))
	if _, err := io.ReadFull(r, start); err != nil {
		return nil, nil, fmt.Errorf("read a PROXY header: %w", err)
	}
	switch {
	case bytes.Equal(start, []byte(proxySignature)):
		return readProxy2(r)
	case bytes.HasPrefix(start, []byte("PROXY ")):
		return readProxy1(r, start)
	}
	return nil, nil, ErrProxyHeader
}

// maxProxy1 is the longest line of version 1 with its CRLF (§2.1).
const maxProxy1 = 107

// readProxy1 reads the rest of a line of version 1 (§2.1).
func readProxy1(r io.Reader, l []byte) (from, to net.Addr, err error) {
	for !bytes.HasSuffix(l, []byte("\r\n")) {
		if len(l) == maxProxy1 {
			return nil, nil, ErrProxyHeader
		}
		l = append(l, 0)
		if _, err := io.ReadFull(r, l[len(l)-1:]); err != nil {
			return nil, nil, fmt.Errorf("read a PROXY header: %w", err)
		}
	}
	words := strings.Split(string(l[:len(l)-2]), " ")
	if words[1] == "UNKNOWN" {
		return nil, nil, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return nil, nil, ErrProxyHeader
	}
	four := words[1] == "TCP4"
	source, err1 := proxyAddress(words[2], words[4], four)
	destination, err2 := proxyAddress(words[3], words[5], four)
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	return source, destination, nil
}

func proxyAddress(host, port string, four bool) (*net.TCPAddr, error) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || a.Is4() != four || a.Zone() != "" {
		return nil, fmt.Errorf("%s port %s is no such address", host, port)
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(n))), nil
}

// proxySignature begins version 2 (§2.2).
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// maxProxy2 is how much may follow the first 16 octets: an address and TLVs,
// among them certificates' names.
const maxProxy2 = 4096

// readProxy2 reads the rest of a header of version 2 (§2.2).
func readProxy2(r io.Reader) (from, to net.Addr, err error) {
	h := append([]byte(proxySignature), 0, 0, 0, 0)
	if _, err := io.ReadFull(r, h[12:]); err != nil {
		return nil, nil, fmt.Errorf("read a PROXY header: %w", err)
	}
	command, family, n := h[12], h[13], int(binary.BigEndian.Uint16(h[14:]))
	if command != 0x20 && command != 0x21 || n > maxProxy2 {
		return nil, nil, ErrProxyHeader
	}
	h = append(h, make([]byte, n)...)
	if _, err := io.ReadFull(r, h[16:]); err != nil {
		return nil, nil, fmt.Errorf("read a PROXY header: %w", err)
	}
	size := proxySizes[family]
	if n < size || !checked(h, 16+size) {
		return nil, nil, ErrProxyHeader
	}
	if command == 0x20 || family != 0x11 && family != 0x21 { // LOCAL, or not TCP
		return nil, nil, nil
	}
	return proxyPair(h[16 : 16+size])
}

// proxySizes are those of the addresses of each family and transport.
var proxySizes = map[byte]int{0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}

// proxyPair reads two addresses and their ports.
func proxyPair(p []byte) (from, to net.Addr, err error) {
	n := len(p)/2 - 2
	source, _ := netip.AddrFromSlice(p[:n])
	destination, _ := netip.AddrFromSlice(p[n : 2*n])
	ports := p[2*n:]
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))),
		net.TCPAddrFromAddrPort(netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))), nil
}

// checked reports that the TLVs at the end of a header are whole, and that its
// checksum is right if there is one (§2.2.3). What else they say is ignored.
func checked(h []byte, at int) bool {
	const kind = 0x03 // PP2_TYPE_CRC32C
	for at < len(h) {
		if at+3 > len(h) {
			return false
		}
		value := at + 3
		next := value + int(binary.BigEndian.Uint16(h[at+1:]))
		if next > len(h) || h[at] == kind && next-value != 4 {
			return false
		}
		if h[at] == kind && !sumIs(h, value) {
			return false
		}
		at = next
	}
	return true
}

// sumIs reports that the four octets at i are the checksum of h with zeros there.
func sumIs(h []byte, i int) bool {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, h[:i])
	sum = crc32.Update(sum, table, make([]byte, 4))
	return crc32.Update(sum, table, h[i+4:]) == binary.BigEndian.Uint32(h[i:])
}
