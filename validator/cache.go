package validator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

// DefaultCacheSize is how many bytes of verified tokens are kept where the file does not say.
const DefaultCacheSize = 16 << 20

// print is the keyed digest of a token under one validator's rules. Who does not have the key cannot look for two tokens
// with the same print.
type print [sha256.Size]byte

// id is the part of a print that may leave the validator.
func (p *print) id() string { return hex.EncodeToString(p[:16]) }

// ruleID is what a validator demands, and what it hands on, in short: equal rules, equal verdicts.
type ruleID [sha256.Size]byte

// rules sums up a configuration and what the endpoint wants of its claims.
func (c *Config) rules(deps *Deps, wants *Wants) (ruleID, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	if err := enc.Encode(c); err != nil {
		return ruleID{}, err
	}
	for _, name := range c.Providers {
		if err := enc.Encode(deps.Providers[name]); err != nil {
			return ruleID{}, err
		}
	}
	if wants != nil {
		fmt.Fprintln(h, wants.whole)
		for _, w := range wants.list {
			fmt.Fprintf(h, "%q %q %q\n", w.use, w.ref.literal, w.ref.segments)
		}
	}
	return ruleID(h.Sum(nil)), nil
}

// Rules is what a validator demands and hands on, as a short text. Among those of one configuration, those with the same rules
// say the same of every request.
func (v *Validator) Rules() string { return string(v.rules[:]) }

// digester makes prints.
type digester struct {
	key  [sha256.Size]byte
	room sync.Pool // of *[]byte
}

func newDigester() *digester {
	d := &digester{}
	rand.Read(d.key[:]) // never fails
	d.room.New = func() any { b := make([]byte, 0, 4096); return &b }
	return d
}

func (d *digester) print(rules *ruleID, token string) print {
	b := d.room.Get().(*[]byte)
	buf := append((*b)[:0], d.key[:]...)
	buf = append(buf, rules[:]...)
	buf = append(buf, token...)
	p := print(sha256.Sum256(buf))
	*b = buf
	d.room.Put(b)
	return p
}

// Cache holds what verified tokens came to, so that a token is verified once. It belongs to one configuration, is bounded
// in bytes, and is read without a lock. It keeps prints and claims, never tokens.
//
// A verdict dies with the token (exp), with the key that signed it, with an entry of the deny-list, and with the cache.
type Cache struct {
	digest *digester
	groups uint64 // a power of two
	slots  []cacheSlot
	limit  int

	mu   sync.Mutex // of those who write
	used int
	hand int // where the search for something to drop goes on
}

// ways is how many places a group has: one cache line of them.
const ways = 4

// cacheSlot is a place in the table. The tag spares following the pointer.
type cacheSlot struct {
	tag   atomic.Uint64
	entry atomic.Pointer[entry]
}

// entry is one verdict.
type entry struct {
	claims      Claims
	key         *verifier
	from, until moment
	list        atomic.Pointer[denylist] // the deny-list that it was last held against
	sound       atomic.Int64             // 1 + the losses of the keys when its own was last seen to be there
	asked       atomic.Int64             // when it was last asked for, see ask
	size        int
}

// NewCache makes a cache of at most so many bytes, overhead included; 0 or less: nil, which is no cache.
func NewCache(size int) *Cache {
	if size <= 0 {
		return nil
	}
	groups := max(uint64(size)/(512*ways), 1)
	groups = 1 << (bits.Len64(groups) - 1)
	c := &Cache{digest: newDigester(), groups: groups, limit: size}
	c.slots = make([]cacheSlot, groups*ways)
	c.used = len(c.slots) * 16
	return c
}

