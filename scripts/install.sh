# Functions for the need-* scripts, which source this file. They speak to standard error only.

# give_up says in one line what is missing, and ends the script.
give_up() {
	echo "$1" >&2
	exit 1
}

# as_root runs a command as root. It fails, without a question, for a user who cannot become root without a password.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# can_install tells whether this is a Debian or one of its descendants, and packages can be installed here.
can_install() {
	[ -e /etc/debian_version ] && command -v apt-get >/dev/null && as_root true 2>/dev/null
}

# install_packages installs Debian packages, each written as in a Depends field, and asks nothing. The package lists are
# fetched only if they do not do: in a fresh container they are empty, and old ones name versions that are gone.
install_packages() {
	echo "installing $*" >&2
	try_install "$@" 2>/dev/null || { as_root apt-get -qq update && try_install "$@"; } >&2
}

try_install() {
	as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -qq -o DPkg::Lock::Timeout=300 satisfy --no-install-recommends "$@" </dev/null >&2
}
