package outbound

import (
	"fmt"
	"io"
	"slices"
)

// ReadAll reads the whole body of res into buf, from its beginning, growing it only as far as needed, and returns what it
// read, be it more than the limit. More than limit bytes are a TooLarge (limit <= 0: no limit); then, and on any other error, the caller still closes
// the body.
func ReadAll(res *Response, limit int64, buf []byte) ([]byte, error) {
	buf = buf[:0]
	if limit > 0 && res.Length > limit {
		return buf, tooLarge(limit)
	}
	if res.Length >= 0 {
		return readExactly(res, buf)
	}
	for {
		if len(buf) == cap(buf) {
			buf = longer(buf, limit)
		}
		n, err := res.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if limit > 0 && int64(len(buf)) > limit {
			return buf, tooLarge(limit) // all of it: who goes on reading must lose nothing
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// longer makes room for more of a body whose length nobody knows: of a large one in few and long steps, since what it was
// copied from stays until it is collected.
func longer(buf []byte, limit int64) []byte {
	switch n := len(buf); {
	case n < 256<<10:
		return slices.Grow(buf, max(512, n/2))
	case limit <= 0:
		return slices.Grow(buf, n)
	default:
		return append(make([]byte, 0, min(4*int64(n), limit+1)), buf...)
	}
}

func readExactly(res *Response, buf []byte) ([]byte, error) {
	want := int(res.Length)
	for len(buf) < want {
		// What an origin announces is believed in steps: a length alone must not cost memory.
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(want-len(buf), max(64<<10, 15*len(buf))))
		}
		n, err := res.Body.Read(buf[len(buf):min(want, cap(buf))])
		buf = buf[:len(buf)+n]
		if err != nil && len(buf) < want {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
	}
	return buf, nil
}

func tooLarge(limit int64) *Error {
	return &Error{Reason: TooLarge, Sent: true, Err: fmt.Errorf("the answer is over %d bytes", limit)}
}
