package embedded

import (
	"maps"
	"slices"
	"strings"
)

// arguments are those of the server: what a caller may change, its changes, and then what nobody may.
func (in *instance) arguments() []string {
	all := map[string]string{
		"fsync": "on", "jit": "off", "timezone": "UTC", "log_timezone": "UTC",
		// A query whose Latchkey was killed must end, or it would hold up the next start.
		"client_connection_check_interval": "1s",
	}
	maps.Copy(all, in.settings)
	maps.Copy(all, map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": quoteList(in.run()),
		"unix_socket_permissions": "0700",
		"port":                    port,
		"password_encryption":     "scram-sha-256",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		// What follows keeps statements and the values in them out of the log; terse drops "Key (x)=(y) exists".
		"log_statement":                     "none",
		"log_min_error_statement":           "panic",
		"log_min_duration_statement":        "-1",
		"log_error_verbosity":               "terse",
		"log_parameter_max_length":          "0",
		"log_parameter_max_length_on_error": "0",
	})
	args := []string{"-D", in.data()}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "-c", name+"="+all[name])
	}
	return args
}

// quoteList makes path the one element of a PostgreSQL list of names.
func quoteList(path string) string {
	return `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
}
