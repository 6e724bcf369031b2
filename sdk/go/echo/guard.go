// Package echoguard is package guard for echo: a middleware that protects an API with access keys.
//
//	e.Use(echoguard.Protect(g))
//
// It is a module of its own so that who does not use echo does not download it.
package echoguard

import (
	"github.com/labstack/echo/v4"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

// Protect gives a middleware for a server, a group or a route. What the guard refuses it answers itself, past echo's error handler; set
// guard.Config.Refuse for another answer. A request is judged by the path that its client sent, whatever middleware.Rewrite makes of it.
func Protect(g *guard.Guard) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			admitted, ok := g.Admit(c.Response(), c.Request())
			if !ok {
				return nil
			}
			c.SetRequest(admitted)
			return next(c)
		}
	}
}

// Verdict is guard.Verdict of a request.
func Verdict(c echo.Context) (latchkey.VerifyResult, bool) {
	return guard.Verdict(c.Request().Context())
}
