package lua

import (
	"bytes"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// source is one file of sources.
type source struct {
	name string
	sum  string // the MD5 sum it must have, "" for any
	read func(name string) ([]byte, error)

	mu    sync.Mutex
	data  []byte
	proto *lua.FunctionProto
}

// load reads the file and compiles it, unless it is still what it was.
func (s *source) load() (*lua.FunctionProto, error) {
	data, err := s.read(s.name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proto != nil && bytes.Equal(data, s.data) {
		return s.proto, nil
	}
	if err := checkSum(data, s.sum); err != nil {
		return nil, err
	}
	proto, err := compile(string(data)+"\n", s.name)
	if err != nil {
		return nil, err
	}
	s.data, s.proto = data, proto
	return proto, nil
}

// code is what is to be run: what was loaded at the start, or, live, what the file is now.
func (s *source) code(live bool) (*lua.FunctionProto, error) {
	if live {
		return s.load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proto, nil
}
