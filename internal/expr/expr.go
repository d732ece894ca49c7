// Package expr judges requests and answers by expressions of the Common Expression Language (CEL). An expression is compiled
// once; which variables it needs, and so at which moment it can be judged, is read from its syntax tree.
//
// The variables are KrakenD's (krakend.md 5). What comes from JSON keeps its meaning: an integer is a CEL int, any other
// number a double. Evaluation ends with its context and is bounded in cost, whatever the data.
package expr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// Bounds of one evaluation: what it may cost (one unit is about one step; a string's are its length over ten), and after
// how many steps of a loop it looks whether its time is over.
const (
	costLimit = 1_000_000
	lookEvery = 100
)

// Program is one compiled expression. It may be used by many at once.
type Program struct {
	text  string
	needs Names
	cel   cel.Program
}

// Compile compiles an expression for a place that offers these variables. A mistake says where in the text it is.
func Compile(text string, offers Names) (*Program, error) {
	env, err := cel.NewEnv(options()...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, placed(issues.Errors())
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("gives a %s, want true or false", cel.FormatCELType(t))
	}
	p := &Program{text: text, needs: needs(ast.NativeRep().Expr())}
	if missing := p.needs &^ offers; missing != 0 {
		if missing == Claims {
			return nil, errors.New("JWT needs a token, and the endpoint has no auth/validator")
		}
		return nil, fmt.Errorf("%s is not known here, want %s", missing, offers)
	}
	opt := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(lookEvery)}
	if loops(ast.NativeRep()) { // what has no loop costs what it is long
		opt = append(opt, cel.CostLimit(costLimit))
	}
	p.cel, err = env.Program(ast, opt...)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func options() []cel.EnvOption {
	// lists.range, which version 2 of the lists has, would make a list of any length.
	list := []cel.EnvOption{cel.StdLib(), ext.Strings(), ext.Encoders(), ext.Math(), ext.Sets(), ext.Lists(ext.ListsVersion(1)), cel.OptionalTypes(),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.CustomTypeAdapter(adapter{types.DefaultTypeAdapter})}
	for i, v := range variables {
		list = append(list, cel.Variable(v, Names(1<<i).celType()))
	}
	return list
}

// Needs are the variables that the expression names.
func (p *Program) Needs() Names { return p.needs }

// String is the expression as it was written.
func (p *Program) String() string { return p.text }

// ErrFalse is the verdict of an expression that says no.
var ErrFalse = errors.New("is false")

// Judge is nil if the expression is true. It is [ErrFalse] if it says false, and any other error if it has no value: a key
// that is not there, another type, too much work. Nothing of the claims is in such an error.
func (p *Program) Judge(ctx context.Context, v *Vars) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	out, _, err := p.cel.ContextEval(ctx, (*activation)(v))
	switch {
	case out == types.True:
		return nil
	case out == types.False:
		return ErrFalse
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrTooHeavy):
		return ErrTooHeavy
	case err == nil:
		return fmt.Errorf("gives a %s, want true or false", typeName(out))
	case p.needs&Claims != 0:
		return errors.New("has no value for these claims")
	}
	return fmt.Errorf("has no value: %w", err)
}

func typeName(v ref.Val) string {
	if v == nil || v.Type() == nil {
		return "nothing"
	}
	return v.Type().TypeName()
}

// Vars are the values that a program is judged by. Only those that it needs have to be there; a map is not changed.
type Vars struct {
	Method, Path string
	Params       map[string]string   // names with their first letter in upper case
	Header       map[string][]string // canonical names
	Query        map[string][]string
	Body         string
	Claims       any // of the token, decoded by [Decode]; nil: no token
	Complete     bool
	Status       int
	AnswerHeader map[string][]string
	Data         *Answer   // nil: none, as one that is no object
	Now          time.Time // zero: now
}

// activation gives the values by name.
type activation Vars

// Parent is none.
func (*activation) Parent() cel.Activation { return nil }

// ResolveName is the value of a variable.
func (v *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "req_method":
		return types.String(v.Method), true
	case "req_path":
		return types.String(v.Path), true
	case "req_params":
		return v.Params, true
	case "req_headers":
		return v.Header, true
	case "req_querystring":
		return v.Query, true
	case "req_body":
		return types.String(v.Body), true
	case "JWT":
		return object(v.Claims), true
	case "resp_completed":
		return types.Bool(v.Complete), true
	case "resp_metadata_status":
		return types.Int(v.Status), true
	case "resp_metadata_headers":
		return v.AnswerHeader, true
	case "resp_data":
		return v.Data, true
	case "now":
		return types.String(v.now()), true
	}
	return nil, false
}

func (v *activation) now() string {
	t := v.Now
	if t.IsZero() {
		t = time.Now()
	}
	return t.UTC().Format(time.RFC3339)
}

// object is a JSON object; anything else counts as an empty one.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