// Bytes is the memory that the cache holds, as it counts it; Len the number of verdicts.
func (c *Cache) Bytes() int {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// Len is the number of verdicts in the cache.
func (c *Cache) Len() int {
	n := 0
	if c != nil {
		for i := range c.slots {
			if c.slots[i].entry.Load() != nil {
				n++
			}
		}
	}
	return n
}

// at is the first slot of one of the two groups that a print may be in.
func (c *Cache) at(p *print, which int) int {
	return int(binary.LittleEndian.Uint64(p[8+8*which:])&(c.groups-1)) * ways
}

func (p *print) tag() uint64 { return binary.LittleEndian.Uint64(p[:]) | 1 }

// find is the verdict of a print, nil if there is none that still holds. losses are those of the keys, read before.
func (c *Cache) find(p *print, now moment, deny *denylist, losses int64) *Claims {
	if c == nil {
		return nil
	}
	tag := p.tag()
	for which := range 2 {
		first := c.at(p, which)
		for i := first; i < first+ways; i++ {
			if c.slots[i].tag.Load() != tag {
				continue
			}
			if e := c.slots[i].entry.Load(); e != nil && e.claims.print == *p {
				return e.verdict(now, deny, losses)
			}
		}
	}
	return nil
}

// verdict is the entry's claims, if they still hold.
func (e *entry) verdict(now moment, deny *denylist, losses int64) *Claims {
	if now < e.from || now >= e.until {
		return nil
	}
	if e.sound.Load() != losses+1 {
		if e.key.gone.Load() {
			return nil
		}
		e.sound.Store(losses + 1)
	}
	if e.list.Load() != deny {
		if deny.names(&e.claims, now) {
			return nil
		}
		e.list.Store(deny)
	}
	e.ask(now, 1)
	return &e.claims
}

// ask takes down that an entry is in use, once a second: twice the second, and one more if it was asked for again. So of
// those of one second the ones that came once go first.
func (e *entry) ask(now moment, again int64) {
	if asked := int64(now/1e6)*2 + again; e.asked.Load() != asked {
		e.asked.Store(asked)
	}
}

// keep adds a verdict and drops others until there is room.
func (c *Cache) keep(e *entry, now moment) {
	if c == nil {
		return
	}
	e.size = 128 + e.claims.size()
	e.ask(now, 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.size > (c.limit-len(c.slots)*16)/4 {
		return
	}
	c.put(c.place(e, now), e)
	for c.used > c.limit {
		c.sweep(now)
	}
}

// place finds where an entry goes: over itself, into an empty slot, or over the one that is missed least.
func (c *Cache) place(e *entry, now moment) int {
	best, worth := 0, int64(math.MaxInt64)
	for which := range 2 {
		first := c.at(&e.claims.print, which)
		for i := first; i < first+ways; i++ {
			old := c.slots[i].entry.Load()
			if old != nil && old.claims.print == e.claims.print {
				return i
			}
			if w := old.worth(now); w < worth {
				best, worth = i, w
			}
		}
	}
	return best
}

// worth orders entries by how much they would be missed: none at all, a dead one, and then by when they were asked for. So a
// crowd that has left makes room for the next.
func (e *entry) worth(now moment) int64 {
	switch {
	case e == nil:
		return -2
	case now >= e.until || e.key.gone.Load():
		return -1
	}
	return e.asked.Load()
}

func (c *Cache) put(i int, e *entry) {
	slot := &c.slots[i]
	if old := slot.entry.Load(); old != nil {
		c.used -= old.size
	}
	slot.entry.Store(e)
	if e == nil {
		slot.tag.Store(0)
		return
	}
	slot.tag.Store(e.claims.print.tag())
	c.used += e.size
}

// sample is how many entries are looked at for one to drop.
const sample = 8

// sweep drops the entry that is missed least of the next few.
func (c *Cache) sweep(now moment) {
	least, worth := -1, int64(math.MaxInt64)
	for seen, looked := 0, 0; seen < sample && looked < len(c.slots); looked++ {
		c.hand = (c.hand + 1) % len(c.slots)
		e := c.slots[c.hand].entry.Load()
		if e == nil {
			continue
		}
		seen++
		if w := e.worth(now); w < worth {
			least, worth = c.hand, w
		}
	}
	if least >= 0 {
		c.put(least, nil)
	}
}

// window is when a verdict of this token holds, by the wall clock.
func (v *Validator) window(a *attempt) (from, until moment) {
	until = lastMoment
	if a.hasExp {
		until = a.exp + v.leeway
	}
	if a.hasNbf {
		from = a.nbf - v.leeway
	}
	if a.hasIat {
		from = max(from, a.iat-v.leeway)
		if v.maxAge > 0 {
			until = min(until, a.iat+v.maxAge+v.leeway)
		}
	}
	return from, until
}
