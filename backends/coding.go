package backends

import (
	"net/http"
	"slices"

	"gatehouse/internal/outbound"
)

// decoders undo the content codings of answers; it is a pool.
var decoders outbound.Decoders

// accept says which codings of an answer we can undo, in place of what the client can.
func (b *backend) accept(header []outbound.Field) []outbound.Field {
	said := outbound.Field{Name: "Accept-Encoding", Value: outbound.AcceptEncoding}
	if b.plain {
		said.Value = "identity"
	}
	for i := range header {
		if header[i].Name == said.Name {
			header[i] = said
			return slices.DeleteFunc(header, func(f outbound.Field) bool { return f.Name == said.Name && f != said })
		}
	}
	if b.plain {
		return header
	}
	return append(header, said)
}

// inflate undoes the content codings of an answer. One that we do not know is an error, of a success; a failure then has
// no body.
func (b *backend) inflate(out *outbound.Response) error {
	err := decoders.Decode(out, 0)
	if err == nil {
		return nil
	}
	out.Body.Close()
	if b.success.Has(out.Status) {
		return &Failure{Reason: ReasonBadBody, Err: err}
	}
	out.Body, out.Length = http.NoBody, 0
	return nil
}
