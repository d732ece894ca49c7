package tokens

import (
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// Connection is how connections to a token endpoint are secured and led.
type Connection struct {
	TLS   outbound.TLSConfig `json:"client_tls" doc:"Certificates, ours and theirs."`
	Proxy string             `json:"proxy_address" doc:"The URL of an HTTP proxy to go through; \"none\" for none." default:"HTTPS_PROXY and HTTP_PROXY of the environment"`
}

// over lays the settings of the file on those that there are.
func (c *Connection) over(base outbound.Options) (outbound.Options, error) {
	var err error
	base.TLS, err = c.TLS.Compile()
	return base, conf.Join(conf.At(err, "client_tls"), conf.At(base.Through(c.Proxy), "proxy_address"))
}
