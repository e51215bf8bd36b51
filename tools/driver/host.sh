# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# What this machine is, where things are kept on it, and what it lacks.

cache=${CLAWOS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/clawos}
case $cache in /*) ;; *) cache=$clone/$cache ;; esac
call_dir=${OLDPWD:-$clone}
began=$(date +%s)

say() {
	printf 'clawos: %s\n' "$*" >&2
}

fail() {
	say "$*"
	exit 1
}

# A line of progress: what happened, how long the call has run.
progress() {
	printf 'clawos: [%4d s] %s\n' "$(($(date +%s) - began))" "$*" >&2
}

# The same at the end of a step; says what comes next when next_step is set.
progress_done() {
	progress "$*${next_step:+; next: $next_step}"
}
next_step=

# "612 MB" for a number of bytes.
megabytes() {
	echo "$((($1 + 500000) / 1000000)) MB"
}

size_of() {
	du -sb --one-file-system -- "$1" 2>/dev/null | cut -f1
}

debian_architecture() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# As claw finds it (src/l7-shell/up-paths.c).
state_dir() {
	if [ -n "${CLAWOS_STATE:-}" ]; then
		case $CLAWOS_STATE in /*) echo "$CLAWOS_STATE" ;; *) echo "$call_dir/$CLAWOS_STATE" ;; esac
	elif [ "$(id -u)" -eq 0 ]; then
		echo /var/lib/clawos
	else
		case ${XDG_DATA_HOME:-} in /*) echo "$XDG_DATA_HOME/clawos" ;; *) echo "$HOME/.local/share/clawos" ;; esac
	fi
}

# Prints the value of KEY in [SECTION] of a configuration file.
config_value() {
	[ -r "$1" ] || return 0
	awk -v section="[$2]" -v key="$3" '
		/^\[/ { here = ($1 == section) }
		here { at = index($0, "="); name = substr($0, 1, at - 1); gsub(/[ \t]/, "", name)
		       if (at && name == key) { value = substr($0, at + 1); gsub(/^[ \t]+|[ \t]+$/, "", value) } }
		END { print value }' "$1"
}

# True when a remote provider is configured: no weights are fetched then, and no engine for them is built.
has_remote_provider() {
	backend=${LLM_BACKEND:-}
	conf=$(state_dir)/clawos.conf
	[ -n "$backend" ] || backend=$(config_value "$conf" provider backend)
	[ -z "$backend" ] || [ "$backend" = local ] || return 0
	[ "$backend" != local ] || return 1
	[ -n "${LLM_BASE_URL:-}" ] || [ -n "$(config_value "$conf" provider base_url)" ]
}

# What lies in the cache runs with this call's rights: stops when somebody else can put something there.
require_own_cache() {
	found=$(find "$cache/." -maxdepth 0 \( \( ! -uid 0 ! -uid "$(id -u)" \) -o -perm -0002 -o \
		\( -perm -0020 ! -gid 0 ! -gid "$(id -g)" \) \) -print 2>/dev/null) || :
	[ -z "$found" ] || fail "$cache belongs to another user or can be written by others, and what it holds is run as $(id -un);" \
		"set CLAWOS_CACHE to a folder of your own, or give it back: chown $(id -un) $cache; chmod go-w $cache"
}

# Stops with a sentence when this host cannot make or run the base; installs mmdebstrap where apt can.
require_host() {
	[ "$(uname -s)" = Linux ] || fail "ClawOS needs a Linux kernel; this is $(uname -s)."
	[ "$(id -u)" -eq 0 ] || fail "run this as root: making the base and the cages needs it." \
		"Running as an ordinary user (rootless) is not supported yet."
	case $(debian_architecture) in
	amd64) ;;
	arm64) say "note: arm64 is untested." ;;
	*) fail "there is no build for $(uname -m); amd64 is tested, arm64 is untested." ;;
	esac
	# shellcheck source=/dev/null
	system=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-} ${ID_LIKE:-}") ||
		system=unknown
	case $system in
	"debian 12 "* | "debian 13 "*) ;;
	*) say "note: this system (${system%% *}) is untested; Debian 12 and 13 are tested." ;;
	esac
	for tool in unshare flock pivot_root mount umount chroot sha256sum mktemp df find awk sed grep; do
		command -v "$tool" >/dev/null ||
			fail "this host lacks \"$tool\"; install it (packages util-linux, mount, coreutils, findutils, awk, sed, grep)."
	done
	for path in "$clone" "$cache"; do
		case $path in *[!A-Za-z0-9/._+@:,=~-]*) fail "the path \"$path\" has a character that the build tools do not take." ;; esac
	done
	require_own_cache
	if ! mkdir -p "$cache/tmp" "$cache/lock" "$cache/log" "$cache/mnt" "$cache/download" "$cache/model" || [ ! -w "$cache/tmp" ]; then
		fail "$cache cannot be written, and something has to be made there; set CLAWOS_CACHE to a folder that can."
	fi
	[ -w . ] || fail "$clone cannot be written, and the programs are built there; clone to a place that can."
	cache=$(readlink -f -- "$cache")
	case $clone/ in /usr/*) fail "a clone below /usr cannot be seen inside the base; move it elsewhere." ;; esac
	case $cache/ in /usr/*) fail "CLAWOS_CACHE below /usr cannot be seen inside the base; choose another." ;; esac
}

# mmdebstrap and Debian's archive keys, which only the making of a base needs.
require_mmdebstrap() {
	command -v mmdebstrap >/dev/null && [ -n "$(archive_keys)" ] && return 0
	case $system in
	*debian* | *ubuntu*) ;;
	*) fail "this host lacks mmdebstrap or debian-archive-keyring, which make the Debian 13 base;" \
		"install both with this system's package tool (${system%% *} is untested), then call again." ;;
	esac
	progress "installing mmdebstrap and debian-archive-keyring with apt"
	{
		apt-get update -q &&
			DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends mmdebstrap debian-archive-keyring
	} >"$cache/log/apt.log" 2>&1 </dev/null || {
		tail -n 15 "$cache/log/apt.log" >&2
		advise "$cache/log/apt.log"
		fail "apt could not install mmdebstrap (whole log: $cache/log/apt.log)."
	}
	[ -n "$(archive_keys)" ] || fail "debian-archive-keyring of this host has no key of Debian 13 (trixie);" \
		"install a newer debian-archive-keyring, then call again."
}

# Prints the file that holds Debian 13's archive key, or nothing.
archive_keys() {
	find /usr/share/keyrings -name 'debian-archive-trixie-stable.*' 2>/dev/null | head -n 1
}
