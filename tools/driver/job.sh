# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0 OR MIT
# Jobs that run beside each other, locks between calls, and what happens on a signal.
#
# Everything slow runs as a background child of this shell and is waited for, because only a `wait` ends at once when
# a signal comes. What a job makes, it makes under a temporary name and renames at the end, so killing it is harmless.

inside_job=
trap 'stop_jobs; exit 130' INT
trap 'stop_jobs; exit 143' TERM
trap 'stop_jobs; exit 129' HUP

# Prints every descendant of a process, parents before their children.
descendants() {
	children=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || :
	for child in $children; do
		echo "$child"
		descendants "$child"
	done
}

stop_jobs() {
	trap '' INT TERM HUP
	# shellcheck disable=SC2046 # a list of numbers
	kill -KILL $(descendants $$) 2>/dev/null || :
}

# start NAME COMMAND...: begins a job. finish NAME: waits for it; when it failed, ends this call.
start() {
	job=$1
	shift
	(
		# shellcheck disable=SC2030 # for this job alone
		inside_job=yes
		"$@"
	) </dev/null &
	eval "job_$job=$!"
}

finish() {
	eval "pid=\${job_$1:-}"
	[ -n "$pid" ] || return 0
	if wait "$pid"; then
		return 0
	else
		status=$?
	fi
	# Siblings of a job that fails are ended by the call itself, which sees this failure next.
	# shellcheck disable=SC2031 # set in the subshell that runs this
	[ -n "$inside_job" ] || stop_jobs
	exit "$status"
}

# One job, waited for.
do_step() {
	start step "$@"
	finish step
}

# with_lock NAME COMMAND...: one at a time on this machine. Children inherit the lock, so that what outlives a killed
# call is waited for and not disturbed.
with_lock() {
	lock=$1
	shift
	(
		if ! flock -n 9; then
			progress "$lock is in work already; waiting for it"
			flock 9
		fi
		"$@"
	) 9>"$cache/lock/$lock"
}

# logged FILE COMMAND...: output goes into a file; shows the end of it and fails when the command fails.
logged() {
	log=$1
	shift
	if "$@" >"$log" 2>&1; then
		return 0
	fi
	tail -n 30 "$log" >&2
	advise "$log"
	fail "failed: see above, whole log: $log"
}

# A fresh temporary folder for NAME; removes what interrupted calls left. Only under the lock of NAME.
fresh_tmp() {
	rm -rf --one-file-system -- "$cache/tmp/$1".*
	mktemp -d "$cache/tmp/$1.XXXXXX"
}

# keep TMP FINAL: puts a finished product in its place, whole or not at all.
keep() {
	sync -f "$1"
	mv -T -- "$1" "$2"
}
