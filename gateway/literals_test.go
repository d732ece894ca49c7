package gateway

import (
	"fmt"
	"testing"
)

func TestLiterals(t *testing.T) {
	for _, n := range []int{1, 6, 7, 100, 3000} {
		var table literals
		nodes := map[string]*node{}
		for i := range n {
			name := fmt.Sprintf("service-%d", i)
			nodes[name] = &node{name: name}
			table.put(nodes[name])
			if i%7 == 0 && table.find(fmt.Sprintf("service-%d", i+1)) != nil {
				t.Fatalf("of %d, one was found before it was put", n)
			}
		}
		for name, want := range nodes {
			if table.find(name) != want {
				t.Fatalf("of %d, %s is not found", n, name)
			}
		}
		for _, name := range []string{"", "service-", "service--1", "Service-0", fmt.Sprintf("service-%d", n), "service-0 "} {
			if got := table.find(name); got != nil {
				t.Errorf("of %d, %q is %s", n, name, got.name)
			}
		}
		if len(table.slots)*3 < len(table.nodes)*4 || len(table.slots)&(len(table.slots)-1) != 0 {
			t.Errorf("%d slots for %d", len(table.slots), n)
		}
	}
}

// TestLiteralsWhoseHashesAreAlike are told apart by their names, wherever they come to lie.
func TestLiteralsWhoseHashesAreAlike(t *testing.T) {
	var table literals
	a, b := &node{name: "a"}, &node{name: "b"}
	table.put(a)
	table.put(b)
	hash := uint64(0)
	for i, slot := range table.slots { // all of them as if they had b's
		if slot != 0 && uint32(slot) == 2 {
			hash = slot >> 32 << 32
			table.slots[i] = 0
		}
	}
	for i, slot := range table.slots {
		if slot != 0 {
			table.slots[i] = 0
		}
	}
	for i := range table.slots[:len(table.slots)-1] {
		table.slots[i] = hash | 1
	}
	table.slots[len(table.slots)-1] = hash | 2
	if got := table.find("b"); got != b {
		t.Errorf("got %v", got)
	}
}
