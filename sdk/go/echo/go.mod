module github.com/latchkey-dev/latchkey/sdk/go/echo

go 1.26.0

require (
	github.com/labstack/echo/v4 v4.16.0
	github.com/latchkey-dev/latchkey/sdk/go v0.1.0
)

require (
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/oapi-codegen/nullable v1.1.0 // indirect
	github.com/oapi-codegen/runtime v1.8.0 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	golang.org/x/crypto v0.53.0 // indirect
	golang.org/x/net v0.56.0 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)

// For this repository alone: it does not count for who requires this module. See CONTRIBUTING.md for what a release names above.
replace github.com/latchkey-dev/latchkey/sdk/go => ../
