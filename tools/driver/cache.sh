# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# What the cache keeps, for how long, how much room it needs, and that nothing goes while it is in use.
#
# Who runs from a folder holds a shared lock on it: a supervisor on its base and its programs, a command inside a base on
# that base and its clone (in_base). Removing takes the lock alone, moves the folder away and only then deletes it, so
# nobody ever sees half a folder, and one that is in use stays.

end_seconds=3 # for the programs of a system that was stopped to be gone
unused_days=30 # a base, part or npm that no call used for longer goes after the next build

# What making each takes at its peak, in MB.
run_base_mb=260 build_base_mb=700 test_base_mb=1200 part_mb=100 npm_mb=270 programs_mb=200

# Notes that folders of the cache are used now; what is being pruned meanwhile is gone afterwards, whole.
mark_used() {
	flock -s "$cache/lock/prune" touch -c -- "$@" 2>/dev/null || :
}

# The folder whose lock stands for PATH: of a base its root, which is what a supervisor knows of it.
lock_of() {
	if [ -d "$1/root" ]; then echo "$1/root"; else echo "$1"; fi
}

is_held() {
	[ -d "$1" ] && ! flock -n -x "$(lock_of "$1")" true
}

# Prints who holds a folder: "PID COMMAND", one a line.
holders() {
	find /proc/[0-9]*/fd -lname "$(readlink -f -- "$(lock_of "$1")")" 2>/dev/null | cut -d/ -f3 | sort -un |
		while read -r holder; do
			echo "$holder $({ tr '\0' ' ' <"/proc/$holder/cmdline"; } 2>/dev/null)"
		done
}

# Stops this call when somebody holds the folder, and says who.
require_free() {
	# what was told to end a moment ago may still be about to
	[ ! -d "$1" ] || ! flock -w "$end_seconds" -x "$(lock_of "$1")" true || return 0
	[ -d "$1" ] || return 0
	say "$1 is in use by:"
	holders "$1" | cut -c1-100 | while read -r line; do say "  $line"; done
	fail "nothing was removed. End that (CLAWOS_STATE=DIR ./clawos stop ends the system of DIR), then call again."
}

# move_away PATH FOLDER: puts what nobody holds into FOLDER, for deletion; false when it is held.
move_away() {
	mkdir -p -- "$2"
	flock -n -x "$(lock_of "$1")" mv -T -- "$1" "$2/${1##*/}.$$"
}

# Removes what no call used for unused_days and nobody holds, and what killed calls left half made. Beside another call that prunes it does nothing.
prune() {
	[ -w "$cache/lock" ] || return 0
	(
		flock -n 9 || exit 0
		find "$cache" -mindepth 1 -maxdepth 1 -mtime "+$unused_days" \
			\( -name 'base-*' -o -name 'part-*' -o -name 'npm-*' \) | while read -r path; do
			! move_away "$path" "$cache/tmp/gone" ||
				progress "removed ${path##*/}: not used for $unused_days days"
		done
	) 9>"$cache/lock/prune"
	rm -rf --one-file-system -- "$cache/tmp/gone"
	for path in "$cache"/tmp/*.??????; do # fresh_tmp made it, under the lock of that name
		name=${path##*/}
		[ ! -d "$path" ] || flock -n -x "$cache/lock/${name%.*}" rm -rf --one-file-system -- "$path" || :
	done
}

# Prints the MB that are missing for this call: prepare's PURPOSE, or test.
needed_mb() {
	needed=$programs_mb
	[ -d "$(base_path run)" ] || needed=$((needed + run_base_mb))
	if [ "$1" = test ]; then
		[ -d "$(base_path test)" ] || needed=$((needed + test_base_mb + programs_mb))
	else
		[ -d "$(build_base)" ] || needed=$((needed + build_base_mb))
	fi
	# Parts are keyed by the toolchain of a base, which may not be there yet.
	for part in sqlite ${2:+llama}; do
		[ -d "$(build_base)" ] && [ -d "$(part_path "$part")" ] || needed=$((needed + part_mb))
	done
	[ -d "$(npm_path)" ] || needed=$((needed + npm_mb))
	if [ -n "$2" ] && [ "$1" != build ] && [ ! -f "$(model_path "$2")" ]; then
		for piece in $(lock_pieces "$2"); do
			has_download "$piece" || needed=$((needed + lock_bytes / 1000000 + 1))
		done
		read_lock "$2"
		needed=$((needed + lock_bytes / 1000000 + 1))
	fi
	echo "$needed"
}

free_mb() {
	df -Pk -- "$1" | awk 'NR == 2 { print int($4 / 1000) }'
}

# require_room PURPOSE MODEL: stops before anything is fetched that will not fit.
require_room() {
	needed=$(needed_mb "$1" "$2")
	[ "$(free_mb "$cache")" -ge "$needed" ] ||
		fail "$cache needs about $needed MB more, $(free_mb "$cache") MB are free there;" \
			"free some, or set CLAWOS_CACHE to a folder with more room."
}

# Says what a person can do about a failure that the end of a log shows.
advise() {
	if grep -qiE 'no space left on device|enospc|disk quota exceeded' "$1"; then
		say "the disk is full: $(free_mb "$cache") MB are free for $cache, $(free_mb "$clone") MB for $clone."
	fi
	if grep -qiE 'resolv|name resolution|eai_again|enotfound|econnrefused|etimedout|could not connect|unable to connect|starting new http' "$1"; then
		host=$(sed -nE -e "s/.*resolving '([^']+)'.*/\1/p" -e 's/.*ould not (connect to|resolve host:) ([^: ]+).*/\2/p' \
			-e 's/.*nable to connect to ([^: ]+).*/\1/p' -e 's,.*request to https?://([^/ ]+)/.* failed.*,\1,p' \
			-e 's/.*Starting new HTTPS? connection \([0-9]+\): ([^: ]+).*/\1/p' "$1" | tail -n 1)
		say "${host:-a server} cannot be reached. What has come is kept; call again with a network. A proxy or a" \
			"mirror is taken from this machine's own settings of apt, pip and npm."
	fi
}
