package conf

import (
	"bytes"
	"fmt"
	"testing"
)

// large is a file of some thousand endpoints, larger than people write.
func large(endpoints int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"version": 3, "endpoints": [`)
	for i := range endpoints {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `
  {
    "endpoint": "/a/%d", "timeout": "3s", "headers_to_pass": ["X-A", "X-B"], "@comment": "x", "colour": "red",
    "extra_config": {"auth/validator": {"alg": "RS256", "jwk_url": "https://example.com", "roles": ["a"]}},
    "backend": [{"url_pattern": "/b", "host": ["http://x"], "mapping": {"a": "b"}, "whitelist": ["a.b"],
      "extra_config": {"qos/circuit-breaker": {"max_errors": 1, "interval": "1s"}}}]
  }`, i)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	data := large(1000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("g.json", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data := large(1000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := Parse("g.json", data)
		if err != nil {
			b.Fatal(err)
		}
		if err := d.Decode(&service{}, options()); err != nil {
			b.Fatal(err)
		}
	}
}
