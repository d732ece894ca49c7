package endpoints

import (
	"context"
	"net/http"

	"gatehouse/backends"
	"gatehouse/validator"
)

// Guard is a check before any backend is asked: nil lets the request pass. Guards before the token are given no claims. A
// guard may set headers of the answer, and may put another body in the place of one that it has read.
type Guard func(ctx context.Context, x *Exchange, w http.ResponseWriter, r *http.Request, claims *validator.Claims) error

// edit changes what the backends will be asked.
type edit func(ctx context.Context, x *Exchange, r *http.Request, claims *validator.Claims, req *backends.Request) error

// weigh looks at the whole answer before it is rendered; it may change it, or refuse it.
type weigh func(ctx context.Context, x *Exchange, r *http.Request, claims *validator.Claims, res *backends.Response) error

// Denied is a refusal of ours that has nothing to do with the token.
type Denied struct {
	Status int
	Reason string      // a code of the closed list
	Detail string      // for the client: what is wrong with its request
	Header http.Header // further headers of the answer; may be nil
	Err    error       // for the log; may be nil

	Marked      bool   // with the completeness header, as KrakenD has it on what it refuses while backends are asked
	Text        string // the body where errors have KrakenD's form, if router.return_error_msg asks for it
	Told        bool   // or in any case
	ContentType string // of Text: it is the body, whatever form errors have
	Details     []byte // JSON that version 4's body has as "details"
}

func (d *Denied) Error() string {
	if d.Err == nil {
		return d.Reason
	}
	return d.Reason + ": " + d.Err.Error()
}

// Unwrap is the cause.
func (d *Denied) Unwrap() error { return d.Err }

// compileGuards is the one list of guards, in the order in which they stand (krakend.md 2.1).
func (e *Endpoint) compileGuards(cfg Config, env Env, params []string, wants *validator.Wants, at func(error, ...any)) {
	c := &guardCompiler{endpoint: e, cfg: cfg, env: env, params: params, wants: wants, at: at}
	c.size()
	c.bots()
	c.addressLimit()

	c.scriptBefore()
	c.clientLimit()
	c.limit()
	c.scriptAround()
	c.rules()
	c.schema()
	c.behindScript()
}

// guardCompiler is what the parts of that list are compiled from.
type guardCompiler struct {
	endpoint *Endpoint
	cfg      Config
	env      Env
	params   []string
	wants    *validator.Wants
	at       func(error, ...any)

	scripted bool    // modifier/lua-proxy changes the request before rules and schema judge it
	behind   []Guard // those
	reads    bool    // one of them reads the body
}

// judge adds a guard that looks at what backends will be asked: behind the script that may change it, if there is one.
func (c *guardCompiler) judge(g Guard, reads bool) {
	if !c.scripted {
		c.endpoint.guards = append(c.endpoint.guards, g)
		return
	}
	c.behind = append(c.behind, g)
	c.reads = c.reads || reads
}

func (c *guardCompiler) mistake(err error, namespace string, path ...any) bool {
	if err != nil {
		c.at(err, append([]any{"extra_config", namespace}, path...)...)
	}
	return err != nil
}
