// Package inbound serves HTTP/1 to clients: the counterpart of package outbound.
//
// net/http's server reads every head twice where we have to be stricter than it is, watches every connection from a
// goroutine of its own while a request is answered, and moves a handful of deadlines for each. This one reads a head once,
// by RFC 9112 without its tolerances; looks after the client when somebody waits for that; and sets deadlines that are only
// moved on when they would matter.
//
// The life of a connection (conn.go): wait for a head (read.go), understand it (head.go, target.go, request.go), let the
// handler answer (response.go writes, body.go reads, life.go is the context), and begin again. What is framed doubtfully is
// refused and ends the connection (security: no request hides behind another). HTTP/2 is net/http's: a connection that begins
// with its preface is handed over.
package inbound
