package expr

import (
	"bytes"
	"encoding/json"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
)

// Names is a set of variables.
type Names uint16

// The variables, each a set of one.
const (
	Method       Names = 1 << iota // req_method: string
	Path                           // req_path: string
	Params                         // req_params: map of string
	Header                         // req_headers: map of lists of string
	Query                          // req_querystring: map of lists of string
	Body                           // req_body: string
	Claims                         // JWT: map
	Complete                       // resp_completed: bool
	Status                         // resp_metadata_status: int
	AnswerHeader                   // resp_metadata_headers: map of lists of string
	Data                           // resp_data: map
	Now                            // now: string, for timestamp(now)
)

// The sets that places offer.
const (
	OfRequest = Method | Path | Params | Header | Query | Body | Now // a request, before it is answered
	OfAnswer  = Complete | Status | AnswerHeader | Data              // an answer
	Anything  = OfRequest | OfAnswer | Claims                        // an answer, the request it was given to, and who asked
)

// variables are the names in the order of the constants.
var variables = [...]string{"req_method", "req_path", "req_params", "req_headers", "req_querystring", "req_body", "JWT",
	"resp_completed", "resp_metadata_status", "resp_metadata_headers", "resp_data", "now"}

// Late reports whether an expression that needs these names waits for the answer.
func (n Names) Late() bool { return n&OfAnswer != 0 }

// String lists the names as people write them.
func (n Names) String() string {
	var list []string
	for i, name := range variables {
		if n&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

func (n Names) celType() *cel.Type {
	switch n {
	case Params:
		return cel.MapType(cel.StringType, cel.StringType)
	case Header, Query, AnswerHeader:
		return cel.MapType(cel.StringType, cel.ListType(cel.StringType))
	case Claims, Data:
		return cel.MapType(cel.StringType, cel.DynType)
	case Complete:
		return cel.BoolType
	case Status:
		return cel.IntType
	}
	return cel.StringType
}

func named(name string) Names {
	for i, v := range variables {
		if v == name {
			return 1 << i
		}
	}
	return 0
}

// needs are the variables that an expression names. A name that a macro binds hides the variable.
func needs(e ast.Expr) Names { return scope{}.needs(e) }

// loops reports whether an expression has a macro that goes over a list or a map.
func loops(a *ast.AST) bool {
	return len(ast.MatchDescendants(ast.NavigateAST(a), ast.KindMatcher(ast.ComprehensionKind))) > 0
}

// scope is the names that macros around have bound.
type scope []string

func (s scope) has(name string) bool {
	for _, bound := range s {
		if bound == name {
			return true
		}
	}
	return false
}

func (s scope) needs(e ast.Expr) (found Names) {
	switch e.Kind() {
	case ast.IdentKind:
		if !s.has(e.AsIdent()) {
			return named(e.AsIdent())
		}
	case ast.SelectKind:
		return s.needs(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			found = s.needs(call.Target())
		}
		return found | s.all(call.Args())
	case ast.ListKind:
		return s.all(e.AsList().Elements())
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			found |= s.needs(entry.AsMapEntry().Key()) | s.needs(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			found |= s.needs(field.AsStructField().Value())
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		result := append(s[:len(s):len(s)], c.AccuVar())
		loop := append(result[:len(result):len(result)], c.IterVar(), c.IterVar2())
		return s.needs(c.IterRange()) | s.needs(c.AccuInit()) | loop.needs(c.LoopCondition()) | loop.needs(c.LoopStep()) | result.needs(c.Result())
	}
	return found
}

func (s scope) all(list []ast.Expr) (found Names) {
	for _, e := range list {
		found |= s.needs(e)
	}
	return found
}

// Decode makes a value of JSON as expressions see it: integers are ints, other numbers doubles.
func Decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
