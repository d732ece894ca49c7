// Package gateway is the house as a whole: everything before a route is known.
//
// # The life of a configuration
//
// [Parse] walks the file and [Config] together and tells every mistake at once, each with its place. [New] then fills every
// endpoint from the service, by value and downwards, picks what depends on the file's version from one table (defaults.go),
// and compiles upwards: a backend becomes a backends.Fetcher, an endpoint an endpoints.Endpoint, the whole a [Gateway].
// Checking is compiling: what cannot be built is the mistake, and an endpoint that cannot be built stops the start. New
// starts nothing and asks no network; what must outlive a configuration is handed to it in [Shared].
//
// # The life of a request
//
// A client's connection is served by package inbound (HTTP/1) or net/http (HTTP/2); [Server] joins them. [Gateway.ServeHTTP]
// begins the record of the request (endpoints.Exchange), takes off the headers that no client may send
// and asks the router for the endpoint. The endpoint's spine is one sentence (endpoints/endpoint.go): guards, authenticate,
// guards, project, fetch, render; its errors rise to one table (endpoints/errors.go). When it is over, one line is logged.
package gateway
