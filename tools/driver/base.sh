# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# The Debian 13 bases: made once by mmdebstrap, kept in the cache under the hash of their package list, entered in a
# namespace of their own. A base is never changed after it was made, and never removed while something runs from it
# (cache.sh).
#
#   run    what daemons and cages see
#   build  compilers and development packages
#   test   build, run and the tools of the checks; serves as build base when it is there

suite=trixie
base_recipe=1 # counts up when the way a base is made changes

base_packages() {
	case $1 in
	test) cat tools/base/run.packages tools/base/build.packages tools/base/test.packages ;;
	*) cat "tools/base/$1.packages" ;;
	esac | sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' | LC_ALL=C sort -u
}

base_path() {
	key=$({
		echo "$suite $base_recipe $(debian_architecture)"
		base_packages "$1"
	} | sha256sum | cut -c1-16)
	echo "$cache/base-$1-$key"
}

# Prints the base that compiles: the test base when it is there.
build_base() {
	test_base=$(base_path test)
	if [ -d "$test_base" ]; then
		echo "$test_base"
	else
		base_path build
	fi
}

make_base() {
	case $1 in build) base=$(build_base) ;; *) base=$(base_path "$1") ;; esac
	mark_used "$base"
	[ -d "$base" ] || with_lock "base-$1" make_base_locked "$1" "$base"
}

make_base_locked() {
	[ ! -d "$2" ] || return 0
	with_lock mmdebstrap require_mmdebstrap
	progress "$1 base: Debian 13 with $(base_packages "$1" | wc -l) packages and what they need"
	tmp=$(fresh_tmp "base-$1")
	chmod 755 "$tmp"
	logged "$cache/log/base-$1.log" bootstrap "$1" "$tmp/root"
	# shellcheck disable=SC2016 # the format is dpkg's
	chroot "$tmp/root" dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' >"$tmp/versions"
	keep "$tmp" "$2"
	progress_done "$1 base: done, $(megabytes "$(size_of "$2")"), versions in $2/versions"
}

bootstrap() {
	name=$1 root=$2
	set -- --mode=root --variant=essential --format=directory --architectures="$(debian_architecture)" \
		--include="$(base_packages "$name" | paste -sd,)" \
		--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-include=/usr/share/doc/*/copyright'
	# One option a line from this host's apt: its proxies, its certificates.
	while read -r option; do
		[ -z "$option" ] || set -- "$@" "--aptopt=$option"
	done <<-EOT
		$(apt-config dump 2>/dev/null | grep -iE '^Acquire::[a-z:/._-]*(proxy|proxy-auto-detect|cainfo|capath|sslcert|sslkey) "..*' || :)
	EOT
	set -- "$@" "$suite" "$root"
	main=$(host_mirror debian)
	security=$(host_mirror debian-security)
	if [ -n "$main" ]; then
		set -- "$@" "deb $main $suite main" "deb $main $suite-updates main"
		[ -z "$security" ] || set -- "$@" "deb $security $suite-security main"
	fi
	# In namespaces of its own: when it is killed, what it mounted goes with it.
	mkdir "${root%/*}/scratch"
	unshare --mount --pid --fork --kill-child --mount-proc \
		env -u LD_PRELOAD -u LD_LIBRARY_PATH TMPDIR="${root%/*}/scratch" mmdebstrap "$@" </dev/null &&
		rm -rf "${root%/*}/scratch"
}

# The mirror that this host's own apt uses for an archive, or nothing (mmdebstrap then knows one).
host_mirror() {
	# shellcheck disable=SC2016 # the format is apt's
	apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep "/$1/\$" | sort -u | head -n 1
}

# in_base BASE NETWORK COMMAND...: runs a command as root inside a base, in the current folder, with clone and cache
# visible. NETWORK: none; host; client (host, with this person's pip and npm settings).
in_base() {
	enter_base=$1 enter_network=$2
	shift 2
	case $enter_network in none) net=--net ;; *) net= ;; esac
	# shellcheck disable=SC2086 # one option or none
	flock -s -F "$enter_base/root" flock -s -F "$clone" unshare --mount --pid --fork --kill-child $net \
		sh "$clone/tools/driver/enter" "$enter_base/root" "$clone" "$cache" "$enter_network" "$@"
}
