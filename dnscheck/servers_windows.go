package dnscheck

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

const serversFrom = "the network adapters that are up (GetAdaptersAddresses)"

func systemServers() ([]netip.AddrPort, error) {
	adapter, err := adapters()
	if err != nil {
		return nil, err
	}
	var servers []netip.AddrPort
	for ; adapter != nil; adapter = adapter.Next {
		if adapter.OperStatus != windows.IfOperStatusUp {
			continue
		}
		for dns := adapter.FirstDnsServerAddress; dns != nil; dns = dns.Next {
			if s, ok := server(dns.Address); ok && !slices.Contains(servers, s) {
				servers = append(servers, s)
			}
		}
	}
	return servers, nil
}

// adapters asks until the list fits: adapters may appear meanwhile.
func adapters() (*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_SKIP_UNICAST | windows.GAA_FLAG_SKIP_ANYCAST |
		windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_FRIENDLY_NAME
	size := uint32(15_000) // Microsoft's advice for the first call
	for range 10 {
		buf := make([]byte, size)
		list := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(syscall.AF_UNSPEC, flags, 0, list, &size)
		switch {
		case err == nil:
			return list, nil
		case !errors.Is(err, windows.ERROR_BUFFER_OVERFLOW):
			return nil, err
		}
	}
	return nil, windows.ERROR_BUFFER_OVERFLOW
}

func server(a windows.SocketAddress) (netip.AddrPort, bool) {
	sa, err := a.Sockaddr.Sockaddr()
	if err != nil {
		return netip.AddrPort{}, false
	}
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), 53), true
	case *syscall.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			ip = ip.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		// Windows lists fec0:0:0:ffff::1 to ::3 where nothing else is set; nobody answers there.
		return netip.AddrPortFrom(ip, 53), !netip.MustParsePrefix("fec0::/10").Contains(ip.WithZone(""))
	}
	return netip.AddrPort{}, false
}
