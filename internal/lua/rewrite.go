package lua

import (
	"github.com/yuin/gopher-lua/ast"
)

// joinName is the method of strings that a .. b is made a call of. No script can write it down.
const joinName = "\x00.."

// rewriter makes calls of what would otherwise make strings of any length without asking: a .. b becomes ("")[joinName](a, b).
// It goes by the string's metatable, so that setfenv changes nothing.
type rewriter struct{}

func (w rewriter) block(list []ast.Stmt) {
	for _, s := range list {
		w.stmt(s)
	}
}

func (w rewriter) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		w.list(s.Lhs)
		w.list(s.Rhs)
	case *ast.LocalAssignStmt:
		w.list(s.Exprs)
	case *ast.FuncCallStmt:
		w.expr(&s.Expr)
	case *ast.DoBlockStmt:
		w.block(s.Stmts)
	case *ast.WhileStmt:
		w.expr(&s.Condition)
		w.block(s.Stmts)
	case *ast.RepeatStmt:
		w.expr(&s.Condition)
		w.block(s.Stmts)
	case *ast.IfStmt:
		w.expr(&s.Condition)
		w.block(s.Then)
		w.block(s.Else)
	case *ast.NumberForStmt:
		w.expr(&s.Init)
		w.expr(&s.Limit)
		w.expr(&s.Step)
		w.block(s.Stmts)
	case *ast.GenericForStmt:
		w.list(s.Exprs)
		w.block(s.Stmts)
	case *ast.FuncDefStmt:
		w.block(s.Func.Stmts)
	case *ast.ReturnStmt:
		w.list(s.Exprs)
	}
}

func (w rewriter) list(exprs []ast.Expr) {
	for i := range exprs {
		w.expr(&exprs[i])
	}
}

// expr rewrites what at holds, and what is in it.
func (w rewriter) expr(at *ast.Expr) {
	switch e := (*at).(type) {
	case *ast.AttrGetExpr:
		w.expr(&e.Object)
		w.expr(&e.Key)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			w.expr(&f.Key)
			w.expr(&f.Value)
		}
	case *ast.FuncCallExpr:
		w.expr(&e.Func)
		w.expr(&e.Receiver)
		w.list(e.Args)
	case *ast.LogicalOpExpr:
		w.expr(&e.Lhs)
		w.expr(&e.Rhs)
	case *ast.RelationalOpExpr:
		w.expr(&e.Lhs)
		w.expr(&e.Rhs)
	case *ast.ArithmeticOpExpr:
		w.expr(&e.Lhs)
		w.expr(&e.Rhs)
	case *ast.UnaryMinusOpExpr:
		w.expr(&e.Expr)
	case *ast.UnaryNotOpExpr:
		w.expr(&e.Expr)
	case *ast.UnaryLenOpExpr:
		w.expr(&e.Expr)
	case *ast.FunctionExpr:
		w.block(e.Stmts)
	case *ast.StringConcatOpExpr:
		*at = w.join(e)
	}
}

// join makes one call of a chain a .. b .. c, which is evaluated from its end.
func (w rewriter) join(e *ast.StringConcatOpExpr) ast.Expr {
	empty := &ast.StringExpr{}
	call := &ast.FuncCallExpr{Receiver: empty, Method: joinName, AdjustRet: true}
	empty.SetLine(e.Line())
	call.SetLine(e.Line())
	call.SetLastLine(e.LastLine())
	rest := ast.Expr(e)
	for {
		pair, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		call.Args = append(call.Args, one(pair.Lhs))
		rest = pair.Rhs
	}
	call.Args = append(call.Args, one(rest))
	w.list(call.Args)
	return call
}

// one has an expression give one value: operands do, the last argument of a call gives all that it has.
func one(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}
