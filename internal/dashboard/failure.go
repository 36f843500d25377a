package dashboard

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Of what is refused from one address 10 keys are told why at once, and then one every 6 seconds.
// It is no lock: a good key is let in, so that nobody can shut out those who share an address.
const (
	maxFailures  = 10
	failureEvery = 6 * time.Second
	// maxAddresses is how many addresses are remembered.
	maxAddresses = 10_000
)

// failures counts refused keys by the address that they came from.
type failures struct {
	now func() time.Time

	mu   sync.Mutex // protects from
	from map[netip.Prefix]*rate.Limiter
}

func newFailures() *failures {
	return &failures{now: time.Now, from: make(map[netip.Prefix]*rate.Limiter)}
}

// tooMany counts a refused key, and reports whether there were too many from its address.
func (f *failures) tooMany(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := network(address)
	limiter, ok := f.from[from]
	if !ok {
		f.makeRoom()
		limiter = rate.NewLimiter(rate.Every(failureEvery), maxFailures)
		f.from[from] = limiter
	}
	return !limiter.AllowN(f.now(), 1)
}

// makeRoom forgets who has waited long enough, or everybody where nobody has.
func (f *failures) makeRoom() {
	if len(f.from) < maxAddresses {
		return
	}
	for from, limiter := range f.from {
		if limiter.TokensAt(f.now()) >= maxFailures {
			delete(f.from, from)
		}
	}
	if len(f.from) >= maxAddresses {
		clear(f.from)
	}
}

// network returns what one user has of addresses: one of IPv4, 2⁶⁴ of IPv6. All that are none
// are the same.
func network(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // the length fits
	return prefix
}
