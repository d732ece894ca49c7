// Package gatewaytest is what tests of a gateway share: upstreams whose answers are written as text, an identity
// provider that can misbehave, a signer of tokens, and a [Runner] that plays pages. Everything listens on loopback sockets and
// ends with its test. Only tests import it.
//
// # Pages
//
// A page is one txtar file: some prose that says what holds, then files. The first ones build a world:
//
//	-- gateway.json --          the configuration under test (also krakend.json, gateway.yml, …); without one, the file of
//	                            that name beside the page is taken
//	-- upstream NAME --         a backend and its answers, see below; NAME may be left out
//	-- token NAME --            the claims of a token, see below; NAME may be left out
//	-- env --                   NAME=value lines: what ${NAME} in the configuration means
//	-- replace --               old => new lines: the configuration with other addresses, and nothing else changed
//	-- FILE.EXT --              any other name with a dot in it: a file in {{dir}}
//
// The next ones are played in their order. What stands after a colon is a title: "request: without a token".
//
//	-- request --               sent as it is written. Host and Content-Length are added unless written (or forbidden: !Host)
//	-- request raw --           line ends of the page mean nothing, \r \n \t \\ and \xHH do: every byte is the page's
//	-- request same --          on the connection of the request before (also "raw same")
//	-- response --              the next answer on that connection
//	-- response within 3s --    the request is repeated until the answer is this one
//	-- seen NAME --             one request that the upstream received since the last request, or "nothing"
//	-- log --                   each line stands somewhere in the log since the last request; !line stands nowhere in it
//	-- then --                  the world changes: "upstream NAME stop", "upstream NAME start", "keys NAME rotate",
//	                            "keys NAME retire" (drops all but the newest), "keys NAME answer MODE" (see [Mode]);
//	                            before the first request, it is the world that the gateway finds when it starts
//
// A page with mistakes has no requests; the texts are exact:
//
//	-- mistakes --              what is wrong with the configuration, one a line
//	-- warnings --              what was let pass; without this file there must be none
//
// # Expectations
//
// A response begins with its status line ("HTTP/1.1 200 OK" or "200"; "200 | 204" if either is right), or "closed" if the
// connection ends without an answer. In seen it is the request line ("GET /users?id=1"), byte for byte. Then headers:
//
//	Name: value                 exactly this value; it stands in the message as often as in the page
//	Name: *                     any value
//	Name: ~regexp               a value that the whole expression matches
//	!Name                       no such header
//	trailer Name: value         a field behind the body
//
// Headers that are not named are not looked at. "Cut: yes" is a header of ours: the body broke off. After an empty line comes the body, exact but for the page's last line
// ends. Without one the body is not looked at. The body's first line may say that it is looked at otherwise:
//
//	~json                       the same JSON value, whatever the order of keys and white space; numbers digit by digit
//	~contains                   each line stands somewhere in it
//	~regexp                     the expression (the next line) matches all of it
//	~empty                      no body at all
//	~length N                   this many bytes
//
// With -update responses and mistakes are rewritten to what came; lines that hold stay as they are.
//
// # Upstreams
//
// A rule is a method and a path in the first column and indented lines under it. * stands for any method, and at the end
// of a path for any rest. The first rule that fits answers; a request that none fits fails the test.
//
//	GET /users/7?full=*
//	  if Authorization: Bearer *      only requests with such a header; "if !Name": without it
//	  times 2                         the first two such requests only
//	  asked 2                         at the end of the page it has been asked exactly twice
//	  delay 50ms                      wait before the answer
//	  200 OK                          the status, 200 unless written
//	  Content-Type: application/json  headers, in order and as written
//	                                  an empty line, then the body
//	  {"id": 7}
//
// Further lines before the empty one: "close" (no answer), "reset" (no answer, TCP RST), "hang" (no answer until the
// client leaves), "cut N" (only N bytes of the body come), "chunked", "drip 10ms" (a chunk for each line of the body),
// "early 103 Link: </a>" (an informational answer first), "trailer Name: value" (makes it chunked), "repeat N" (the body N
// times), "gzip" (compressed, and said so), "echo" (the body tells the request as JSON), "raw" (the body is all that is
// sent, escapes as in request raw, then the connection closes).
//
// # Tokens
//
// The claims as a JSON object, after lines that may say otherwise:
//
//	alg: ES256                  RS256 unless written; any of RS, PS, ES, HS, EdDSA
//	keys: NAME                  signed by this provider
//	kid: other                  a wrong key id; "kid: -" for none
//	header: {"typ":"JWT"}       the header as it stands here
//	secret: text                for HS
//	signature: none             left out; or "broken"
//	claims: exactly             nothing is added; otherwise iss, iat and exp are, where they are not written
//	without: exp, iss           except for these
//
// # Placeholders
//
//	{{upstream NAME}}           http://127.0.0.1:port of an upstream
//	{{nobody}}                  the same of a port where nobody listens
//	{{gateway}}                 the address of the gateway itself
//	{{issuer NAME}} {{jwks NAME}}      of a provider; it starts when it is named, NAME may be left out
//	{{domain NAME}} {{ca NAME}} the provider's TLS address, and the file with the certificate to trust
//	{{token NAME}}              a token
//	{{dir}}                     a directory for the page's files
//	{{now}} {{now+5m}}          seconds since 1970
//	{{repeat N text}} {{nl}} {{cr}} {{sp}}     what is hard to write
package gatewaytest
